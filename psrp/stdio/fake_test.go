package stdio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

// roleVariable makes the test binary play something else than the tests.
const roleVariable = "EPO_STDIO_TEST_ROLE"

// stopDeadline is how long the examples wait for a stop.
const stopDeadline = 10 * time.Second

// fakeConfig starts this test binary as a fake engine.
func fakeConfig(role string) stdio.Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return stdio.Config{Path: self, Env: append(os.Environ(), roleVariable+"="+role)}
}

// playEngine is a strict `pwsh -s`: it ends at the first mistake of its client,
// and with 160 at the end of its input.
func playEngine(role string) int {
	switch role {
	case "exit1":
		fmt.Fprintln(os.Stderr, "cannot start: "+strings.Repeat("QUJD", 50))
		return 1
	case "mute":
		_, _ = io.Copy(io.Discard, os.Stdin)
		select {}
	case "noise":
		fmt.Println("Welcome to the machine room\nNo PowerShell here")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return 0
	case "chatty":
		for {
			fmt.Println(strings.Repeat("no protocol ", 80))
		}
	case "early noise":
		fmt.Println("profile line 1\nprofile line 2")
	}
	err := peer.New(peer.Config{
		In: os.Stdin, Out: os.Stdout, Handle: fakeScript, AckDelay: time.Millisecond,
	}).Serve()
	if !errors.Is(err, peer.ErrEOF) {
		fmt.Fprintln(os.Stderr, "client mistake:", err)
	}
	if role == "wrong exit" {
		return 3
	}
	return 160
}

func fakeScript(p *peer.Pipeline) {
	switch p.Text {
	case "sleep":
		<-p.Stopped
	case "deaf":
		<-p.Release()
	case "die":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(7)
	case "die inside":
		p.Server().Write(stdio.Line{Kind: stdio.Data, Target: p.ID, Data: psrp.AppendFragment(nil,
			psrp.Fragment{ObjectID: 1 << 40, Start: true, Blob: make([]byte, 100)})})
		os.Exit(7)
	case "refuse":
		p.Silent()
		fmt.Fprintln(os.Stderr, "Remote transport error: cannot read it")
	default:
		p.Output(p.Text)
	}
}

// playParent starts the engine, runs what keeps it busy, tells the process ids
// and waits to be killed.
func playParent() int {
	background := context.Background()
	p, err := stdio.Start(background, engineConfig())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	pool, err := psrp.Open(background, p.Transport(), psrp.Config{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	run, err := pool.Start(background, psrp.Script(os.Getenv("EPO_STDIO_TEST_SCRIPT")))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	event, err := run.Next(background)
	fmt.Println(p.Pid(), event, err)
	select {}
}
