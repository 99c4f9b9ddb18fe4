//go:build unix

package executor

import (
	"os"
	"syscall"
)

// ownDirectory tells whether path is a directory of this process's account and
// no link to one.
func ownDirectory(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
