package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// parse sets what the executor says of scripts, before the agent starts.
func parse(f func(ctx context.Context, script []byte) api.InspectedScript) func(*fakeServer, *Config) {
	return func(_ *fakeServer, c *Config) { c.Executor.(*fakeExecutor).parse = f }
}

func TestAgentInspectsScripts(t *testing.T) {
	t.Parallel()
	b := setup(t, say, parse(func(_ context.Context, script []byte) api.InspectedScript {
		return api.InspectedScript{Engine: api.EngineInfo{Version: string(script)}, NotInspectedReason: "timeout"}
	}))
	asked := []*fakeInspection{b.server.ask(api.InspectScript, "one"), b.server.ask(api.InspectScript, "two"), b.server.ask(api.InspectTarget, "")}
	require.JSONEq(t, `{"engine":{"version":"one","edition":""},"not_inspected_reason":"timeout"}`, b.server.inspected(asked[0]))
	require.JSONEq(t, `{"engine":{"version":"two","edition":""},"not_inspected_reason":"timeout"}`, b.server.inspected(asked[1]))
	require.Contains(t, b.server.inspected(asked[2]), `"ok":true`)
}

// However long an inspection takes and however many there are, a run starts at once, and one script is parsed at a time.
func TestInspectionsHoldUpNoRun(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var now, most atomic.Int64
	began := make(chan struct{}, 10)
	b := setup(t, say, parse(func(ctx context.Context, _ []byte) api.InspectedScript {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		began <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return api.InspectedScript{Document: &api.ScriptDocument{OK: true}}
	}))
	var asked []*fakeInspection
	for n := range 4 {
		asked = append(asked, b.server.ask(api.InspectScript, fmt.Sprint(n)))
	}
	<-began
	for range 4 {
		state, _, _ := b.server.settled(b.server.queue("run", nil))
		require.Equal(t, "succeeded", state)
	}
	require.Contains(t, b.server.inspected(b.server.ask(api.InspectTarget, "")), `"ok":true`, "nor a test of a connection")
	close(release)
	for _, i := range asked {
		b.server.inspected(i)
	}
	require.EqualValues(t, 1, most.Load())
}

func TestForgedScriptIsNotInspected(t *testing.T) {
	t.Parallel()
	b := setup(t, say, func(s *fakeServer, c *Config) {
		s.forge = true
		parse(func(context.Context, []byte) api.InspectedScript { panic("it was inspected") })(s, c)
	})
	require.Contains(t, b.server.inspected(b.server.ask(api.InspectScript, "1")), api.CodeDigestMismatch)
}

// The answer is lost on its way: the result is sent again, and the script not parsed twice.
func TestResultOfAnInspectionArrivesThroughBreaks(t *testing.T) {
	t.Parallel()
	var parsed, broken atomic.Int64
	b := setup(t, say, parse(func(context.Context, []byte) api.InspectedScript {
		parsed.Add(1)
		return api.InspectedScript{Document: &api.ScriptDocument{OK: true}}
	}))
	cut := func(path string, _ []byte) bool { return path == "/api/rpc/finish_inspection" && broken.Add(1) <= 5 }
	b.server.intercept(cut, nil)
	b.server.inspected(b.server.ask(api.InspectScript, "1"))
	require.EqualValues(t, 1, parsed.Load())
	require.Greater(t, broken.Load(), int64(5))
}

// An inspection that does not end is given up before its lease does, and somebody else gets it.
func TestInspectionEndsBeforeItsLease(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := setup(t, say, func(s *fakeServer, c *Config) {
		s.lease = inspectReserve + 50*time.Millisecond
		parse(func(ctx context.Context, _ []byte) api.InspectedScript {
			if calls.Add(1) == 1 {
				<-ctx.Done()
				return api.InspectedScript{Error: &api.ErrorInfo{Code: api.CodeCancelled}}
			}
			return api.InspectedScript{Document: &api.ScriptDocument{OK: true}}
		})(s, c)
	})
	i := b.server.ask(api.InspectScript, "1")
	require.Eventually(t, func() bool { return calls.Load() == 1 }, time.Minute, time.Millisecond)
	b.server.mu.Lock()
	i.until = time.Time{} // the lease is over at once
	b.server.mu.Unlock()
	require.Contains(t, b.server.inspected(i), `"ok":true`)
	require.EqualValues(t, 2, i.token)
}

// A stop does not wait for inspections; what is left goes to the next agent.
func TestStopGivesInspectionsUp(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	b := setup(t, say, parse(func(ctx context.Context, _ []byte) api.InspectedScript {
		close(began)
		<-ctx.Done()
		return api.InspectedScript{Error: &api.ErrorInfo{Code: api.CodeCancelled}}
	}))
	i := b.server.ask(api.InspectScript, "1")
	<-began
	require.NoError(t, b.stop())
	require.Equal(t, "claimed", i.state)
	require.Zero(t, b.server.count("finish_inspection"))
}

// An agent without PowerShell leaves scripts to others, and still tests connections.
func TestAgentWithoutPowerShellInspectsNoScript(t *testing.T) {
	t.Parallel()
	b := setup(t, say, func(_ *fakeServer, c *Config) { c.Executor.(*fakeExecutor).bare = true })
	script := b.server.ask(api.InspectScript, "1")
	require.Contains(t, b.server.inspected(b.server.ask(api.InspectTarget, "")), `"ok":true`)
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	require.Equal(t, "pending", script.state)
}
