//go:build unix

package account

import (
	"os"
	"syscall"
)

// bits returns the rwx bits that apply to the account.
func (a Account) bits(info os.FileInfo) os.FileMode {
	stat, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case a.UID == 0:
		return 7
	case ok && int(stat.Uid) == a.UID:
		return mode >> 6 & 7
	case ok && int(stat.Gid) == a.GID:
		return mode >> 3 & 7
	default:
		return mode & 7
	}
}
