package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says how to reach the database.
type Config struct {
	// URL of the database; its user and password are replaced by those of each login.
	URL string
	// DirectURL is for LISTEN where URL leads to a transaction pooler; default URL.
	DirectURL string
	// Secrets are the passwords that Migrate set.
	Secrets Secrets
	// MaxConns is the budget of all pools together, without the LISTEN connection; default 4 per core, at least 16.
	MaxConns int
	// TransactionPooler says that URL leads to a pooler in transaction mode: nothing that outlives a transaction is
	// used, prepared statements included, which costs a third of the speed.
	TransactionPooler bool
	// AcquireTimeout bounds the wait for a free connection; default 10 s. Exceeding it is PGRST003, 504.
	AcquireTimeout time.Duration
	// ApplicationName shows in pg_stat_activity; default "epo".
	ApplicationName string
	// Logger hears warnings; default discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.URL == "" {
		return c, fmt.Errorf("store: URL is empty")
	}
	if err := c.Secrets.validate(); err != nil {
		return c, fmt.Errorf("store: %w", err)
	}
	c.DirectURL = cmp.Or(c.DirectURL, c.URL)
	c.MaxConns = cmp.Or(c.MaxConns, max(16, 4*runtime.NumCPU()))
	if c.MaxConns < len(logins) {
		return c, fmt.Errorf("store: MaxConns is %d, at least %d are needed", c.MaxConns, len(logins))
	}
	c.AcquireTimeout = cmp.Or(c.AcquireTimeout, 10*time.Second)
	c.ApplicationName = cmp.Or(c.ApplicationName, "epo")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c, nil
}

// Store is a set of pools, one per login.
type Store struct {
	config Config
	pools  map[string]*pgxpool.Pool // by login
	byRole map[Role]*pgxpool.Pool
}

// Open makes the pools and checks that the database answers, has a version that EPO runs on and knows the logins.
// Connections are made when they are needed.
func Open(ctx context.Context, c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, pools: map[string]*pgxpool.Pool{}, byRole: map[Role]*pgxpool.Pool{}}
	sizes := split(c.MaxConns)
	for _, l := range logins {
		pool, err := c.pool(ctx, l, sizes[l.name])
		if err != nil {
			s.Close()
			return nil, err
		}
		s.pools[l.name] = pool
		if l.role != "" {
			s.byRole[l.role] = pool
		}
	}
	if err := s.check(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (c Config) pool(ctx context.Context, l login, size int32) (*pgxpool.Pool, error) {
	p, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	p.ConnConfig.User, p.ConnConfig.Password = l.name, l.password(c.Secrets)
	p.MaxConns = size
	p.MaxConnLifetimeJitter = 10 * time.Minute
	p.ConnConfig.BuildContextWatcherHandler = cancelOnServer
	c.tune(p.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("make the pool of %s: %w", l.name, err)
	}
	return pool, nil
}

// tune pins what a session must not take from elsewhere, and bounds what nobody bounded.
func (c Config) tune(conn *pgx.ConnConfig) {
	if c.TransactionPooler { // it would refuse such start-up parameters
		conn.DefaultQueryExecMode = pgx.QueryExecModeExec
		conn.RuntimeParams = map[string]string{"application_name": c.ApplicationName}
		return
	}
	conn.StatementCacheCapacity = 256
	conn.RuntimeParams = map[string]string{
		"application_name":                    c.ApplicationName,
		"search_path":                         "pg_catalog, pg_temp",
		"timezone":                            "UTC",
		"datestyle":                           "ISO, YMD",
		"intervalstyle":                       "postgres",
		"bytea_output":                        "hex",
		"default_transaction_isolation":       "read committed",
		"statement_timeout":                   "60s",
		"idle_in_transaction_session_timeout": "60s",
	}
}

// cancelOnServer stops a statement whose caller is gone, instead of leaving it to run without a listener.
func cancelOnServer(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 5 * time.Second}
}

func (s *Store) check(ctx context.Context) error {
	conn, err := s.System().Acquire(ctx)
	if err != nil {
		return connectError(migratorLogin, err)
	}
	defer conn.Release()
	warning, err := checkVersion(ctx, conn.Conn())
	if err != nil {
		return err
	}
	if warning != "" {
		s.config.Logger.Warn("the database should be updated", "reason", warning)
	}
	return nil
}

// Pool returns the pool of the login behind a role. It panics for a role that is none of the three: which role a
// request may act in is decided long before.
func (s *Store) Pool(role Role) *pgxpool.Pool {
	pool, ok := s.byRole[role]
	if !ok {
		panic("store: no pool for role " + string(role))
	}
	return pool
}

// Gateway is the pool of epo_gateway, which may execute the functions of schema auth and nothing else.
func (s *Store) Gateway() *pgxpool.Pool { return s.pools[gatewayLogin] }

// System is the pool of epo_migrator: reaper, partitions, catalogue.
func (s *Store) System() *pgxpool.Pool { return s.pools[migratorLogin] }

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	return AsError(s.System().Ping(ctx))
}

// Reset drops the connections of all pools, those in use when they come back. For after a change of the schema.
func (s *Store) Reset() {
	for _, pool := range s.pools {
		pool.Reset()
	}
}

// Close closes all pools and waits for the connections that are in use.
func (s *Store) Close() {
	for _, pool := range s.pools {
		pool.Close()
	}
}

// topics splits the list that epo.wake collected, and drops repetitions.
func topics(list string) []string {
	var all []string
	seen := map[string]bool{}
	for topic := range strings.SplitSeq(list, ",") {
		if topic != "" && !seen[topic] {
			seen[topic] = true
			all = append(all, topic)
		}
	}
	return all
}
