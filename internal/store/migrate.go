package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Report says what Migrate did.
type Report struct {
	Applied  []string // migrations, in order
	Rebuilt  bool     // functions and views were made anew
	Warnings []string
}

// migrateLock is the advisory lock of all migrations of a database.
const migrateLock = 0x45504f_0001

// Migrate brings a database to the schema of this program: pending migrations in order, each in a transaction of its
// own, then functions and views if they changed, then the passwords of the logins. adminURL is of a role that may create
// roles and owns the database; a superuser is not needed. Any number of processes may call it at once.
//
// It refuses a database whose applied migrations differ from those of this program, and leaves one alone that a newer
// program has migrated, as long as no step of that was marked breaking.
func Migrate(ctx context.Context, adminURL string, s Secrets, log *slog.Logger) (Report, error) {
	return embedded().migrate(ctx, adminURL, s, log)
}

func (s source) migrate(ctx context.Context, adminURL string, secrets Secrets, log *slog.Logger) (Report, error) {
	if err := errors.Join(s.validate(), secrets.validate()); err != nil {
		return Report{}, fmt.Errorf("migrate: %w", err)
	}
	conn, err := connectAdmin(ctx, adminURL)
	if err != nil {
		return Report{}, fmt.Errorf("migrate: %w", err)
	}
	defer closeQuietly(conn)
	warning, err := checkVersion(ctx, conn)
	if err != nil {
		return Report{}, fmt.Errorf("migrate: %w", err)
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", migrateLock); err != nil {
		return Report{}, fmt.Errorf("migrate: wait for the migration lock: %w", err)
	}
	m := migration{source: s, conn: conn, log: log}
	if log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if warning != "" {
		m.report.Warnings = append(m.report.Warnings, warning)
	}
	if err := m.run(ctx, secrets); err != nil {
		return m.report, fmt.Errorf("migrate: %w", explain(err))
	}
	return m.report, nil
}

// explain says what to do about missing rights.
func explain(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return fmt.Errorf("%w (the role has to own the database and to have CREATEROLE; where another administrator of this server"+
			" installed EPO before, in whatever database, use that one: the logins are shared by all databases of a server)", err)
	}
	return err
}

// connectAdmin connects with the session settings that migrations may rely on.
func connectAdmin(ctx context.Context, url string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	for name, value := range map[string]string{
		"application_name": "epo migrate", "search_path": "pg_catalog, pg_temp", "timezone": "UTC", "client_min_messages": "warning",
		"statement_timeout": "0",
	} {
		c.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, connectError(c.User, err)
	}
	return conn, nil
}

// migration is one call of Migrate, inside the lock.
type migration struct {
	source
	conn   *pgx.Conn
	log    *slog.Logger
	report Report
}

func (m *migration) run(ctx context.Context, secrets Secrets) error {
	if err := m.apply(ctx, script{"record of migrations", recordSQL}, nil); err != nil {
		return err
	}
	done, err := applied(ctx, m.conn)
	if err != nil {
		return err
	}
	if err := m.compare(done); err != nil {
		return err
	}
	if len(done) > len(m.migrations) {
		m.report.Warnings = append(m.report.Warnings, "the database was migrated by a newer program; it stays as it is")
		return m.setPasswords(ctx, secrets)
	}
	for _, step := range m.migrations[len(done):] {
		if err := m.apply(ctx, step, recordMigration(step)); err != nil {
			return err
		}
		m.report.Applied = append(m.report.Applied, step.name)
		m.log.Info("applied a migration", "migration", step.name)
	}
	if err := m.rebuild(ctx); err != nil {
		return err
	}
	return m.setPasswords(ctx, secrets)
}

// compare finds what was applied in another form, and what a newer program applied.
func (m *migration) compare(done []appliedMigration) error {
	for i, d := range done {
		switch {
		case i >= len(m.migrations):
			if d.Breaking {
				return &Error{Code: "database_newer", Message: "the database needs a newer program (migration " + d.Name + ")", status: 503}
			}
		case d.Name != m.migrations[i].name || d.Checksum != m.migrations[i].checksum():
			return &Error{Code: "migration_changed", status: 503,
				Message: "migration " + d.Name + " was applied in another form than this program has; migrations are never edited"}
		}
	}
	return nil
}

func (m *migration) rebuild(ctx context.Context) error {
	var current string
	err := m.conn.QueryRow(ctx, "select coalesce((select digest from epo_meta.code), '')").Scan(&current)
	if err != nil {
		return fmt.Errorf("read the digest of functions and views: %w", err)
	}
	if current == m.digest {
		return nil
	}
	err = m.transaction(ctx, func(tx pgx.Tx) error {
		for _, file := range m.code {
			if err := execute(ctx, tx, file); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, grantRecordSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into epo_meta.code (digest) values ($1)
			on conflict (only_row) do update set digest = excluded.digest, built_at = now()`, m.digest)
		return err
	})
	if err != nil {
		return fmt.Errorf("rebuild functions and views: %w", err)
	}
	m.report.Rebuilt = true
	m.log.Info("rebuilt functions and views", "digest", m.digest)
	return nil
}

// setPasswords gives each login its password, as a verifier.
func (m *migration) setPasswords(ctx context.Context, secrets Secrets) error {
	return m.transaction(ctx, func(tx pgx.Tx) error {
		for _, l := range logins {
			verifier, err := scramVerifier(l.name, l.password(secrets))
			if err != nil {
				return err
			}
			sql := "alter role " + pgx.Identifier{l.name}.Sanitize() + " password '" + verifier + "'"
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("set the password of %s: %w", l.name, err)
			}
		}
		return nil
	})
}

// apply runs a script and what goes with it in one transaction.
func (m *migration) apply(ctx context.Context, step script, then func(context.Context, pgx.Tx) error) error {
	return m.transaction(ctx, func(tx pgx.Tx) error {
		if err := execute(ctx, tx, step); err != nil || then == nil {
			return err
		}
		return then(ctx, tx)
	})
}

// execute runs a whole file and says where in it an error is.
func execute(ctx context.Context, tx pgx.Tx, file script) error {
	_, err := tx.Exec(ctx, file.sql, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		_, err = tx.Exec(ctx, "reset role", pgx.QueryExecModeSimpleProtocol)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Position > 0 {
		return fmt.Errorf("%s, line %d: %w", file.name, lineOf(file.sql, int(pg.Position)), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file.name, err)
	}
	return nil
}

// lineOf counts as PostgreSQL does, in characters from 1.
func lineOf(sql string, position int) int {
	line := 1
	for i, r := range []rune(sql) {
		if i >= position-1 {
			break
		}
		if r == '\n' {
			line++
		}
	}
	return line
}

const (
	migrateAttempts = 20
	migratePause    = 20 * time.Millisecond // times the attempt, half of it by chance
)

// transaction repeats work that met somebody else. The lock keeps others away from this database, but roles belong to
// the cluster, and the catalogue of roles answers a simultaneous change with an error instead of a wait.
func (m *migration) transaction(ctx context.Context, work func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, m.conn, work)
		if err == nil || attempt == migrateAttempts || !clashes(err) {
			return err
		}
		pause := migratePause * time.Duration(attempt)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// clashes recognises a simultaneous change of the cluster's roles.
func clashes(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "40001", "40P01":
		return true
	case "XX000":
		return pg.Message == "tuple concurrently updated" || pg.Message == "tuple concurrently deleted"
	case "23505", "42710": // a role, membership or dependency that the other one just made
		return pg.SchemaName == "pg_catalog" || pg.Code == "42710"
	}
	return false
}
