//go:build unix

package testkit

import (
	"io/fs"
	"os"
	"syscall"
)

// sameRights gives a copy the mode of its original and, where we may, its owner.
func sameRights(path string, original fs.FileInfo) error {
	if stat, ok := original.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Lchown(path, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(path, original.Mode().Perm())
}
