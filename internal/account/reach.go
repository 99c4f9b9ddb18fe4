package account

import (
	"fmt"
	"os"
	"path/filepath"
)

// UnreachableError says which file or folder on the way keeps an account from a path.
type UnreachableError struct {
	Account string
	Path    string // what should be reached
	Blocked string // the first part of it that the account may not enter or read
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("account %s cannot reach %s: no permission on %s", e.Account, e.Path, e.Blocked)
}

// Reach returns nil if the account may enter every folder above path and read path itself (enter and list it, if it is a
// folder), else an *UnreachableError, or the error of a path that cannot be looked at. It reads mode bits only, as they
// hold for a process with this uid, this gid and no further groups. On Windows it always returns nil.
func (a Account) Reach(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("reach %s: %w", path, err)
	}
	for _, p := range []string{path, real} {
		if blocked, err := a.firstBlocked(p); err != nil {
			return fmt.Errorf("reach %s: %w", path, err)
		} else if blocked != "" {
			return &UnreachableError{Account: a.Name, Path: path, Blocked: blocked}
		}
	}
	return nil
}

const (
	search = 1 // x of a folder
	read   = 4
)

// firstBlocked walks from the root down to path, which is absolute.
func (a Account) firstBlocked(path string) (string, error) {
	var above []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		above = append(above, dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for i := len(above) - 1; i >= 0; i-- {
		if ok, err := a.may(above[i], search, search); err != nil || !ok {
			return above[i], err
		}
	}
	if ok, err := a.may(path, read|search, read); err != nil || !ok {
		return path, err
	}
	return "", nil
}

// may reports whether the account has the bits onDir on a folder, or onFile on anything else.
func (a Account) may(path string, onDir, onFile os.FileMode) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	want := onFile
	if info.IsDir() {
		want = onDir
	}
	return a.bits(info)&want == want, nil
}
