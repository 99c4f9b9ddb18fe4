package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/pgserver"
	"github.com/epo-dev/epo/internal/store"
)

// Main runs the tests of a package that use DB: `func TestMain(m *testing.M) { testkit.Main(m) }`.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without leaving the process, for a TestMain that has more to do. It returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := process.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return max(code, 1)
	}
	return code
}

// process is the one server of this test process. It is the package's only state: TestMain and the tests have no other
// way to meet.
var process server

type server struct {
	once sync.Once
	err  error

	dir     string
	pg      *pgserver.Server
	super   *pgxpool.Pool // superuser, on database postgres
	secrets store.Secrets

	names atomic.Int64 // databases made so far
	keep  atomic.Bool  // a test failed: leave the folder
}

// get starts the server at the first call.
func (s *server) get() (*server, error) {
	s.once.Do(func() { s.err = s.start() })
	return s, s.err
}

// template is the database that DB clones.
const template = "epo_template"

func (s *server) start() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	name, err := packageName(root)
	if err != nil {
		return err
	}
	if err := sweep(name); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(base(), prefix+name+"-"); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // as root the server's account has to get through
		return err
	}
	ready, err := readyDir(root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if _, err := os.Stat(ready); err != nil || copyTree(ready, s.dir) != nil {
		if err := s.prepare(ctx, ready); err != nil {
			return err
		}
	}
	return s.run(ctx)
}

// run starts the server in the folder and connects to it.
func (s *server) run(ctx context.Context) (err error) {
	s.pg, err = pgserver.Start(ctx, pgserver.Config{DataDir: filepath.Join(s.dir, "postgres"), Account: "nobody", Disposable: true})
	if err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(s.pg.SuperuserURL("postgres"))
	if err != nil {
		return err
	}
	config.MaxConns = 4
	if s.super, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	s.secrets, err = store.LoadOrCreateSecrets(filepath.Join(s.dir, "secrets.json"))
	return err
}

// prepare makes a server with the template from nothing and keeps a copy for later processes, if that is possible.
func (s *server) prepare(ctx context.Context, ready string) error {
	if err := emptyFolder(s.dir); err != nil { // of a copy that did not come to its end
		return err
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	if err := s.exec(ctx, "create database "+template+" owner "+installer+" template template0"); err != nil {
		return err
	}
	if _, err := store.Migrate(ctx, onDatabase(s.pg.URL(), template), s.secrets, nil); err != nil {
		return err
	}
	s.super.Close()
	if err := s.pg.Stop(ctx); err != nil {
		return err
	}
	_ = keepReady(s.dir, ready) // the next process does this work again then
	return nil
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) stop() error {
	if s.super != nil {
		s.super.Close()
	}
	if s.pg != nil {
		if err := s.pg.Stop(context.Background()); err != nil {
			return err
		}
	}
	if s.dir == "" {
		return nil
	}
	if s.keep.Load() {
		fmt.Fprintf(os.Stderr, "testkit: databases of failed tests are kept in %s until the next run of this package\n", s.dir)
		return nil
	}
	return os.RemoveAll(s.dir)
}

const prefix = "epo-test-"

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return root, nil
		}
		if root == filepath.Dir(root) {
			return "", errors.New("no go.mod above " + dir)
		}
	}
}

// packageName names the package under test: its folder below the module's root.
func packageName(root string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, dir)
	return strings.ReplaceAll(filepath.ToSlash(rel), "/", "-"), err
}

// Folder returns an empty folder for the server of a test that needs one of its own: every account can reach it, unlike
// t.TempDir. It is removed after the test.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(base(), prefix+"own-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// base is where servers of tests live: in memory if there is plenty of it, since their disks would be busy for nothing.
// TMPDIR overrules that.
func base() string {
	const memory, plenty = "/dev/shm", 4 << 30
	if os.Getenv("TMPDIR") == "" && freeBytes(memory) >= plenty {
		return memory
	}
	return os.TempDir()
}

// keptFor is how long the folder of another package's failed run stays.
const keptFor = 24 * time.Hour

// sweep removes folders of earlier runs that were killed or kept their databases. One whose server still runs belongs to
// another process of this moment.
func sweep(name string) error {
	folders, err := filepath.Glob(filepath.Join(base(), prefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range folders {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		mine := strings.HasPrefix(filepath.Base(dir), prefix+name+"-")
		fresh := time.Since(info.ModTime()) < time.Minute // may be starting right now
		if fresh || (!mine && time.Since(info.ModTime()) < keptFor) || pgserver.Running(filepath.Join(dir, "postgres")) {
			continue
		}
		_ = os.RemoveAll(dir) // another user's is theirs to remove
	}
	return nil
}

// exec runs one statement as superuser.
func (s *server) exec(ctx context.Context, sql string) error {
	_, err := s.super.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}
