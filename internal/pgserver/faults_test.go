//go:build linux

package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/account"
)

// asRoot names why a test needs root; the machine of an ordinary user runs the others.
func asRoot(t *testing.T, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: " + why)
	}
}

func nobody(t *testing.T) account.Account {
	t.Helper()
	a, err := account.Lookup("nobody")
	require.NoError(t, err)
	return a
}

// serverAccount is who the server of a test runs as; nil for ourselves.
func serverAccount(t *testing.T) *account.Account {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	a := nobody(t)
	return &a
}

func TestBinariesBelowAClosedHomeAreCopied(t *testing.T) {
	t.Parallel()
	asRoot(t, "an ordinary user's server runs as the user")
	dir := folder(t)
	native, err := Find(".")
	require.NoError(t, err)
	home := filepath.Join(dir, "home", "native")
	require.NoError(t, copyTree(native, home))
	list, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "pg-symlinks.json"), list, 0o600))
	require.NoError(t, os.Chmod(filepath.Dir(home), 0o700))

	c := config(dir)
	c.BinDir = filepath.Join(home, "bin")
	s := start(t, c)
	require.Equal(t, filepath.Join(c.DataDir, "postgres-17"), s.binaries.home)
	stop(t, s)

	// A half-finished copy is done again.
	require.NoError(t, os.Truncate(program(s.binaries.home, "postgres"), 100))
	s = start(t, c)
	require.NoError(t, s.ping(t.Context()))
}

// npm drops the library links, and where the package was installed by somebody else nobody may add them.
func TestBinariesWithoutLinksOnAReadOnlyFolderAreCopied(t *testing.T) {
	t.Parallel()
	asRoot(t, "mounts a folder read-only")
	dir := folder(t)
	home := filepath.Join(dir, "package", "native")
	native, err := Find(".")
	require.NoError(t, err)
	require.NoError(t, copyTree(native, home)) // leaves links out
	list, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "pg-symlinks.json"), list, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package", "package.json"), []byte(`{"version":"17.10.0-test"}`), 0o644))
	require.NoError(t, syscall.Mount(home, home, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(home, 0)) })
	require.NoError(t, syscall.Mount("", home, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))

	c := config(dir)
	c.BinDir = home
	s := start(t, c)
	require.Equal(t, filepath.Join(c.DataDir, "postgres-17.10.0-test"), s.binaries.home)
	require.NoError(t, s.ping(t.Context()))

	// Where they may be added, they are, and the binaries stay where they are.
	stop(t, s)
	require.NoError(t, syscall.Mount("", home, "", syscall.MS_BIND|syscall.MS_REMOUNT, ""))
	s = start(t, c)
	require.Equal(t, home, s.binaries.home)
	require.FileExists(t, filepath.Join(home, "lib", "libicui18n.so.60"))
}

func TestDataFolderBelowAClosedHomeIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	asRoot(t, "an ordinary user's server runs as the user")
	dir := folder(t)
	require.NoError(t, os.Chmod(dir, 0o700))
	_, err := Start(t.Context(), config(dir))
	require.Equal(t, Unreachable, CodeOf(err), "%v", err)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "/var/lib/epo")
}

func TestMissingOrBrokenBinariesAreSaid(t *testing.T) {
	t.Parallel()
	script := func(name, text string) string {
		dir := folder(t)
		require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
		for _, p := range []string{"postgres", "initdb"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", p), []byte(text), 0o755), name)
		}
		return dir
	}
	tests := []struct {
		name string
		dir  string
		want Code
	}{
		{"empty folder", folder(t), BinariesMissing},
		{"missing folder", "/no/such/folder", BinariesMissing},
		{"old version", script("old", "#!/bin/sh\necho 'postgres (PostgreSQL) 16.4 (Debian)'\n"), VersionTooOld},
		{"no loader", script("loader", "#!/no/such/loader\n"), BinariesBroken},
		{"missing library", script("library", "#!/bin/sh\necho 'postgres: error while loading shared libraries: libicui18n.so.60' >&2; exit 127\n"), BinariesBroken},
		{"nonsense", script("nonsense", "#!/bin/sh\necho hello\n"), BinariesBroken},
		{"initdb fails", script("initdb", "#!/bin/sh\n[ $1 = --version ] && echo 'postgres (PostgreSQL) 17.11' && exit\necho 'initdb: error: could not write: No space left on device' >&2; exit 1\n"), DiskFull},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := config(folder(t))
			c.BinDir = test.dir
			_, err := Start(t.Context(), c)
			require.Equal(t, test.want, CodeOf(err), "%v", err)
		})
	}
}

func TestDataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	require.NoError(t, os.MkdirAll(filepath.Join(c.DataDir, "pgdata"), 0o700))
	_, err := Start(t.Context(), c)
	require.Equal(t, DataDamaged, CodeOf(err), "%v", err)
	require.NoError(t, os.WriteFile(filepath.Join(c.DataDir, "pgdata", "PG_VERSION"), []byte("16\n"), 0o600))
	_, err = Start(t.Context(), c)
	require.Equal(t, DataVersion, CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "PostgreSQL 16")
}

func TestLostOrWrongSuperuserPasswordIsSaid(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	stop(t, start(t, c))
	file := filepath.Join(c.DataDir, "superuser.password")
	require.NoError(t, os.WriteFile(file, []byte("wrong\n"), 0o600))
	_, err := Start(t.Context(), c)
	require.Equal(t, PasswordMissing, CodeOf(err), "%v", err)
	require.NoError(t, os.Remove(file))
	_, err = Start(t.Context(), c)
	require.Equal(t, PasswordMissing, CodeOf(err), "%v", err)
}

func TestUnfinishedInitdbIsDoneAgain(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	half := filepath.Join(c.DataDir, "pgdata.new")
	require.NoError(t, os.MkdirAll(filepath.Join(half, "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("17\n"), 0o600))
	require.NoError(t, start(t, c).ping(t.Context()))
	require.NoDirExists(t, half)
	require.NoFileExists(t, filepath.Join(c.DataDir, "pwfile"))
}

func TestFullDiskIsSaidAndCuredByRoom(t *testing.T) {
	t.Parallel()
	asRoot(t, "mounts a small file system")
	dir := folder(t)
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=30m,mode=0755"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	_, err := Start(t.Context(), config(dir))
	require.Equal(t, DiskFull, CodeOf(err), "%v", err)
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=300m,mode=0755"))
	s := start(t, config(dir))
	require.NoError(t, s.ping(t.Context()))
	stop(t, s)
}

// A process id is used again after a crash of the machine; PostgreSQL alone would refuse to start for ever.
func TestStaleLockFileOfAnUnrelatedProcessIsRemoved(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	s := start(t, c)
	cluster := s.files.cluster()
	stop(t, s)
	stranger := exec.Command("sleep", "600")
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: credential(serverAccount(t))}
	require.NoError(t, stranger.Start())
	defer func() {
		require.NoError(t, stranger.Process.Signal(syscall.Signal(0)), "the stranger was left alone")
		require.NoError(t, stranger.Process.Kill())
		_ = stranger.Wait()
	}()
	text := fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n127.0.0.1\n  1234567   1\nready\n", stranger.Process.Pid, cluster)
	require.NoError(t, os.WriteFile(filepath.Join(cluster, "postmaster.pid"), []byte(text), 0o600))
	require.NoError(t, chown(filepath.Join(cluster, "postmaster.pid"), serverAccount(t)))
	require.NoError(t, start(t, c).ping(t.Context()))
}

// Where the kernel did not tell the server of its parent's death (not Linux, or somebody started it by hand), it is
// still running when the next one of ours comes.
func TestServerThatOutlivedItsParentIsStoppedFirst(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	s := start(t, c)
	execute(t, s.URL(), "create table kept as select 42 as n")
	stop(t, s)
	orphan := exec.Command(program(s.binaries.home, "postgres"), "-D", s.files.cluster(), "-c", "config_file="+s.files.config(), "-p", strconv.Itoa(s.port))
	orphan.Dir, orphan.Env = "/", childEnv()
	orphan.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential(s.as)}
	require.NoError(t, orphan.Start())
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	require.Eventually(t, func() bool { return s.ping(t.Context()) == nil }, time.Minute, 5*time.Millisecond)

	next := start(t, c)
	require.NoError(t, <-ended, "it was asked for a clean shutdown")
	require.Equal(t, 42, query[int](t, next.URL(), "select n from kept"))
}

const childFolder = "EPO_PGSERVER_TEST_FOLDER" // set in processes that a test starts; what they are to do is in the test's name

// TestChildProcessRunsAServer is the body of processes that other tests start.
func TestChildProcessRunsAServer(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("is started by other tests")
	}
	s := start(t, config(dir))
	execute(t, s.URL(), "create table if not exists kept as select 42 as n")
	fmt.Printf("server %d\n", s.PID())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent closes it, or kills us
}

// child starts this test binary anew and returns when its server runs.
func child(t *testing.T, as *account.Account, dir string) (cmd *exec.Cmd, serverPID int, finish func() error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	if as != nil { // go test's own folder is closed to others
		copied := filepath.Join(dir, "pgserver.test")
		require.NoError(t, copyFile(self, copied))
		require.NoError(t, os.Chmod(copied, 0o755))
		self = copied
	}
	native, err := Find(".")
	require.NoError(t, err)
	cmd = exec.Command(self, "-test.run=^TestChildProcessRunsAServer$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childFolder+"="+dir, "EPO_PG_BIN="+native)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(as)}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for {
		var word string
		_, err := fmt.Fscan(out, &word)
		require.NoError(t, err, "the child did not get its server up")
		if word == "server" {
			_, err := fmt.Fscan(out, &serverPID)
			require.NoError(t, err)
			break
		}
	}
	return cmd, serverPID, func() error { in.Close(); go drain(out); return cmd.Wait() }
}

func drain(r interface{ Read([]byte) (int, error) }) {
	for buffer := make([]byte, 4096); ; {
		if _, err := r.Read(buffer); err != nil {
			return
		}
	}
}

func TestServerOfAKilledProcessShutsDownCleanlyAndTheNextOneStarts(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cmd, pid, _ := child(t, nil, dir)
	require.NoError(t, cmd.Process.Kill())
	_, _ = cmd.Process.Wait()

	s := start(t, config(dir)) // at once, while the old one is still going down
	require.NotEqual(t, pid, s.PID())
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
	log, err := os.ReadFile(s.files.log())
	require.NoError(t, err)
	require.Contains(t, string(log), "received fast shutdown request")
	require.NotContains(t, string(log), "was interrupted", "no recovery was needed")
}

func TestOrdinaryUserRunsItsOwnServer(t *testing.T) {
	t.Parallel()
	asRoot(t, "to become another user; as an ordinary user every test shows this")
	dir := folder(t)
	who := nobody(t)
	require.NoError(t, os.Chown(dir, who.UID, who.GID))
	_, pid, finish := child(t, &who, dir)
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	require.NoError(t, err)
	require.EqualValues(t, who.UID, info.Sys().(*syscall.Stat_t).Uid)
	require.NoError(t, finish())
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }, time.Minute, 5*time.Millisecond)
	info, err = os.Stat(filepath.Join(dir, "postgres"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestFolderWithoutPermissionIsSaid(t *testing.T) {
	t.Parallel()
	asRoot(t, "to take a permission away")
	dir := folder(t)
	c := config(dir)
	stop(t, start(t, c))
	// A cluster that belongs to somebody else, as after a start by another user.
	require.NoError(t, os.Chown(filepath.Join(c.DataDir, "pgdata"), 1, 1))
	_, err := Start(t.Context(), c)
	require.Equal(t, PermissionDenied, CodeOf(err), "%v", err)
	require.NoError(t, os.Chown(filepath.Join(c.DataDir, "pgdata"), nobody(t).UID, nobody(t).GID))
}

func TestCancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond) // in the middle of initdb
	defer cancel()
	_, err := Start(ctx, c)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	l := layout(c.DataDir)
	require.Eventually(t, func() bool { return len(serversOf(l.cluster()))+len(serversOf(l.unfinishedCluster())) == 0 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, start(t, c).ping(t.Context()))
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := map[string]Code{
		"FATAL:  could not write lock file \"postmaster.pid\": No space left on device": DiskFull,
		"LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use":       PortTaken,
		"postgres: error while loading shared libraries: libicuuc.so.60":                BinariesBroken,
		"FATAL:  database files are incompatible with server":                           DataVersion,
		"FATAL:  lock file \"postmaster.pid\" already exists":                           InUse,
		"FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use":        InUse,
		"FATAL:  could not map anonymous shared memory: Cannot allocate memory":         OutOfMemory,
		"PANIC:  could not locate a valid checkpoint record":                            DataDamaged,
		"FATAL:  data directory \"x\" has wrong ownership":                              PermissionDenied,
		"something else": StartFailed,
	}
	for line, want := range tests {
		err := failure("the server ended while starting", line, nil)
		require.Equal(t, want, err.Code, line)
		require.NotEmpty(t, err.Do)
		require.Contains(t, err.Error(), line)
	}
}
