package executor

import "os"

// ownDirectory tells whether path is a directory and no link to one. The
// temporary folder of Windows belongs to one user.
func ownDirectory(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
