package executor

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/epo-dev/epo/internal/account"
)

// directory is what an engine process gets on disk. It exists before anybody
// knows which attempt will get the process.
type directory struct {
	root   string
	script string // for the script file
	work   string // the location a script starts in, empty
	home   string
	tmp    string
}

// makeDirectory makes it, closed to everybody but the account.
func makeDirectory(root string, owner *account.Account) (directory, error) {
	d := directory{
		root: root, script: filepath.Join(root, "script"), work: filepath.Join(root, "work"),
		home: filepath.Join(root, "home"), tmp: filepath.Join(root, "tmp"),
	}
	for _, path := range []string{d.root, d.script, d.work, d.home, d.tmp} {
		if err := os.Mkdir(path, 0o700); err != nil {
			return d, err
		}
		if err := give(path, owner); err != nil {
			return d, err
		}
	}
	return d, nil
}

func give(path string, owner *account.Account) error {
	if owner == nil {
		return nil
	}
	return os.Lchown(path, owner.UID, owner.GID)
}

// write puts a file where the engine can read it.
func (d directory) write(name string, content []byte, owner *account.Account) (string, error) {
	path := filepath.Join(d.script, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", err
	}
	return path, give(path, owner)
}

// maxFileName leaves room for the extension within the 255 bytes of a name.
const maxFileName = 200

// fileName makes the script's file name: the name it is known by, as far as it
// can be one, with the extension .ps1 that the engine asks for.
func fileName(name string) string {
	name = strings.TrimSuffix(strings.ToValidUTF8(name, "_"), ".ps1")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	for len(name) > maxFileName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if strings.Trim(name, ". ") == "" {
		name = "script"
	}
	return name + ".ps1"
}

// removeAll removes a directory, also one whose folders were closed by whoever
// owned them. It follows no links.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
