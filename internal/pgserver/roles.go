package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/epo-dev/epo/internal/filelock"
)

// URL is how the installer connects: a role that may create roles and owns database epo, no superuser. It holds a
// password.
func (s *Server) URL() string { return address(admin, s.adminPass, s.port, database) }

// SuperuserURL is for what only a superuser can do (making databases for tests, backup). It holds a password.
func (s *Server) SuperuserURL(database string) string {
	return address(superuser, s.superPass, s.port, database)
}

// Port is where the server listens on 127.0.0.1; it stays the same over restarts.
func (s *Server) Port() int { return s.port }

// Version is that of the binaries, as in "17.10".
func (s *Server) Version() string { return s.binaries.version }

// PID is the server's process, 0 while there is none.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return 0
	}
	return s.current.pid()
}

// AccountCreated tells the name of the system account that Start had to make, or "".
func (s *Server) AccountCreated() string {
	if !s.accountNew {
		return ""
	}
	return s.as.Name
}

// Locate returns the URL (see Server.URL) of the server that another process runs, or last ran, on a data folder. It
// does not look whether it answers.
func Locate(dataDir string) (string, error) {
	l := layout(dataDir)
	port, err := readPort(l)
	if err != nil {
		return "", fmt.Errorf("find the database server of %s: %w", dataDir, err)
	}
	password, err := readPassword(l.adminPassword())
	if err != nil {
		return "", err
	}
	return address(admin, password, port, database), nil
}

func address(role, password string, port int, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *Server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.SuperuserURL(database))
}

// ping runs a real query: a server that accepts connections may still be in recovery, and one that answers may be
// another one, which took the port a moment before ours.
func (s *Server) ping(ctx context.Context) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var folder string
	if err := conn.QueryRow(ctx, "select current_setting('data_directory')").Scan(&folder); err != nil {
		return err
	}
	if folder != s.files.cluster() {
		return fmt.Errorf("the server on port %d works in %s", s.port, folder)
	}
	return nil
}

// fatal tells an answer that waiting does not change: the password is not the cluster's.
func fatal(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "28P01" || e.Code == "28000")
}

// setUpAdmin makes the installer's role and database, and sets its password to that of the file, so that a lost file
// heals. The server's log must not show the password, whatever happens.
func (s *Server) setUpAdmin(ctx context.Context) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return setUpError(err)
	}
	defer conn.Close(ctx)
	var haveRole, haveDatabase bool
	err = conn.QueryRow(ctx, `select exists(select from pg_roles where rolname = $1), exists(select from pg_database where datname = $2)`,
		admin, database).Scan(&haveRole, &haveDatabase)
	if err != nil {
		return setUpError(err)
	}
	verb := "alter"
	if !haveRole {
		verb = "create"
	}
	statements := []string{
		"set log_min_error_statement = panic",
		"set log_statement = none",
		verb + " role " + admin + " login createrole nosuperuser nocreatedb noreplication nobypassrls password '" + strings.ReplaceAll(s.adminPass, "'", "''") + "'",
	}
	if !haveDatabase {
		statements = append(statements,
			"create database "+database+" owner "+admin+" template template0",
			"revoke all on database postgres, template1 from public")
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return setUpError(err)
		}
	}
	return nil
}

func setUpError(err error) error {
	e := failure("the installer's role and database could not be made", "", err)
	if e.Code == StartFailed {
		e.Code, e.Do = RoleSetup, "Start again; if it stays, postgres.log in the data folder says more"
	}
	return e
}

// Running reports whether a process holds the data folder, which it does as long as it looks after the server.
func Running(dataDir string) bool {
	path := layout(dataDir).lock()
	if _, err := os.Stat(path); err != nil {
		return false // and Try would make the file
	}
	lock, err := filelock.Try(path)
	if err == nil {
		_ = lock.Release()
	}
	return errors.Is(err, filelock.ErrHeld)
}
