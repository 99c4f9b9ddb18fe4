package serverctl

import (
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/server"
	"github.com/epo-dev/epo/internal/token"
	"github.com/epo-dev/epo/internal/version"
	"github.com/epo-dev/epo/web"
)

func serverCommand() *cobra.Command {
	var o databaseOptions
	var listen, keysFile, cert, key string
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve one replica on a given, migrated PostgreSQL",
		Long: `Serves the HTTP interface. Replicas hold no state: start any number behind a load balancer on one database, with the same
--secrets and --keys. Plain HTTP is served on loopback only; any other address needs --tls-cert and --tls-key.`,
		Example: "  epo server --database-url postgres://db.example/epo --secrets s.json --keys k.json --listen 0.0.0.0:443 --tls-cert c.pem --tls-key k.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			s, err := openStore(ctx, o, log)
			if err != nil {
				return err
			}
			defer s.Close()
			if keysFile == "" {
				keysFile = filepath.Join(o.data, "keys.json")
			}
			keys, err := token.LoadOrCreate(keysFile, time.Now())
			if err != nil {
				return err
			}
			console, err := web.Handler()
			if err != nil {
				return err
			}
			srv, err := server.New(server.Config{
				Store: s, Keys: keys, Listen: listen, TLSCert: cert, TLSKey: key, Logger: log, Version: version.String(), Console: console,
			})
			if err != nil {
				return err
			}
			return srv.Run(ctx)
		},
	}
	o.flags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&listen, "listen", defaultListen, "address to listen on")
	f.StringVar(&keysFile, "keys", os.Getenv("EPO_KEYS"), "file with the token keys, made if missing; all replicas share it (EPO_KEYS; default in the data folder)")
	f.StringVar(&cert, "tls-cert", "", "certificate chain, PEM")
	f.StringVar(&key, "tls-key", "", "private key, PEM")
	return cmd
}
