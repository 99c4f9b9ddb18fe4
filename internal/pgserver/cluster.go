package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/epo-dev/epo/internal/account"
)

// superuser and admin are the two roles that this package makes. Everything but care of the server itself is done as
// admin, which may create roles and owns the database, as on a managed PostgreSQL.
const (
	superuser = "epo_superuser"
	admin     = "epo_install"
	database  = "epo"
)

// minimumMajor is the oldest PostgreSQL that EPO runs on.
const minimumMajor = 17

// binaries is an installation that is ready to run.
type binaries struct {
	home    string
	version string // as in "17.10"
	major   int
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[.\w]*)`)

// inspect asks postgres for its version, which also shows that it starts at all.
func inspect(ctx context.Context, home string) (binaries, error) {
	cmd := exec.CommandContext(ctx, program(home, "postgres"), "--version")
	cmd.Env = childEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		e := failure("postgres does not start", strings.TrimSpace(string(out)), err)
		if e.Code == StartFailed || errors.Is(err, fs.ErrNotExist) {
			e.Code, e.Do = BinariesBroken, symptoms[2].do
		}
		return binaries{}, e
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return binaries{}, &Error{Code: BinariesBroken, What: "postgres --version says " + strconv.Quote(string(out)), Do: symptoms[2].do}
	}
	major, err := strconv.Atoi(m[2])
	if err != nil || major < minimumMajor {
		return binaries{}, &Error{Code: VersionTooOld, What: "version " + m[1] + " is too old, EPO needs 17 or later",
			Do: "EPO_PG_BIN names the bin folder of another PostgreSQL"}
	}
	return binaries{home: home, version: m[1], major: major}, nil
}

// ensureCluster makes the cluster if there is none, and refuses one of another major version. initdb works in a folder
// of its own that takes its final name when it is complete, so an interrupted one is simply done again.
func ensureCluster(ctx context.Context, c Config, l layout, b binaries, as *account.Account, log *os.File) error {
	text, err := os.ReadFile(filepath.Join(l.cluster(), "PG_VERSION"))
	if err == nil {
		if found := strings.TrimSpace(string(text)); found != strconv.Itoa(b.major) {
			return &Error{Code: DataVersion, What: fmt.Sprintf("the data in %s is of PostgreSQL %s, the binaries are %s", l.cluster(), found, b.version), Do: symptoms[3].do}
		}
		if _, err := os.Stat(l.superuserPassword()); err != nil {
			return &Error{Code: PasswordMissing, What: l.superuserPassword() + " is missing, the data beside it cannot be opened without it",
				Do: "Restore it from a backup. If nothing in the data folder matters, remove the folder and start again", Err: err}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fileError("look at the data folder", err)
	}
	if _, err := os.Stat(l.cluster()); err == nil {
		return &Error{Code: DataDamaged, What: l.cluster() + " has no PG_VERSION, so it is no database", Do: "Restore it from a backup, or move it away and start again"}
	}
	return initdb(ctx, c, l, b, as, log)
}

func initdb(ctx context.Context, c Config, l layout, b binaries, as *account.Account, log *os.File) error {
	fresh := l.unfinishedCluster()
	if _, err := clearLeftovers(ctx, fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(fresh); err != nil {
		return fileError("remove an unfinished database", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fileError("make the data folder", err)
	}
	if err := chown(fresh, as); err != nil {
		return fileError("give the data folder to the server's account", err)
	}
	password, err := ensurePassword(l.superuserPassword())
	if err != nil {
		return err
	}
	pwfile := l.path("pwfile")
	defer os.Remove(pwfile)
	if err := writeFile(pwfile, password+"\n", 0o600); err != nil {
		return fileError("write the first password", err)
	}
	if err := chown(pwfile, as); err != nil {
		return fileError("write the first password", err)
	}
	args := []string{"-D", fresh, "--username=" + superuser, "--pwfile=" + pwfile, "--auth=scram-sha-256", "--encoding=UTF8",
		"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"}
	if c.Disposable {
		args = append(args, "--no-sync")
	} else {
		args = append(args, "--data-checksums")
	}
	if err := run(ctx, as, log, program(b.home, "initdb"), args...); err != nil {
		return err
	}
	if err := os.Rename(fresh, l.cluster()); err != nil {
		return fileError("finish the database", err)
	}
	return nil
}

// run runs a program to its end and turns a failure into an Error with what it said.
func run(ctx context.Context, as *account.Account, log *os.File, path string, args ...string) error {
	mark, err := log.Seek(0, 2)
	if err != nil {
		return fileError("read the log", err)
	}
	name := filepath.Base(path)
	p, err := launch(as, log, path, args...)
	if err != nil {
		return failure(name+" does not start", "", err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.done
		return ctx.Err()
	}
	if p.err != nil {
		return failure(name+" failed", tail(log.Name(), mark), p.err)
	}
	return nil
}

// ensurePassword reads a password file, or makes one with a fresh password.
func ensurePassword(path string) (string, error) {
	password, err := readPassword(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return password, err
	}
	password = rand.Text() + rand.Text() // 256 bits
	if err := writeFile(path, password+"\n", 0o600); err != nil {
		return "", fileError("write a password", err)
	}
	return password, nil
}

func readPassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fileError("read a password", err)
	}
	if len(text) == 0 {
		return "", fileError("read a password", fmt.Errorf("%s is empty: %w", path, fs.ErrNotExist))
	}
	return strings.TrimSpace(string(text)), nil
}

const tailBytes = 4096

// tail returns what was written to a log since the mark, its last lines if that is long.
func tail(path string, mark int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(mark, info.Size()-tailBytes)
	text := make([]byte, max(0, info.Size()-from))
	n, _ := f.ReadAt(text, from)
	return strings.TrimSpace(string(text[:n]))
}
