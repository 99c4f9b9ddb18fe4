// Command epo-agent runs PowerShell scripts on this machine for an EPO server.
package main

import (
	"os"

	"github.com/epo-dev/epo/internal/agent/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
