package serverctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/filelock"
	"github.com/epo-dev/epo/internal/pgserver"
	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
	"github.com/epo-dev/epo/internal/version"
	"github.com/epo-dev/epo/web"
)

// upOptions are the flags of `epo up`.
type upOptions struct {
	data        string
	listen      string
	databaseURL string
	noAgent     bool
	output      string
}

func upCommand() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start everything on this machine: PostgreSQL, migrations, server, one agent",
		Long: `Starts a PostgreSQL of its own (or takes the one of --database-url), applies migrations, makes the first tenant and
administrator once, starts the server and one local agent, and prints where to go. Ctrl-C stops all of it; the data stays.`,
		Example: "  epo up\n  epo up --listen 127.0.0.1:8080 --data ~/epo-data\n  epo up --database-url postgres://install@db.example/epo",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return up(ctx, o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", DefaultDataDir(), "data folder (EPO_DATA)")
	f.StringVar(&o.listen, "listen", defaultListen, "address of the server; port 0 takes a free one")
	f.StringVar(&o.databaseURL, "database-url", os.Getenv("EPO_DATABASE_URL"), "PostgreSQL 17 to use instead of one of our own; a CREATEROLE user that owns the database is enough")
	f.BoolVar(&o.noAgent, "no-agent", false, "start no local agent")
	f.StringVarP(&o.output, "output", "o", "text", "text, or json: one line when everything runs")
	return cmd
}

// up is the life of `epo up`, from start to clean stop.
func up(ctx context.Context, o upOptions, out io.Writer) error {
	data, err := OpenDataRoot(o.data)
	if err != nil {
		return err
	}
	held, err := filelock.Try(data.path("lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return alreadyRunning(data)
	} else if err != nil {
		return err
	}
	defer held.Release()
	u := &upRun{options: o, data: data, out: out}
	if o.output != "json" {
		u.progress.w = out
	}
	defer u.close()
	return u.run(ctx)
}

func alreadyRunning(data DataRoot) error {
	state, err := data.readRunning()
	if err != nil {
		return fmt.Errorf("EPO is already starting on %s; `epo down` stops it", data.dir)
	}
	return fmt.Errorf("EPO is already running on %s: %s (process %d); `epo down` stops it, --data DIR and --listen start a second one", data.dir, state.URL, state.PID)
}

// upRun carries what the steps of `epo up` hand to each other.
type upRun struct {
	options  upOptions
	data     DataRoot
	out      io.Writer
	progress progress

	logger   *slog.Logger
	logFile  *os.File
	postgres *pgserver.Server
	database string // URL of the role that installs
	store    *store.Store
	keys     *token.Ring
	server   *server.Server
	first    firstSignIn
	agent    localAgent
}

func (u *upRun) run(ctx context.Context) error {
	u.progress.printf("EPO %s\n", version.String())
	for _, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"log", u.openLog},
		{"postgres", u.startPostgres},
		{"database", u.migrate},
		{"server", u.startServer},
	} {
		if err := u.progress.step(s.name, func() (string, error) { return s.do(ctx) }); err != nil {
			return err
		}
	}
	// The services outlive ctx: on Ctrl-C the agent ends first, then the server, then PostgreSQL (close).
	serverCtx, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServer()
	group, groupCtx := errgroup.WithContext(serverCtx)
	group.Go(func() error { return u.server.Run(groupCtx) })
	err := u.serve(ctx, groupCtx)
	stopServer()
	return errors.Join(err, group.Wait())
}

// serve runs the local agent until ctx ends or a service fails.
func (u *upRun) serve(ctx, services context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(services, stop)
	agentEnded := make(chan error, 1)
	if u.options.noAgent {
		agentEnded <- nil
	} else {
		if err := u.progress.step("agent", func() (string, error) { return u.prepareAgent(ctx) }); err != nil {
			return err
		}
		go func() { agentEnded <- u.runAgent(ctx) }()
	}
	if err := u.announce(); err != nil {
		return err
	}
	<-ctx.Done()
	u.progress.printf("\nstopping: agent, server, PostgreSQL\n")
	return <-agentEnded
}

func (u *upRun) openLog(context.Context) (string, error) {
	f, err := os.OpenFile(u.data.logFile("server"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return "", err
	}
	u.logFile = f
	u.logger = slog.New(slog.NewJSONHandler(f, nil))
	return u.data.path("log"), nil
}

func (u *upRun) startPostgres(ctx context.Context) (string, error) {
	if u.options.databaseURL != "" {
		u.database = u.options.databaseURL
		return "given by --database-url", nil
	}
	srv, err := pgserver.Start(ctx, pgserver.Config{DataDir: u.data.postgresDir(), Logger: u.logger})
	if err != nil {
		return "", err
	}
	u.postgres, u.database = srv, srv.URL()
	return "PostgreSQL " + srv.Version(), nil
}

func (u *upRun) startServer(ctx context.Context) (string, error) {
	keys, err := token.LoadOrCreate(u.data.keysFile(), time.Now())
	if err != nil {
		return "", err
	}
	u.keys = keys
	console, err := web.Handler()
	if err != nil {
		return "", err
	}
	srv, err := server.New(server.Config{Store: u.store, Keys: keys, Listen: u.options.listen, Logger: u.logger, Version: version.String(), Console: console})
	if err != nil {
		return "", err
	}
	u.server = srv
	return u.url(), nil
}

func (u *upRun) url() string { return "http://" + u.server.Addr() }

// announce says where everything is, on the terminal or as one line of JSON.
func (u *upRun) announce() error {
	state := running{PID: os.Getpid(), URL: u.url(), DatabaseURL: u.database}
	if err := u.data.writeRunning(state); err != nil {
		return fmt.Errorf("write %s: %w", u.data.runningFile(), err)
	}
	if u.options.output == "json" {
		return json.NewEncoder(u.out).Encode(u.ready())
	}
	u.progress.printf("\nReady: %s\n", u.url())
	if u.first.Password != "" {
		u.progress.printf("\n  First sign-in, shown once:  user %s, password %s\n", u.first.User, u.first.Password)
	}
	u.progress.printf("\n  Sign in      %s login --server %s --user %s\n", commandName(), u.url(), u.first.User)
	u.progress.printf("  New password %s admin user reset-password %s\n", commandName(), u.first.User)
	u.progress.printf("  Stop         Ctrl-C here, or %s down\n\n", commandName())
	return nil
}

// ready is what `epo up --output json` prints; password only when it was just made.
type ready struct {
	URL         string `json:"url"`
	Tenant      string `json:"tenant"`
	User        string `json:"user"`
	Password    string `json:"password,omitempty"`
	PID         int    `json:"pid"`
	PostgresPID int    `json:"postgres_pid,omitempty"`
	DatabaseURL string `json:"database_url,omitempty"`
}

func (u *upRun) ready() ready {
	r := ready{URL: u.url(), Tenant: firstTenant, User: u.first.User, Password: u.first.Password, PID: os.Getpid()}
	if u.postgres != nil {
		r.PostgresPID, r.DatabaseURL = u.postgres.PID(), u.database
	}
	return r
}

// commandName is how the user called us, for commands to copy.
func commandName() string {
	if name := os.Args[0]; filepath.Base(name) != name {
		return name
	}
	return "epo"
}

// close stops what was started, last first. It has its own deadline: the context that asked us to stop is over.
func (u *upRun) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if u.store != nil {
		u.store.Close()
	}
	if u.postgres != nil {
		if err := u.postgres.Stop(ctx); err != nil {
			u.logger.Error("stop PostgreSQL", "error", err)
		}
	}
	_ = os.Remove(u.data.runningFile())
	if u.logFile != nil {
		u.logFile.Close()
	}
}
