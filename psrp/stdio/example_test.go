package stdio_test

import (
	"context"
	"fmt"
	"log"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// Start an engine, run a script in a pool, and end both in order.
func Example() {
	ctx := context.Background()
	path, args := findEngine() // "pwsh", or "dotnet" and the path of pwsh.dll
	process, err := stdio.Start(ctx, stdio.Config{Path: path, Args: args})
	if err != nil {
		log.Fatal(err)
	}
	pool, err := psrp.Open(ctx, process.Transport(), psrp.Config{})
	if err != nil {
		process.Kill()
		log.Fatal(err)
	}

	run, err := pool.Start(ctx, psrp.Script(`param($Name) "hello $Name"; Write-Warning careful; exit 3`,
		psrp.Parameter{Name: "Name", Value: "world"}))
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range run.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case psrp.OutputEvent:
			fmt.Println("output:", e.Value)
		case psrp.WarningEvent:
			fmt.Println("warning:", e.Message)
		case psrp.HostCallEvent:
			fmt.Println("host:", e.Method, e.Args)
		case psrp.StateEvent:
			fmt.Println("state:", e.State)
		}
	}

	fmt.Println(run.Close(ctx), pool.Close(ctx), process.Close(ctx))
	// Output:
	// output: hello world
	// warning: careful
	// host: SetShouldExit [3]
	// state: Completed
	// <nil> <nil> <nil>
}

// A deadline stops the pipeline; the pool stays usable. An engine that does not
// stop is killed with everything it started.
func ExampleProcess_Kill() {
	background := context.Background()
	path, args := findEngine()
	process, err := stdio.Start(background, stdio.Config{Path: path, Args: args})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		process.Kill()
		_ = process.Wait()
	}()
	pool, err := psrp.Open(background, process.Transport(), psrp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	run, err := pool.Start(background, psrp.Script("Start-Sleep 600"))
	if err != nil {
		log.Fatal(err)
	}
	stop, cancel := context.WithTimeout(background, stopDeadline)
	defer cancel()
	if err := run.Stop(stop); err != nil {
		process.Kill()
	}
	for event, err := range run.Events(background) {
		if state, ok := event.(psrp.StateEvent); ok {
			fmt.Println(state.State)
		} else if err != nil {
			fmt.Println(err)
		}
	}
	// Output: Stopped
}
