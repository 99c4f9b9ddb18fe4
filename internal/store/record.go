package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// recordSQL makes the schema in which Migrate keeps what it did. It belongs to whoever installs; epo_migrator may read
// it, so that a server can tell whether its database is up to date.
const recordSQL = `
create schema if not exists epo_meta;
comment on schema epo_meta is 'What was installed in this database, and when.';
create table if not exists epo_meta.migrations (
  version integer primary key,
  name text not null,
  checksum text not null,
  breaking boolean not null,
  applied_at timestamptz not null default now()
);
comment on table epo_meta.migrations is 'Migrations that were applied; never edited.';
create table if not exists epo_meta.code (
  only_row boolean primary key default true check (only_row),
  digest text not null,
  built_at timestamptz not null default now()
);
comment on table epo_meta.code is 'Digest of the functions and views that were built last.';
`

const grantRecordSQL = `
grant usage on schema epo_meta to epo_migrator;
grant select on epo_meta.migrations, epo_meta.code to epo_migrator;
`

func recordMigration(step script) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into epo_meta.migrations (version, name, checksum, breaking)
			select count(*) + 1, $1, $2, $3 from epo_meta.migrations`, step.name, step.checksum(), step.breaking())
		return err
	}
}

type appliedMigration struct {
	Name      string
	Checksum  string
	Breaking  bool
	AppliedAt time.Time
}

// applied returns nothing for a database that was never migrated.
func applied(ctx context.Context, conn *pgx.Conn) ([]appliedMigration, error) {
	rows, err := conn.Query(ctx, `select name, checksum, breaking, applied_at from epo_meta.migrations order by version`)
	if err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	done, err := pgx.CollectRows(rows, pgx.RowToStructByPos[appliedMigration])
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "42P01" || pg.Code == "3F000") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	return done, nil
}

// MigrationStatus is one migration, of this program or of the database.
type MigrationStatus struct {
	Name      string
	AppliedAt time.Time // zero: pending
	Changed   bool      // applied in another form than this program has
	Unknown   bool      // applied by a newer program
}

// Status compares a database with this program. The URL may be of the administrator or of epo_migrator.
func Status(ctx context.Context, url string) ([]MigrationStatus, error) {
	conn, err := connectAdmin(ctx, url)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(conn)
	return embedded().status(ctx, conn)
}

func (s source) status(ctx context.Context, conn *pgx.Conn) ([]MigrationStatus, error) {
	done, err := applied(ctx, conn)
	if err != nil {
		return nil, err
	}
	all := make([]MigrationStatus, max(len(done), len(s.migrations)))
	for i := range all {
		if i < len(s.migrations) {
			all[i].Name = s.migrations[i].name
		}
		if i >= len(done) {
			continue
		}
		all[i].AppliedAt = done[i].AppliedAt
		all[i].Unknown = i >= len(s.migrations)
		if all[i].Unknown {
			all[i].Name = done[i].Name
		} else {
			all[i].Changed = done[i].Name != s.migrations[i].name || done[i].Checksum != s.migrations[i].checksum()
		}
	}
	return all, nil
}

// CheckSchema returns an error with code database_behind, migration_changed or database_newer if the database is not one
// that this program can serve. A newer one without breaking steps is fine.
func (s *Store) CheckSchema(ctx context.Context) error {
	src := embedded()
	conn, err := s.System().Acquire(ctx)
	if err != nil {
		return AsError(err)
	}
	defer conn.Release()
	done, err := applied(ctx, conn.Conn())
	if err != nil {
		return AsError(err)
	}
	m := migration{source: src}
	if err := m.compare(done); err != nil {
		return err
	}
	if len(done) < len(src.migrations) {
		return &Error{Code: "database_behind", Message: "the database lacks migration " + src.migrations[len(done)].name + "; run `epo migrate up`", status: 503}
	}
	return nil
}
