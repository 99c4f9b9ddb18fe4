package psrptest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/epo-dev/epo/psrp"
)

// limit ends what hangs.
const limit = 90 * time.Second

// A Factory makes a transport that carries one pool. It may give one to the same
// engine process again once the pool before was closed. What it starts it ends
// by t.Cleanup.
type Factory func(t testing.TB) psrp.Transport

// behaviour is one thing that a pool must do.
type behaviour struct {
	name string
	test func(t *testing.T, pool *psrp.Pool)
}

// Run runs the whole list: behaviours that share a pool one after the other,
// those that need one of their own, and those about pools themselves. It opens
// about ten pools, at most two at a time.
func Run(t *testing.T, open Factory) {
	shared := [][]behaviour{outcomes(), streams(), values(), inputs(), commands()}
	t.Run("one pool", func(t *testing.T) {
		pool := openPool(t, open, psrp.Config{MaxQueueBytes: 256 << 10})
		for _, list := range shared {
			for _, b := range list {
				t.Run(b.name, func(t *testing.T) { b.test(t, pool) })
			}
		}
	})
	t.Run("hosts", func(t *testing.T) { runHosts(t, open) })
	t.Run("secrets", func(t *testing.T) { runSecrets(t, open) })
	t.Run("pools", func(t *testing.T) { runPools(t, open) })
}

// openPool opens a pool that ends with the test.
func openPool(t testing.TB, open Factory, c psrp.Config) *psrp.Pool {
	t.Helper()
	pool, err := psrp.Open(ctx(t), open(t), c)
	if err != nil {
		t.Fatalf("open pool: %v", err)
	}
	t.Cleanup(func() {
		if err := pool.Close(context.Background()); err != nil {
			t.Errorf("close pool: %v", err)
		}
	})
	return pool
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return c
}

// result is what a pipeline gave.
type result struct {
	events []psrp.Event
	state  psrp.StateEvent
}

// script runs a script to its end.
func script(t testing.TB, pool *psrp.Pool, text string, parameters ...psrp.Parameter) result {
	t.Helper()
	return invoke(t, pool, psrp.Script(text, parameters...))
}

func invoke(t testing.TB, pool *psrp.Pool, p psrp.Pipeline) result {
	t.Helper()
	run := start(t, pool, p)
	r := drain(t, run)
	closeRun(t, run)
	return r
}

func start(t testing.TB, pool *psrp.Pool, p psrp.Pipeline) *psrp.Run {
	t.Helper()
	run, err := pool.Start(ctx(t), p)
	if err != nil {
		t.Fatalf("start pipeline: %v", err)
	}
	return run
}

func closeRun(t testing.TB, run *psrp.Run) {
	t.Helper()
	if err := run.Close(ctx(t)); err != nil {
		t.Fatalf("close pipeline: %v", err)
	}
}

func next(t testing.TB, run *psrp.Run) psrp.Event {
	t.Helper()
	event, err := run.Next(ctx(t))
	if err != nil {
		t.Fatalf("next event: %v", err)
	}
	return event
}

// drain reads a run up to its state.
func drain(t testing.TB, run *psrp.Run) result {
	t.Helper()
	var r result
	for event, err := range run.Events(ctx(t)) {
		if err != nil {
			t.Fatalf("next event: %v", err)
		}
		if state, ok := event.(psrp.StateEvent); ok {
			r.state = state
			return r
		}
		r.events = append(r.events, event)
	}
	t.Fatal("the run has ended without a state")
	return r
}

// outputs are the values of the output stream.
func (r result) outputs() []any {
	values := []any{}
	for _, e := range r.events {
		if o, ok := e.(psrp.OutputEvent); ok {
			values = append(values, o.Value)
		}
	}
	return values
}

// errors are the records of the error stream.
func (r result) errors() []*psrp.ErrorRecord {
	var records []*psrp.ErrorRecord
	for _, e := range r.events {
		if x, ok := e.(psrp.ErrorEvent); ok {
			records = append(records, x.ErrorRecord)
		}
	}
	return records
}

// calls are the host calls.
func (r result) calls() []psrp.HostCallEvent {
	var calls []psrp.HostCallEvent
	for _, e := range r.events {
		if x, ok := e.(psrp.HostCallEvent); ok {
			calls = append(calls, x)
		}
	}
	return calls
}

// equal ends the test unless got is want.
func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s is %s, want %s", what, short(got), short(want))
	}
}

func short(v any) string {
	text := fmt.Sprintf("%#v", v)
	if len(text) > 500 {
		return text[:500] + "…"
	}
	return text
}

// check ends the test unless ok.
func check(t testing.TB, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Fatalf(format, args...)
	}
}

// noError ends the test on an error.
func noError(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// completed ends the test unless the pipeline has.
func completed(t testing.TB, r result) {
	t.Helper()
	if r.state.State != psrp.PipelineCompleted {
		t.Fatalf("state is %v, want Completed: %v", r.state.State, r.state.Error)
	}
}

func parameter(name string, value any) psrp.Parameter {
	return psrp.Parameter{Name: name, Value: value}
}
