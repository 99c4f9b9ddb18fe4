//go:build unix

package agent

import (
	"fmt"
	"os"
)

// checkPrivate refuses a file that group or others can reach.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("key %s is open to others (mode %04o): whoever read it can act as this agent; enroll it again, or if you are sure, chmod 600", path, info.Mode().Perm())
	}
	return nil
}

// makePrivate makes a folder for this account alone, also when it was there before.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close state folder to others: %w", err)
	}
	return nil
}
