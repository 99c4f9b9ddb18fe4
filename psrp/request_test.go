package psrp_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

func TestRequests_AboutThePool(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{OnMessage: func(s *peer.Server, m psrp.Message) bool {
		switch {
		case m.Type == psrp.MsgGetAvailableRunspaces:
			go s.Available(m, int32(4))
		case m.Type == psrp.MsgSetMinRunspaces && strings.Contains(string(m.Body), ">-1<"):
			go s.Available(m, false)
		default:
			return false
		}
		return true
	}}, psrp.Config{})
	n, err := pool.AvailableRunspaces(ctx(t))
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.NoError(t, pool.SetMaxRunspaces(ctx(t), 5))
	require.NoError(t, pool.SetMinRunspaces(ctx(t), 2))
	require.ErrorIs(t, pool.SetMinRunspaces(ctx(t), -1), psrp.ErrRefused)
	require.NoError(t, pool.Reset(ctx(t)))
	var bodies []string
	for _, m := range b.server.Received() {
		if m.Type >= psrp.MsgSetMaxRunspaces {
			bodies = append(bodies, string(m.Body))
			require.True(t, m.Pipeline.IsZero())
		}
	}
	require.Equal(t, []string{
		`<Obj RefId="0"><MS><I64 N="ci">1</I64></MS></Obj>`,
		`<Obj RefId="0"><MS><I32 N="MaxRunspaces">5</I32><I64 N="ci">2</I64></MS></Obj>`,
		`<Obj RefId="0"><MS><I32 N="MinRunspaces">2</I32><I64 N="ci">3</I64></MS></Obj>`,
		`<Obj RefId="0"><MS><I32 N="MinRunspaces">-1</I32><I64 N="ci">4</I64></MS></Obj>`,
		`<Obj RefId="0"><MS><I64 N="ci">5</I64></MS></Obj>`,
	}, bodies, "the same as in recordings of real hosts")
}

func TestRequests_ManyAtOnceGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{AckDelay: time.Millisecond}, psrp.Config{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			require.NoError(t, pool.SetMaxRunspaces(ctx(t), 3))
			_, err := pool.AvailableRunspaces(ctx(t))
			require.NoError(t, err)
		})
	}
	wg.Wait()
}

func TestRequests_EndWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{OnMessage: func(*peer.Server, psrp.Message) bool { return false },
		Handle: emit(0)}, psrp.Config{})
	ended, cancel := context.WithCancel(ctx(t))
	cancel()
	_, err := pool.AvailableRunspaces(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, pool.Close(ctx(t)))
	_, err = pool.AvailableRunspaces(ctx(t))
	require.ErrorIs(t, err, psrp.ErrPoolClosed)

	silent, _ := openPool(t, peer.Config{OnMessage: func(_ *peer.Server, m psrp.Message) bool {
		return m.Type == psrp.MsgGetAvailableRunspaces
	}}, psrp.Config{AckTimeout: 50 * time.Millisecond})
	_, err = silent.AvailableRunspaces(ctx(t))
	require.ErrorIs(t, err, psrp.ErrAckTimeout)
}

// Check 50: what version 2.2 does not know is not sent.
func TestCheck50_Version22(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ server, client string }{
		"server is old": {"2.2", ""}, "client says so": {"2.2", "2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, b := openPool(t, peer.Config{Version: c.server, Handle: emit(0)}, psrp.Config{ProtocolVersion: c.client})
			require.Equal(t, "2.2", pool.ProtocolVersion())
			p := psrp.Script("one")
			p.Commands[0].Merge = psrp.MergeAll()
			p.Statements = [][]psrp.Command{{{Text: "two"}}}
			collect(t, pool, p)
			require.ErrorIs(t, pool.Reset(ctx(t)), psrp.ErrVersion)
			require.Zero(t, count(b.server.Received(), psrp.MsgResetRunspaceState))
			for _, m := range b.server.Received() {
				if m.Type == psrp.MsgCreatePipeline {
					require.NotContains(t, string(m.Body), "MergeInformation")
					require.Contains(t, string(m.Body), "MergeDebug")
					require.Contains(t, string(m.Body), ">two<")
				}
			}
		})
	}
	pool, b := openPool(t, peer.Config{Handle: emit(0)}, psrp.Config{})
	collect(t, pool, psrp.Script("one"))
	for _, m := range b.server.Received() {
		if m.Type == psrp.MsgCreatePipeline {
			require.Contains(t, string(m.Body), "MergeInformation")
		}
	}
}

// Check 31: eight pipelines at once do not mix their outputs, and while one is
// not read the questions of the others are still answered.
func TestCheck31_ParallelRuns(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Cut: 100, Handle: func(p *peer.Pipeline) {
		for range 200 {
			p.Output(p.Text)
		}
		p.Ask(1, psrp.HostGetName)
	}}, psrp.Config{MaxRunspaces: 4, MaxQueueBytes: 4 << 10})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := string(rune('a' + i))
			run, err := pool.Start(ctx(t), psrp.Script(text))
			require.NoError(t, err)
			events, _ := drain(t, run)
			require.Len(t, events, 200)
			for _, v := range outputs(events) {
				require.Equal(t, text, v)
			}
			require.NoError(t, run.Close(ctx(t)))
		})
	}
	wg.Wait()
}

func TestCheck31_SlowReaderWithinItsQueueHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for range 100 {
			p.Output(p.Text)
		}
		if p.Text == "fast" {
			p.Ask(1, psrp.HostGetName)
		}
	}}, psrp.Config{MaxRunspaces: 2})
	slow, err := pool.Start(ctx(t), psrp.Script("slow"))
	require.NoError(t, err)
	events, state := collect(t, pool, psrp.Script("fast"))
	require.Len(t, events, 100)
	require.Equal(t, psrp.PipelineCompleted, state.State)
	events, _ = drain(t, slow)
	require.Len(t, events, 100)
	require.NoError(t, slow.Close(ctx(t)))
}

// A run that is not read at all stops the reader; a request about the pool
// still gets its answer, within what is allowed then.
func TestRequests_PassAFullQueue(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for range 20 {
			p.Output(strings.Repeat("x", 1000))
		}
		<-p.Stopped
	}}, psrp.Config{MaxRunspaces: 2, MaxQueueBytes: 10_000})
	run, err := pool.Start(ctx(t), psrp.Script("flood"))
	require.NoError(t, err)
	_, err = pool.AvailableRunspaces(ctx(t))
	require.NoError(t, err)
	require.NoError(t, run.Stop(ctx(t)))
	events, _ := drain(t, run)
	require.Len(t, events, 20)
	require.NoError(t, run.Close(ctx(t)))
}

// Check 29: input is drawn only as fast as it is taken, and a pipeline that
// ends early ends it.
func TestCheck29_InputIsStreamed(t *testing.T) {
	t.Parallel()
	const count = 10_000
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		n := int32(0)
		for v := range p.Inputs {
			if v == n {
				n++
			}
		}
		p.Output(n)
	}}, psrp.Config{})
	p := psrp.Script("count")
	p.Input = func(yield func(any, error) bool) {
		for i := range int32(count) {
			if !yield(i, nil) {
				return
			}
		}
	}
	events, _ := collect(t, pool, p)
	require.Equal(t, []any{int32(count)}, outputs(events))
}

func TestCheck29_InputEndsWithThePipeline(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { p.Output(<-p.Inputs) }}, psrp.Config{})
	ended := make(chan int, 1)
	p := psrp.Script("first")
	p.Input = func(yield func(any, error) bool) {
		n := 0
		defer func() { ended <- n }()
		for yield("x", nil) {
			n++
		}
	}
	events, state := collect(t, pool, p)
	require.Equal(t, []any{"x"}, outputs(events))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	<-ended
}

// A server that takes no more gets no more: the source waits.
func TestCheck29_BackPressureOnTheSource(t *testing.T) {
	t.Parallel()
	const most = 64 + 2 // what waits to be sent, and what is on its way
	release := make(chan struct{})
	held, once := make(chan struct{}), new(sync.Once)
	pool, _ := openPool(t, peer.Config{OnLine: func(s *peer.Server, l stdio.Line) bool {
		if l.Kind == stdio.Data && !l.Target.IsZero() && bytes.Contains(l.Data, []byte("first of many")) {
			once.Do(func() { close(held) })
			<-release // the server reads nothing more
		}
		return false
	}, Handle: func(p *peer.Pipeline) {
		n := int32(0)
		for range p.Inputs {
			n++
		}
		p.Output(n)
	}}, psrp.Config{})
	var drawn atomic.Int32
	full := make(chan struct{})
	p := psrp.Script("count")
	p.Input = func(yield func(any, error) bool) {
		for i := range 1000 {
			if drawn.Add(1) == most {
				close(full)
			}
			if !yield(fmt.Sprint("first of many ", i, strings.Repeat("x", 32<<10-1000)), nil) {
				return
			}
		}
	}
	run, err := pool.Start(ctx(t), p)
	require.NoError(t, err)
	<-held
	<-full
	for range 1000 {
		runtime.Gosched() // whoever could go on, does
	}
	require.LessOrEqual(t, drawn.Load(), int32(most+2))
	close(release)
	events, _ := drain(t, run)
	require.Equal(t, []any{int32(1000)}, outputs(events))
	require.NoError(t, run.Close(ctx(t)))
}

// Fifty thousand progress records, read slowly: the server waits, memory does
// not grow, nothing is lost.
func TestCheck49_ProgressFlood(t *testing.T) {
	const count = 50_000
	sent := new(atomic.Int32)
	pool, _ := openPool(t, peer.Config{NoMemory: true, Handle: func(p *peer.Pipeline) {
		for i := range int32(count) {
			p.Send(psrp.MsgProgressRecord, clixml.NewBag(prop("Activity", "a"), prop("ActivityId", i), prop("PercentComplete", int32(5)),
				prop("CurrentOperation", strings.Repeat("x", 500))))
			sent.Add(1)
		}
	}}, psrp.Config{MaxQueueBytes: 256 << 10})
	run, err := pool.Start(ctx(t), psrp.Script("flood"))
	require.NoError(t, err)
	before, n := measure(t).heap, int32(0)
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		p, ok := event.(psrp.ProgressEvent)
		if !ok {
			continue
		}
		require.EqualValues(t, n, p.ActivityID)
		if n++; n%10_000 == 0 {
			require.Less(t, measure(t).heap, before+8<<20)
			require.Less(t, sent.Load(), n+2000, "the server is held back")
		}
	}
	require.EqualValues(t, count, n)
	require.NoError(t, run.Close(ctx(t)))
}
