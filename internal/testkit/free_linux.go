package testkit

import "golang.org/x/sys/unix"

// freeBytes is the room in a memory file system that programs may run from, 0 if it is none.
func freeBytes(path string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil || s.Type != unix.TMPFS_MAGIC || s.Flags&unix.ST_NOEXEC != 0 || unix.Access(path, unix.W_OK) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
