//go:build linux

package pgserver

import (
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// folder returns one that every account can reach, as DataDir has to be; in memory where there is room for it.
func folder(t testing.TB) string {
	t.Helper()
	base, room := "", unix.Statfs_t{}
	if unix.Statfs("/dev/shm", &room) == nil && room.Flags&unix.ST_NOEXEC == 0 && room.Bavail*uint64(room.Bsize) > 4<<30 && os.Getenv("TMPDIR") == "" {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "epo-pgserver-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// config is that of a server under test: as root under an account that every machine has, so that tests change none.
func config(dir string) Config {
	return Config{DataDir: filepath.Join(dir, "postgres"), Account: "nobody", Disposable: true, StartTimeout: time.Minute}
}

func start(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t testing.TB, s *Server) {
	t.Helper()
	require.NoError(t, s.Stop(context.Background()))
}

func query[T any](t testing.TB, url, sql string, args ...any) T {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	var value T
	require.NoError(t, conn.QueryRow(ctx, sql, args...).Scan(&value))
	return value
}

func execute(t testing.TB, url, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err)
}

func TestFreshServerIsClosedAndInstallableWithoutSuperuser(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	s := start(t, c)

	type attributes struct{ Super, CreateRole, CreateDB, Bypass, Replication, Owner bool }
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
		pg_get_userbyid(datdba) = rolname from pg_roles, pg_database where rolname = current_user and datname = current_database()`)
	require.NoError(t, err)
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[attributes])
	require.NoError(t, err)
	require.Equal(t, attributes{CreateRole: true, Owner: true}, got)

	for setting, want := range map[string]string{
		"listen_addresses": "127.0.0.1", "password_encryption": "scram-sha-256",
		"server_encoding": "UTF8", "log_parameter_max_length_on_error": "0", "idle_in_transaction_session_timeout": "1min", "TimeZone": "UTC",
	} {
		require.Equal(t, want, query[string](t, s.URL(), "select current_setting($1)", setting), setting)
	}
	require.Empty(t, query[string](t, s.SuperuserURL("epo"), "select current_setting('unix_socket_directories')"))
	require.Equal(t, "b C.UTF-8", query[string](t, s.URL(), "select datlocprovider::text || ' ' || datlocale from pg_database where datname = 'epo'"))
	require.False(t, query[bool](t, s.URL(), "select has_database_privilege('postgres', 'connect')"))

	for _, name := range []string{"superuser.password", "admin.password", "postgres.log", "lock"} {
		info, err := os.Stat(filepath.Join(c.DataDir, name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	log, err := os.ReadFile(filepath.Join(c.DataDir, "postgres.log"))
	require.NoError(t, err)
	require.NotContains(t, string(log), s.adminPass)
	require.NotContains(t, string(log), s.superPass)

	located, err := Locate(c.DataDir)
	require.NoError(t, err)
	require.Equal(t, s.URL(), located)
}

func TestRestartKeepsDataPortAndOldPasswordFileHeals(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	s := start(t, c)
	execute(t, s.URL(), "create table kept as select 42 as n")
	port, url := s.Port(), s.URL()
	stop(t, s)
	require.NoError(t, s.Stop(t.Context()), "a second Stop is harmless")
	require.NoError(t, s.Err())

	require.NoError(t, os.Remove(filepath.Join(c.DataDir, "admin.password")))
	s = start(t, c)
	require.Equal(t, port, s.Port())
	require.NotEqual(t, url, s.URL(), "a new password was made")
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
}

func TestPostmasterKilledIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := start(t, config(folder(t)))
	execute(t, s.URL(), "create table kept as select 42 as n")
	for range 2 {
		first := s.PID()
		require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			pid := s.PID()
			return pid != 0 && pid != first && s.ping(t.Context()) == nil
		}, time.Minute, 5*time.Millisecond)
		require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
	}
}

// A backend in a tight loop does not notice that its postmaster died and holds the shared memory: nothing can start on
// the folder until somebody ends it.
func TestBusyBackendOfAKilledPostmasterIsEnded(t *testing.T) {
	t.Parallel()
	s := start(t, config(folder(t)))
	ended := make(chan error, 1)
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	go func() {
		_, err := conn.Exec(context.Background(), "do $$ begin loop end loop; end $$")
		ended <- err
	}()
	busy := `select exists(select from pg_stat_activity where query like 'do %' and state = 'active')`
	require.Eventually(t, func() bool { return query[bool](t, s.SuperuserURL("postgres"), busy) }, time.Minute, 5*time.Millisecond)

	first := s.PID()
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		pid := s.PID()
		return pid != 0 && pid != first && s.ping(t.Context()) == nil
	}, time.Minute, 5*time.Millisecond)
	require.Error(t, <-ended)
}

func TestBackendKilledIsNoReasonToRestart(t *testing.T) {
	t.Parallel()
	s := start(t, config(folder(t)))
	first := s.PID()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL))
	require.Eventually(t, func() bool { return s.ping(t.Context()) == nil }, time.Minute, 5*time.Millisecond)
	require.Equal(t, first, s.PID())
}

func TestStopDoesNotWaitForClientsNorForeverForTheServer(t *testing.T) {
	t.Parallel()
	c := config(folder(t))
	s := start(t, c)
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "create table kept as select 42 as n")
	require.NoError(t, err)

	// A stopped process cannot shut down; the hard way still loses nothing.
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGSTOP))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Stop(gone))
	require.Error(t, conn.Ping(t.Context()))

	s = start(t, c)
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
}

func TestPortTakenIsSaidOrAvoided(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port

	c := config(folder(t))
	c.Port = taken
	_, err = Start(t.Context(), c)
	require.Equal(t, PortTaken, CodeOf(err), "%v", err)
	require.ErrorContains(t, err, strconv.Itoa(taken))

	c.Port = 0
	require.NoError(t, os.WriteFile(filepath.Join(c.DataDir, "port"), []byte(strconv.Itoa(taken)), 0o644))
	s := start(t, c)
	require.NotEqual(t, taken, s.Port(), "the port of the last start was taken since")
}

// The check before the start cannot see who binds the port a moment later. The neighbour may even be of the same make
// and know the same password, as test servers that were copied from one folder do.
func TestNeighbourOnThePortIsNotTakenForOurServer(t *testing.T) {
	t.Parallel()
	s := start(t, config(folder(t)))
	stop(t, s)
	dir := folder(t)
	require.NoError(t, exec.Command("cp", "-a", s.config.DataDir, dir).Run())
	s = start(t, s.config)

	other := &Server{config: config(dir), files: layout(filepath.Join(dir, "postgres")), binaries: s.binaries, as: s.as, superPass: s.superPass, port: s.port}
	var err error
	other.log, err = os.OpenFile(other.files.log(), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer other.log.Close()
	require.NoError(t, other.config.writeConfig(other.files))
	err = other.launch(t.Context())
	require.Equal(t, PortTaken, CodeOf(err), "%v", err)
	require.NoError(t, s.ping(t.Context()))
}

func TestFolderIsUsedByOneProcessAtATime(t *testing.T) {
	t.Parallel()
	s := start(t, config(folder(t)))
	_, err := Start(t.Context(), s.config)
	require.Equal(t, InUse, CodeOf(err), "%v", err)
	require.NoError(t, s.ping(t.Context()))
}

func TestServerThatKeepsDyingIsGivenUp(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), config(folder(t)))
	require.NoError(t, err)
	for {
		pid := s.PID()
		if pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-s.Done():
			require.Equal(t, KeepsDying, CodeOf(s.Err()), "%v", s.Err())
			require.Empty(t, serversOf(s.files.cluster()))
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
