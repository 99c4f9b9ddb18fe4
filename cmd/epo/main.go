// Command epo is EPO's server, its administration, and its users' command line in one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/epo-dev/epo/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks to stop, a second one ends the program
	os.Exit(cli.Run(ctx, cli.NewRoot(cli.OS()), os.Args[1:]))
}
