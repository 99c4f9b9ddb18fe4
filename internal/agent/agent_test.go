package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// fakeExecutor runs a function in place of a script.
type fakeExecutor struct {
	run    func(ctx context.Context, w Work, say func(text string)) api.Result
	parse  func(ctx context.Context, script []byte) api.InspectedScript // nil: it has no parameters
	bare   bool                                                         // there is no PowerShell
	starts atomic.Int64
	now    atomic.Int64
	most   atomic.Int64
}

func (e *fakeExecutor) Run(ctx context.Context, w Work, emit func(api.Record)) api.Result {
	e.starts.Add(1)
	n := e.now.Add(1)
	defer e.now.Add(-1)
	for most := e.most.Load(); n > most && !e.most.CompareAndSwap(most, n); most = e.most.Load() {
	}
	seq := int64(0)
	return e.run(ctx, w, func(text string) {
		seq++
		emit(api.Record{Seq: seq, Time: time.Now().UTC(), Stream: api.StreamOutput, Text: text})
	})
}

func (e *fakeExecutor) InspectScript(ctx context.Context, script []byte) api.InspectedScript {
	if e.parse == nil {
		return api.InspectedScript{Document: &api.ScriptDocument{OK: true}}
	}
	return e.parse(ctx, script)
}

func (e *fakeExecutor) InspectTarget(context.Context, api.ClaimedTarget) (api.ConnectionResult, *api.ErrorInfo) {
	return api.ConnectionResult{OK: true}, nil
}

func (e *fakeExecutor) Describe(info *api.AgentInfo) {
	info.Isolation = "none"
	if !e.bare {
		info.EngineVersion = "7.6.9"
	}
}

func succeeded() api.Result {
	zero := 0
	return api.Result{State: api.StateSucceeded, ExitCode: &zero}
}

// hang says one line, then waits for its end.
func hang(ctx context.Context, _ Work, say func(string)) api.Result {
	say("hanging")
	<-ctx.Done()
	say("last words")
	return failure(api.StateCancelled, api.CodeCancelled, "cancelled")
}

// say says the script's text.
func say(_ context.Context, w Work, say func(string)) api.Result {
	say(string(w.Script))
	return succeeded()
}

type bundle struct {
	server   *fakeServer
	executor *fakeExecutor
	config   Config
	agent    *Agent
	stop     func() error
}

// testKeys is one pair of keys for all tests: making them takes a second on a busy machine.
var testKeys = sync.OnceValues(newKeys)

// enrolled returns the state folder of an agent that the server knows.
func enrolled(t testing.TB, s *fakeServer) string {
	t.Helper()
	k, err := testKeys()
	require.NoError(t, err)
	id := Identity{Server: s.URL, AgentID: uuid.NewString(), TenantID: uuid.NewString(), Pool: "default", Name: "worker", keys: k}
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, makePrivate(dir))
	require.NoError(t, k.save(dir))
	require.NoError(t, id.save(dir))
	s.keys[id.AgentID] = &k.signing.PublicKey
	return dir
}

// setup enrolls and starts an agent.
func setup(t testing.TB, run func(context.Context, Work, func(string)) api.Result, change func(*fakeServer, *Config)) *bundle {
	t.Helper()
	b := &bundle{server: newFakeServer(t), executor: &fakeExecutor{run: run}}
	b.config = Config{
		StateDir: enrolled(t, b.server), Executor: b.executor, Capacity: 4, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		DrainTimeout: 5 * time.Second, Poll: 200 * time.Millisecond,
	}
	if change != nil {
		change(b.server, &b.config)
	}
	b.start(t)
	return b
}

func (b *bundle) start(t testing.TB) {
	t.Helper()
	a, err := New(b.config)
	require.NoError(t, err)
	b.agent = a
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { b.stop() })
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func texts(records []api.Record) []string {
	out := []string{}
	for _, r := range records {
		out = append(out, r.Text)
	}
	return out
}

func (b *bundle) requireEmptySpool(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(filepath.Join(b.config.StateDir, "spool"))
		return err == nil && len(left) == 0
	}, time.Minute, 5*time.Millisecond)
}

func TestRunsOneTargetToItsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, say, nil)
	target := b.server.queue("hello", nil)
	state, result, records := b.server.settled(target)
	require.Equal(t, "succeeded", state)
	require.Equal(t, 0, *result.ExitCode)
	require.Equal(t, []string{"hello"}, texts(records))
	b.requireEmptySpool(t)
	require.NoError(t, b.stop())
}

func TestStartIsCommittedBeforeTheScriptBegins(t *testing.T) {
	t.Parallel()
	var b *bundle
	states := make(chan string, 1)
	b = setup(t, func(_ context.Context, w Work, _ func(string)) api.Result {
		b.server.mu.Lock()
		defer b.server.mu.Unlock()
		states <- b.server.attempts[w.AttemptID].state
		return succeeded()
	}, nil)
	b.server.settled(b.server.queue("x", nil))
	require.Equal(t, "running", <-states)
}

func TestFirstRecordIsStoredWhileTheScriptRuns(t *testing.T) {
	t.Parallel()
	b := setup(t, hang, nil)
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool {
		_, _, records := b.server.state(target)
		return len(records) == 1
	}, time.Minute, time.Millisecond)
}

func TestLargeScriptIsFetchedOnceAndArrivesWhole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 100<<10)
	b := setup(t, func(_ context.Context, w Work, say func(string)) api.Result {
		say(fmt.Sprint(len(w.Script), hexSHA256(w.Script) == w.SHA256))
		return succeeded()
	}, nil)
	for range 3 {
		_, _, records := b.server.settled(b.server.queue(text, func(t *fakeTarget) { t.large = true }))
		require.Equal(t, []string{"102400 true"}, texts(records))
	}
	require.Equal(t, 1, b.server.count("get_script_content"))
}

func TestCapacityIsNeverExceededAndFinishClaimsTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t, func(ctx context.Context, w Work, say func(string)) api.Result {
		for i := range 20 {
			say(fmt.Sprint(i))
		}
		return succeeded()
	}, func(_ *fakeServer, c *Config) { c.Capacity = 2; c.Poll = time.Minute })
	var targets []*fakeTarget
	for range 40 {
		targets = append(targets, b.server.queue("x", nil))
	}
	for _, target := range targets {
		state, _, records := b.server.settled(target)
		require.Equal(t, "succeeded", state)
		require.Len(t, records, 20)
	}
	require.LessOrEqual(t, b.executor.most.Load(), int64(2))
	require.Equal(t, int64(40), b.executor.starts.Load())
}

func TestCancelReachesTheScriptByWake(t *testing.T) {
	t.Parallel()
	b := setup(t, hang, func(_ *fakeServer, c *Config) { c.Heartbeat = time.Hour })
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool { return b.executor.now.Load() == 1 }, time.Minute, time.Millisecond)
	asked := time.Now()
	b.server.cancel(target)
	state, result, records := b.server.settled(target)
	require.Less(t, time.Since(asked), time.Minute, "it waited for a heartbeat")
	require.Equal(t, "cancelled", state)
	require.Equal(t, api.CodeCancelled, result.Error.Code)
	require.Equal(t, []string{"hanging", "last words"}, texts(records))
}

func TestCancelledBeforeTheStartNeverRuns(t *testing.T) {
	t.Parallel()
	b := setup(t, say, nil)
	state, _, _ := b.server.settled(b.server.queue("x", func(t *fakeTarget) { t.cancel = true }))
	require.Equal(t, "cancelled", state)
	b.requireEmptySpool(t)
	require.Zero(t, b.executor.starts.Load())
}

func TestEveryLostAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"claim_run_targets", "start_attempts", "append_log", "renew_leases", "finish_attempts"} {
		for _, when := range []string{"before", "after"} {
			t.Run(function+" "+when, func(t *testing.T) {
				t.Parallel()
				b := setup(t, say, func(s *fakeServer, c *Config) {
					s.lease = 700 * time.Millisecond // a claim whose answer is lost comes back with it
					lost := map[string]int{}
					var mu sync.Mutex
					hook := func(path string, _ []byte) bool {
						mu.Lock()
						defer mu.Unlock()
						lost[path]++
						return path == "/api/rpc/"+function && lost[path] <= 3
					}
					if when == "before" {
						s.intercept(hook, nil)
					} else {
						s.intercept(nil, hook)
					}
				})
				target := b.server.queue("hello", nil)
				state, _, records := b.server.settled(target)
				require.Equal(t, "succeeded", state)
				require.Equal(t, []string{"hello"}, texts(records))
				require.Equal(t, int64(1), b.executor.starts.Load(), "a script never starts twice")
			})
		}
	}
}

func TestAScriptOutlivesAServerThatIsAway(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	release := make(chan struct{})
	b := setup(t, func(ctx context.Context, _ Work, say func(string)) api.Result {
		say("before")
		for i := range 500 {
			say(fmt.Sprint(i))
		}
		<-release
		say("after")
		return succeeded()
	}, func(s *fakeServer, _ *Config) {
		s.lease = 300 * time.Millisecond
		s.intercept(func(path string, _ []byte) bool { return away.Load() }, nil)
	})
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool { return b.executor.now.Load() == 1 }, time.Minute, time.Millisecond)
	b.server.mu.Lock()
	for _, a := range b.server.attempts {
		a.until = time.Now().Add(time.Hour) // a server that was away reaps nothing
	}
	b.server.mu.Unlock()
	away.Store(true)
	time.AfterFunc(600*time.Millisecond, func() { away.Store(false) }) // twice the lease
	close(release)
	state, _, records := b.server.settled(target)
	require.Equal(t, "succeeded", state)
	require.Len(t, records, 502)
	require.Equal(t, "after", records[501].Text)
}

func TestRetryableScriptIsEndedBeforeItsLease(t *testing.T) {
	t.Parallel()
	for _, retryable := range []bool{true, false} {
		t.Run(fmt.Sprint(retryable), func(t *testing.T) {
			t.Parallel()
			ended := make(chan time.Time, 1)
			var away atomic.Bool
			b := setup(t, func(ctx context.Context, _ Work, _ func(string)) api.Result {
				away.Store(true)
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Second):
				}
				ended <- time.Now()
				return failure(api.StateCancelled, api.CodeCancelled, "")
			}, func(s *fakeServer, c *Config) {
				s.lease = 3 * time.Second
				s.intercept(func(string, []byte) bool { return away.Load() }, nil)
			})
			target := b.server.queue("x", func(t *fakeTarget) { t.retryable = retryable })
			at := <-ended
			b.server.mu.Lock()
			until := target.attempts[0].until
			b.server.mu.Unlock()
			require.Equal(t, retryable, at.Before(until), "only a retryable script is ended, and before its lease")
			away.Store(false)
			b.server.cancel(target)
		})
	}
}

func TestLostLeaseEndsTheScriptAndDropsItsJournal(t *testing.T) {
	t.Parallel()
	b := setup(t, hang, nil)
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool { _, _, r := b.server.state(target); return len(r) == 1 }, time.Minute, time.Millisecond)
	b.server.mu.Lock()
	target.attempts[0].state, target.state = "unknown", "unknown"
	b.server.mu.Unlock()
	b.server.wakeAll()
	b.requireEmptySpool(t)
	require.Zero(t, b.executor.now.Load())
	_, result, records := b.server.state(target)
	require.Nil(t, result)
	require.Len(t, records, 1)
}

func TestServerThatLostRecordsGetsThemAgain(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := setup(t, func(_ context.Context, _ Work, say func(string)) api.Result {
		for i := range 10 {
			say(fmt.Sprint(i))
		}
		<-release
		say("end")
		return succeeded()
	}, nil)
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool { _, _, r := b.server.state(target); return len(r) == 10 }, time.Minute, time.Millisecond)
	b.server.mu.Lock()
	target.attempts[0].records = target.attempts[0].records[:4]
	b.server.mu.Unlock()
	close(release)
	state, _, records := b.server.settled(target)
	require.Equal(t, "succeeded", state)
	require.Len(t, records, 11)
}

func TestStopWaitsForScriptsAndTakesNoNewOnes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := setup(t, func(_ context.Context, _ Work, say func(string)) api.Result {
		<-release
		say("done")
		return succeeded()
	}, nil)
	first := b.server.queue("x", nil)
	require.Eventually(t, func() bool { return b.executor.now.Load() == 1 }, time.Minute, time.Millisecond)
	ended := make(chan error, 1)
	go func() { ended <- b.stop() }()
	require.Eventually(t, b.agent.draining.Load, time.Minute, time.Millisecond)
	second := b.server.queue("y", nil)
	close(release)
	require.NoError(t, <-ended)
	state, _, records := b.server.state(first)
	require.Equal(t, "succeeded", state)
	require.Equal(t, []string{"done"}, texts(records))
	state, _, _ = b.server.state(second)
	require.Equal(t, "pending", state)
}

func TestStopEndsScriptsAfterItsPatience(t *testing.T) {
	t.Parallel()
	b := setup(t, hang, func(_ *fakeServer, c *Config) { c.DrainTimeout = 20 * time.Millisecond })
	target := b.server.queue("x", nil)
	require.Eventually(t, func() bool { return b.executor.now.Load() == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, b.stop())
	state, result, records := b.server.state(target)
	require.Equal(t, "failed", state)
	require.Equal(t, api.CodeAgentStopped, result.Error.Code)
	require.Equal(t, []string{"hanging", "last words"}, texts(records))
}

func TestRevokedAgentEndsItsScriptsAndItself(t *testing.T) {
	t.Parallel()
	b := setup(t, hang, func(_ *fakeServer, c *Config) { c.Heartbeat = 20 * time.Millisecond })
	b.server.queue("x", nil)
	require.Eventually(t, func() bool { return b.executor.now.Load() == 1 }, time.Minute, time.Millisecond)
	b.server.mu.Lock()
	b.server.revoked = true
	b.server.mu.Unlock()
	require.Eventually(t, func() bool { return b.executor.now.Load() == 0 }, time.Minute, time.Millisecond)
	require.True(t, api.Is(b.stop(), api.CodeAgentRevoked))
}

func TestSecondAgentOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, say, nil)
	b.server.settled(b.server.queue("x", nil))
	second, err := New(b.config)
	require.NoError(t, err)
	require.ErrorIs(t, second.Run(t.Context()), ErrRunning)
	client, err := api.New(api.Config{Server: b.server.URL})
	require.NoError(t, err)
	_, err = Enroll(t.Context(), Enrollment{StateDir: b.config.StateDir, Client: client, Token: "good-2", Replace: true})
	require.ErrorIs(t, err, ErrRunning)
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t, say, nil)
	b.server.settled(b.server.queue("x", nil))
	b.server.mu.Lock()
	clear(b.server.tokens)
	b.server.mu.Unlock()
	state, _, _ := b.server.settled(b.server.queue("y", nil))
	require.Equal(t, "succeeded", state)
}

func TestDiskThatTakesNoRecordEndsTheScript(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, func(ctx context.Context, w Work, say func(string)) api.Result {
		say("one")
		blocked := filepath.Join(b.config.StateDir, "spool", w.AttemptID, fmt.Sprintf("%020d%s", 2, segmentExt))
		if err := os.Mkdir(blocked, 0o700); err != nil {
			return failure(api.StateFailed, "test", err.Error())
		}
		say("two")
		<-ctx.Done()
		say("three")
		return failure(api.StateCancelled, api.CodeCancelled, "")
	}, func(_ *fakeServer, c *Config) { c.SpoolBytes = 1 })
	state, result, records := b.server.settled(b.server.queue("x", nil))
	require.Equal(t, "failed", state)
	require.Equal(t, api.CodeLogSpoolFull, result.Error.Code)
	require.Equal(t, []string{"one"}, texts(records))
	b.requireEmptySpool(t)
}

func TestResultHoldsNothingThatTheDatabaseCannotStore(t *testing.T) {
	t.Parallel()
	b := setup(t, func(context.Context, Work, func(string)) api.Result {
		return failure(api.StateFailed, api.CodeScriptError, "a\x00b\xff"+strings.Repeat("ü", 40<<10))
	}, nil)
	_, result, _ := b.server.settled(b.server.queue("x", nil))
	require.True(t, strings.HasPrefix(result.Error.Message, "a␀b\uFFFDü"))
	require.LessOrEqual(t, len(result.Error.Message), maxErrorText+3)
}

func TestScriptWhoseBytesDifferNeverRuns(t *testing.T) {
	t.Parallel()
	for _, large := range []bool{false, true} {
		b := setup(t, say, func(s *fakeServer, _ *Config) { s.forge = true })
		state, result, records := b.server.settled(b.server.queue("approved", func(t *fakeTarget) { t.large = large }))
		require.Equal(t, "failed", state)
		require.Equal(t, api.CodeDigestMismatch, result.Error.Code)
		require.Empty(t, records)
		require.Zero(t, b.executor.starts.Load())
		require.NoError(t, b.stop())
	}
}

func TestWorkSaysWhereItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ context.Context, w Work, say func(string)) api.Result {
		say(w.TargetName + " " + w.Target.Name() + " " + w.Target.Options.Identity)
		return succeeded()
	}, nil)
	for options, want := range map[string]string{
		`{"address":"db-01","user":"epo","port":2222,"identity":"prod"}`: "db ssh://epo@db-01:2222 prod",
		`{"address":"::1","user":"epo"}`:                                 "db ssh://epo@[::1]:22 ",
	} {
		_, _, records := b.server.settled(b.server.queue("x", func(t *fakeTarget) {
			t.where = api.ClaimedTarget{Name: "db", Kind: "ssh", Options: json.RawMessage(options)}
		}))
		require.Equal(t, []string{want}, texts(records))
	}
	_, _, records := b.server.settled(b.server.queue("x", func(t *fakeTarget) {
		t.where = api.ClaimedTarget{Name: "here", Kind: "local", Options: json.RawMessage(`{}`)}
	}))
	require.Equal(t, []string{"here local "}, texts(records))
}

// TestTargetThatTheAgentDoesNotKnowIsNotServed: a kind or an option of a newer server is never taken for something else.
func TestTargetThatTheAgentDoesNotKnowIsNotServed(t *testing.T) {
	t.Parallel()
	b := setup(t, say, nil)
	for _, where := range []api.ClaimedTarget{
		{Kind: "telnet", Options: json.RawMessage(`{}`)},
		{Kind: "ssh", Options: json.RawMessage(`{"address":"db-01","user":"epo","sandbox":true}`)},
		{Kind: "winrm", Options: json.RawMessage(`{"address":"db-01","user":"epo","scheme":"http","auth":"basic"}`)},
	} {
		state, result, records := b.server.settled(b.server.queue("x", func(t *fakeTarget) { t.where = where }))
		require.Equal(t, []string{"failed", api.CodeTargetUnsupported}, []string{state, result.Error.Code})
		require.Empty(t, records)
	}
	require.Zero(t, b.executor.starts.Load())
}

func TestContentWithoutItsDigestIsNotKept(t *testing.T) {
	t.Parallel()
	fetched := 0
	c := newContents(func(context.Context, string) ([]byte, error) { fetched++; return []byte("other"), nil })
	for range 2 {
		data, err := c.get(t.Context(), api.ClaimedScript{SHA256: hexSHA256([]byte("right"))})
		require.NoError(t, err)
		require.Equal(t, "other", string(data))
	}
	require.Equal(t, 2, fetched)
}

func TestContentsForgetTheOldest(t *testing.T) {
	t.Parallel()
	c := newContents(func(_ context.Context, id string) ([]byte, error) { return []byte(strings.Repeat(id, 3<<20)), nil })
	for _, id := range []string{"a", "b", "c", "d"} {
		_, err := c.get(t.Context(), api.ClaimedScript{VersionID: id, SHA256: hexSHA256([]byte(strings.Repeat(id, 3<<20)))})
		require.NoError(t, err)
		require.LessOrEqual(t, c.bytes, contentLimit)
	}
	require.Len(t, c.order, 2)
}

// BenchmarkDispatch measures what the agent itself takes from a wake to the first record on the server, calls included.
func BenchmarkDispatch(b *testing.B) {
	stored := make(chan struct{}, 1)
	bundle := setup(b, say, func(s *fakeServer, c *Config) {
		c.Logger = slog.New(slog.DiscardHandler)
		s.intercept(nil, func(path string, _ []byte) bool {
			if path == "/api/rpc/append_log" {
				stored <- struct{}{}
			}
			return false
		})
	})
	for b.Loop() {
		target := bundle.server.queue("x", nil)
		<-stored
		b.StopTimer()
		bundle.server.settled(target)
		b.StartTimer()
	}
}

// BenchmarkThroughput measures scripts that do nothing, four at once.
func BenchmarkThroughput(b *testing.B) {
	var finished atomic.Int64
	bundle := setup(b, func(_ context.Context, _ Work, say func(string)) api.Result {
		say("x")
		finished.Add(1)
		return succeeded()
	}, func(_ *fakeServer, c *Config) { c.Logger = slog.New(slog.DiscardHandler) })
	began := time.Now()
	var last *fakeTarget
	n := int64(0)
	for b.Loop() {
		last = bundle.server.queue("x", nil)
		n++
	}
	require.Eventually(b, func() bool { return finished.Load() == n }, time.Minute, time.Millisecond)
	bundle.server.settled(last)
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "scripts/s")
}
