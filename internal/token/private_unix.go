//go:build unix

package token

import (
	"errors"
	"os"
)

// checkPrivate refuses a file that anybody but its owner can read or write.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return errors.New("the file must be a regular file with mode 0600")
	}
	return nil
}
