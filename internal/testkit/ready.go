package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/epo-dev/epo/db"
	"github.com/epo-dev/epo/internal/pgserver"
)

// A ready folder is a stopped server with the migrated template in it. It is made once per state of db/ and kept below
// .tools of the clone, where `make clean` removes it. A test process copies it, which takes a tenth of the time of making
// one. Whatever is wrong with it, a test process can do without.

// format changes when old ready folders are of no use any more.
const format = "1"

// readyFor is how long ready folders of earlier states of db/ stay.
const readyFor = 24 * time.Hour

// readyDir names the ready folder for this state of db/, these binaries and this user.
func readyDir(root string) (string, error) {
	binaries, err := pgserver.Find(root)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(filepath.Join(binaries, "bin"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, format, binaries, info.ModTime().UnixNano(), os.Geteuid(), db.Digest())
	for _, m := range db.Migrations() {
		fmt.Fprintln(h, m.Name, m.Checksum())
	}
	return filepath.Join(root, ".tools", "testdb", hex.EncodeToString(h.Sum(nil))[:16]), nil
}

// keepReady copies a stopped server to its place for later processes. The first of several wins.
func keepReady(from, ready string) error {
	parent := filepath.Dir(ready)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	next, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(next)
	if err := copyTree(from, next); err != nil {
		return err
	}
	if err := os.Rename(next, ready); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return removeOld(parent, ready)
}

func removeOld(parent, ready string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if path := filepath.Join(parent, e.Name()); err == nil && path != ready && time.Since(info.ModTime()) > readyFor {
			_ = os.RemoveAll(path)
		}
	}
	return nil
}

// copyTree copies a folder into an existing one with modes and, as root, owners. The port of the copied server is left
// out, so that copies do not all ask for the same one.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case rel == filepath.Join("postgres", "port"):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return copyLink(path, target)
		case d.IsDir():
			err = os.Mkdir(target, 0o700)
		default:
			err = copyFile(path, target)
		}
		if err != nil {
			return err
		}
		return sameRights(target, info)
	})
}

func copyLink(path, target string) error {
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	return os.Symlink(to, target)
}

func copyFile(path, target string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}
