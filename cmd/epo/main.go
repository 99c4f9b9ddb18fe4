// Command epo is EPO's server, its administration, and its users' command line in one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/epo-dev/epo/internal/cli"
	"github.com/epo-dev/epo/internal/serverctl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks to stop, a second one ends the program
	root := cli.NewRoot(cli.OS())
	root.AddCommand(serverctl.Commands()...)
	os.Exit(cli.Run(ctx, root, os.Args[1:]))
}
