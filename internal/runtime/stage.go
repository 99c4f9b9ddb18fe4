package runtime

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Stage copies an engine, and the dotnet that runs it, below dir, so that
// another account can read it there: a clone or a home folder is often closed
// to others. Files are linked where that is possible, so it costs no space on
// the same file system. A finished earlier copy of the same engine is used
// again. Anybody may read the copy, only the caller's account may write it.
func Stage(e Engine, dir string) (Engine, error) {
	if e.Home == "" {
		return Engine{}, fmt.Errorf("stage engine: %s is not a plain installation", e.Path)
	}
	name := "pwsh-" + e.Version
	home, err := stageTree(e.Home, filepath.Join(dir, name), nil)
	if err != nil {
		return Engine{}, fmt.Errorf("stage engine: %w", err)
	}
	staged := Engine{Version: e.Version, Edition: e.Edition, Home: home}
	if len(e.Args) == 0 {
		staged.Path = filepath.Join(home, filepath.Base(e.Path))
		return staged, nil
	}
	host, err := stageTree(filepath.Dir(e.Path), filepath.Join(dir, name+"-dotnet"), isRuntimePart)
	if err != nil {
		return Engine{}, fmt.Errorf("stage dotnet: %w", err)
	}
	staged.Path = filepath.Join(host, filepath.Base(e.Path))
	staged.Args = []string{filepath.Join(home, filepath.Base(e.Args[0]))}
	return staged, nil
}

// isRuntimePart leaves out the SDK, which the engine does not need.
func isRuntimePart(rel string) bool {
	top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
	return top == "." || top == "host" || top == "shared" || strings.HasPrefix(top, "dotnet")
}

// stageTree copies a tree to dst in one step: a half copy never has the name dst.
func stageTree(src, dst string, want func(rel string) bool) (string, error) {
	if _, err := os.Stat(dst); err == nil {
		return dst, nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), ".staging-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if want != nil && !want(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return stageEntry(path, filepath.Join(tmp, rel), d)
	})
	if err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dst); err != nil {
		if _, other := os.Stat(dst); other == nil {
			return dst, nil // another process was faster
		}
		return "", err
	}
	return dst, nil
}

func stageEntry(src, dst string, d fs.DirEntry) error {
	if d.IsDir() {
		if err := os.MkdirAll(dst, 0o755); err != nil {
			return err
		}
		return os.Chmod(dst, 0o755)
	}
	info, err := os.Stat(src) // a link is copied as what it points to
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	const readable = 0o444
	if d.Type().IsRegular() && info.Mode()&readable == readable && info.Mode()&0o022 == 0 && trusted(src) && os.Link(src, dst) == nil {
		return nil
	}
	return copyFile(src, dst, info.Mode().Perm()|readable|info.Mode().Perm()&0o100>>3|info.Mode().Perm()&0o100>>6)
}

func copyFile(src, dst string, mode fs.FileMode) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Chmod(mode &^ 0o022)
}
