package ssh_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/epo-dev/epo/psrp/internal/peer"
)

// playSubsystem is what this binary does as subsystem of a server: a scripted
// peer that is stricter than PowerShell, or something else altogether.
func playSubsystem(role string) int {
	switch role {
	case "silent":
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		return 0
	case "gone":
		fmt.Fprintln(os.Stderr, "no such program "+strings.Repeat("QUJD", 50))
		return 127
	case "chatty":
		for {
			if _, err := fmt.Println(strings.Repeat("no protocol ", 80)); err != nil {
				return 1
			}
		}
	case "noisy":
		fmt.Fprintln(os.Stderr, "** Authorized use only **")
		fmt.Print("Welcome\nto the\nmachine room\n")
	}
	err := peer.New(peer.Config{In: os.Stdin, Out: os.Stdout, Handle: func(p *peer.Pipeline) {
		switch p.Text {
		case "die":
			fmt.Fprintln(os.Stderr, "last words")
			os.Exit(7)
		case "refuse":
			p.Silent()
			p.Server().WriteRaw([]byte("__NamedPipeError__:Remote transport error: cannot read it\n"))
		case "refuse on stderr":
			p.Silent()
			fmt.Fprintln(os.Stderr, "Remote transport error: cannot read it")
		case "sleep":
			<-p.Stopped
		default:
			p.Output(strings.Trim(p.Text, "'"))
		}
	}}).Serve()
	fmt.Println("__NamedPipeError__:" + err.Error())
	if !errors.Is(err, peer.ErrEOF) {
		return 3
	}
	return 160
}
