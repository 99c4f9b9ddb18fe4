//go:build unix

package executor

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// notPrivate says why a file is not its owner's alone, and how to mend that.
func notPrivate(path string, info fs.FileInfo) (problem, mend string) {
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Sprintf("others may read or write it (mode %04o)", info.Mode().Perm()), "chmod 600 " + path
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() && s.Uid != 0 {
		return fmt.Sprintf("it belongs to user %d and not to the agent's account", s.Uid), fmt.Sprintf("chown %d %s", os.Geteuid(), path)
	}
	return "", ""
}
