package psrp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

// The checks against a scripted peer. TestCheckNN_… is check NN of the
// protocol's acceptance list; those an engine can answer are in psrp/stdio.

func TestCheck02_FivePipelinesUnderStrictRules(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{
		AckDelay: 2 * time.Millisecond,
		Handle:   func(p *peer.Pipeline) { p.Output(p.Text) },
	}, psrp.Config{})
	script := strings.Repeat("x", 100_000)
	for range 5 {
		events, state := collect(t, pool, psrp.Script(script))
		require.Equal(t, []any{script}, outputs(events))
		require.Equal(t, psrp.PipelineCompleted, state.State)
	}
	require.NoError(t, pool.Close(ctx(t)))
	for _, l := range b.server.Lines() {
		require.NotContains(t, string(l.Kind), "Ack", "a client must not acknowledge")
	}
}

func TestCheck04_HundredThousandObjectsInOrder(t *testing.T) {
	t.Parallel()
	const count = 100_000
	pool, _ := openPool(t, peer.Config{Handle: emit(count)}, psrp.Config{MaxQueueBytes: 256 << 10})
	run, err := pool.Start(ctx(t), psrp.Script("numbers"))
	require.NoError(t, err)
	next := int32(0)
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if o, ok := event.(psrp.OutputEvent); ok {
			if o.Value != next {
				require.Equal(t, next, o.Value)
			}
			next++
		}
	}
	require.EqualValues(t, count, next)
	require.NoError(t, run.Close(ctx(t)))
}

func emit(count int32) peer.Handler {
	return func(p *peer.Pipeline) {
		for i := range count {
			p.Output(i)
		}
	}
}

func TestCheck04_BackPressureWhenNobodyReads(t *testing.T) {
	t.Parallel()
	finished := make(chan struct{})
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for range 200 {
			p.Output(strings.Repeat("y", 100_000))
		}
		close(finished)
	}}, psrp.Config{MaxQueueBytes: 1 << 20})
	run, err := pool.Start(ctx(t), psrp.Script("flood"))
	require.NoError(t, err)
	select {
	case <-finished:
		require.Fail(t, "the server could send 20 MB although nobody read")
	case <-time.After(200 * time.Millisecond):
	}
	events, state := drain(t, run)
	require.Len(t, outputs(events), 200)
	require.Zero(t, state.Dropped)
}

func TestCheck05_LargeStringAtAnyCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]peer.Config{
		"whole fragments": {},
		"small fragments": {Fragment: 100},
		"odd cuts":        {Cut: 1021},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat("5 MiB \u00e9\n", 5<<20/10)
			c.Handle = func(p *peer.Pipeline) { p.Output(text); p.Output([]byte(text)) }
			if c.Fragment == 100 {
				text = text[:200_000]
			}
			pool, _ := openPool(t, c, psrp.Config{})
			events, _ := collect(t, pool, psrp.Script("large"))
			got := outputs(events)
			require.Len(t, got, 2)
			want := sha256.Sum256([]byte(text))
			require.Equal(t, want, sha256.Sum256([]byte(got[0].(string))))
			require.Equal(t, want, sha256.Sum256(got[1].([]byte)))
		})
	}
}

func TestCheck05_OneByteCuts(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("z", 40_000)
	pool, _ := openPool(t, peer.Config{
		Cut:    1,
		Handle: func(p *peer.Pipeline) { p.Output(text) },
	}, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script("cut"))
	require.Equal(t, []any{text}, outputs(events))
}

func TestCheck09_StopEndsTheRun(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { <-p.Stopped }}, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("sleep"))
	require.NoError(t, err)
	short, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = run.Next(short)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, run.Stop(ctx(t)))
	_, state := drain(t, run)
	require.Equal(t, psrp.PipelineStopped, state.State)
	require.NoError(t, run.Stop(ctx(t)), "stopping what has ended is no error")
	require.NoError(t, run.Close(ctx(t)))
	require.NoError(t, run.Close(ctx(t)))
}

func TestStop_LiftsBackPressureAndCountsWhatIsDropped(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for range 200 {
			p.Output(strings.Repeat("y", 10_000))
		}
	}}, psrp.Config{MaxQueueBytes: 100_000})
	run, err := pool.Start(ctx(t), psrp.Script("flood"))
	require.NoError(t, err)
	require.NoError(t, run.Stop(ctx(t)), "Stop works although nobody reads")
	events, state := drain(t, run)
	require.Less(t, len(events), 200)
	require.Equal(t, 200, len(events)+state.Dropped)
}

func TestCheck21_NullOutputs(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Output(nil)
		p.Server().SendBody(psrp.MsgPipelineOutput, p.ID, []byte("<Nil/>"))
		p.Server().SendBody(psrp.MsgPipelineOutput, p.ID, nil)
	}}, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script("null"))
	require.Equal(t, []any{nil, nil, nil}, outputs(events))
}

func TestCheck26_UnknownThingsDoNotEndThePool(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Send(psrp.MessageType(0x00041077), "a body that nobody should log")
		p.Server().Send(psrp.MessageType(0x00021077), psrp.GUID{}, "and this")
		p.Server().Send(psrp.MsgPipelineState, psrp.GUID{}, clixml.NewBag(prop("PipelineState", int32(4))))
		p.Server().SendBody(psrp.MsgWarningRecord, p.ID, []byte("<Obj><unfinished"))
		p.Server().SendBody(psrp.MsgPipelineOutput, p.ID, []byte("<Novelty>1</Novelty>"))
		answer := p.Ask(7, psrp.HostMethod(99))
		me, ok := answer.Get("me")
		p.Output(ok && me != nil)
	}}, psrp.Config{Logger: logger})
	for range 2 {
		events, state := collect(t, pool, psrp.Script("odd"))
		require.Equal(t, psrp.PipelineCompleted, state.State)
		require.Len(t, events, 3)
		require.IsType(t, psrp.UndecodedEvent{}, events[0])
		require.Equal(t, psrp.OutputEvent{Value: true}, events[2])
	}
	require.NoError(t, pool.Close(ctx(t)))
	require.Contains(t, log.String(), "0x00041077")
	require.Contains(t, log.String(), "0x00021077")
	require.NotContains(t, log.String(), "nobody should log")
	require.NotContains(t, log.String(), "0x00041006", "a pool's pipeline state is known to come")
}

func TestCheck30_EndOfInputExactlyOnceOrNever(t *testing.T) {
	t.Parallel()
	count := func(p *peer.Pipeline) {
		n := int32(0)
		if v, _ := p.Create.Get("NoInput"); v == false {
			for range p.Inputs {
				n++
			}
		}
		p.Output(n)
	}
	for name, c := range map[string]struct {
		pipeline psrp.Pipeline
		values   int32
		ends     int
	}{
		"no input":    {psrp.Script("in"), 0, 0},
		"empty input": {psrp.Pipeline{Commands: psrp.Script("in").Commands, Input: psrp.Values()}, 0, 1},
		"three": {psrp.Pipeline{Commands: psrp.Script("in").Commands,
			Input: psrp.Values("a", int32(2), nil)}, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, b := openPool(t, peer.Config{Handle: count, AckDelay: time.Millisecond}, psrp.Config{})
			events, _ := collect(t, pool, c.pipeline)
			require.Equal(t, []any{c.values}, outputs(events))
			ends := 0
			for _, m := range b.server.Received() {
				if m.Type == psrp.MsgEndOfPipelineInput {
					ends++
					require.Empty(t, m.Body)
				}
			}
			require.Equal(t, c.ends, ends)
		})
	}
}

func TestCheck29_ErrorOfTheSourceStopsThePipeline(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	stopped := make(chan struct{})
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		<-p.Stopped
		close(stopped)
	}}, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Pipeline{
		Commands: psrp.Script("in").Commands,
		Input: func(yield func(any, error) bool) {
			_ = yield("one", nil) && yield(nil, broken)
		},
	})
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	require.ErrorIs(t, err, broken)
	<-stopped
	require.NoError(t, run.Close(ctx(t)))
	for _, m := range b.server.Received() {
		require.NotEqual(t, psrp.MsgEndOfPipelineInput, m.Type, "the input was not complete")
	}
}

func TestCheck32_BrokenFragmentsBreakThePool(t *testing.T) {
	t.Parallel()
	good := psrp.AppendMessage(nil, psrp.Message{Destination: psrp.ToClient, Type: psrp.MsgPipelineOutput,
		Body: []byte("<S>x</S>")})
	fragment := func(object, id uint64, start, end bool) []byte {
		return psrp.AppendFragment(nil, psrp.Fragment{ObjectID: object, FragmentID: id, Start: start, End: end, Blob: good})
	}
	for name, data := range map[string][]byte{
		"object id 0":       fragment(0, 0, true, true),
		"no start":          fragment(9, 1, false, true),
		"starts with 5":     fragment(9, 5, true, true),
		"gap":               append(fragment(9, 0, true, false), fragment(9, 2, false, true)...),
		"repeat":            append(fragment(9, 0, true, false), fragment(9, 0, false, true)...),
		"interleaved":       append(fragment(9, 0, true, false), fragment(10, 0, true, true)...),
		"other object":      append(fragment(9, 0, true, false), fragment(10, 1, false, true)...),
		"length 0xFFFFFFFF": append(fragment(9, 0, true, true)[:17], 0xff, 0xff, 0xff, 0xff),
		"short message":     psrp.AppendFragment(nil, psrp.Fragment{ObjectID: 9, Start: true, End: true, Blob: good[:39]}),
		"no destination":    psrp.AppendFragment(nil, psrp.Fragment{ObjectID: 9, Start: true, End: true, Blob: make([]byte, 40)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
				p.Server().Write(stdio.Line{Kind: stdio.Data, Target: p.ID, Data: data})
				<-p.Stopped
			}}, psrp.Config{})
			run, err := pool.Start(ctx(t), psrp.Script("bad"))
			require.NoError(t, err)
			_, err = run.Next(ctx(t))
			var protocol *psrp.ProtocolError
			require.ErrorAs(t, err, &protocol)
			var broken *psrp.BrokenError
			require.ErrorAs(t, err, &broken)
			<-pool.Done()
			require.ErrorAs(t, pool.Err(), &broken)
			_, err = pool.Start(ctx(t), psrp.Script("late"))
			require.ErrorAs(t, err, &broken)
		})
	}
}

func TestCheck35_EndInTheMiddleOfAnObject(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		<-p.Stopped
		p.Server().Write(stdio.Line{Kind: stdio.Data, Target: p.ID, Data: psrp.AppendFragment(nil,
			psrp.Fragment{ObjectID: 9, Start: true, Blob: make([]byte, 100)})})
		p.Server().WriteRaw([]byte("garbage that is not base64 <Data Stream='Default' PSGuid=\n"))
	}}, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("die"))
	require.NoError(t, err)
	_ = run.Stop(ctx(t)) // sets it off
	_, err = run.Next(ctx(t))
	var broken *psrp.BrokenError
	require.ErrorAs(t, err, &broken)
}

func TestCheck37_CloseWithRunningPipelines(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { <-p.Stopped }}, psrp.Config{})
	var runs []*psrp.Run
	for range 3 {
		run, err := pool.Start(ctx(t), psrp.Script("sleep"))
		require.NoError(t, err)
		runs = append(runs, run)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { require.NoError(t, pool.Close(ctx(t))) })
	}
	wg.Wait()
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, pool.Err())
	for _, run := range runs {
		_, state := drain(t, run)
		require.Equal(t, psrp.PipelineStopped, state.State)
		require.NoError(t, run.Close(ctx(t)))
	}
	requireCloseOrder(t, b.server.Lines(), 3)
	_, err := pool.Start(ctx(t), psrp.Script("late"))
	require.ErrorIs(t, err, psrp.ErrPoolClosed)
}

// requireCloseOrder checks for one Close per pipeline, all before the pool's.
func requireCloseOrder(t *testing.T, lines []stdio.Line, pipelines int) {
	t.Helper()
	closes := map[psrp.GUID]int{}
	for i, l := range lines {
		if l.Kind != stdio.Close {
			continue
		}
		closes[l.Target]++
		if l.Target.IsZero() {
			require.Len(t, closes, pipelines+1)
			require.Equal(t, len(lines)-1, i, "nothing follows the Close of the pool")
		}
	}
	require.Len(t, closes, pipelines+1)
	for _, n := range closes {
		require.Equal(t, 1, n)
	}
}

func TestCheck39_SecondPoolOnTheSameConnection(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{Handle: func(p *peer.Pipeline) { p.Output(p.Text) }})
	for range 3 {
		pool, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
		require.NoError(t, err)
		_, err = psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
		require.ErrorIs(t, err, stdio.ErrBusy)
		events, _ := collect(t, pool, psrp.Script("again"))
		require.Equal(t, []any{"again"}, outputs(events))
		require.NoError(t, pool.Close(ctx(t)))
	}
}

func TestCheck50_VersionIsNegotiated(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"2.2": "2.2", "2.3": "2.3", "2.4": "2.3"} {
		pool, _ := openPool(t, peer.Config{Version: version}, psrp.Config{})
		require.Equal(t, want, pool.ProtocolVersion())
		require.Equal(t, "7.6.9", pool.PSVersion())
	}
	for _, version := range []string{"3.0", "1.1", "2.0", "2.1"} {
		b := startPeer(t, peer.Config{Version: version})
		_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
		require.ErrorIs(t, err, psrp.ErrVersion)
		require.ErrorContains(t, err, "the server has "+version, "the reason is clear")
	}
	for _, version := range []string{"x", "2"} {
		b := startPeer(t, peer.Config{Version: version})
		_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
		var protocol *psrp.ProtocolError
		require.ErrorAs(t, err, &protocol, "version %q", version)
	}
}

func TestOpen_SilenceTimesOut(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{OnOpen: func(*peer.Server) {}})
	_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{OpenTimeout: 50 * time.Millisecond})
	require.ErrorIs(t, err, psrp.ErrOpenTimeout)
}

func TestOpen_BrokenStateCarriesItsRecord(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{OnOpen: func(s *peer.Server) {
		s.Send(psrp.MsgRunspacePoolState, psrp.GUID{}, clixml.NewBag(prop("RunspaceState", int32(5)),
			prop("ExceptionAsErrorRecord", peer.Record("init script failed", "Init"))))
	}})
	_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
	var record *psrp.ErrorRecord
	require.ErrorAs(t, err, &record)
	require.Equal(t, "Init", record.FullyQualifiedErrorID)
}

func TestStart_AckThatNeverComesTimesOut(t *testing.T) {
	t.Parallel()
	for _, kind := range []stdio.Kind{stdio.Command, stdio.Data} {
		pool, _ := openPool(t, peer.Config{OnLine: func(_ *peer.Server, l stdio.Line) bool {
			return l.Kind == kind && !l.Target.IsZero()
		}}, psrp.Config{AckTimeout: 50 * time.Millisecond, CloseTimeout: 100 * time.Millisecond})
		_, err := pool.Start(ctx(t), psrp.Script("never"))
		require.ErrorIs(t, err, psrp.ErrAckTimeout)
		_ = pool.Close(ctx(t))
	}
}

func TestStart_NoAnswerTimesOutOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Silent()
		<-p.Stopped
	}}, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Pipeline{
		Commands: psrp.Script("never").Commands, StartTimeout: 50 * time.Millisecond,
	})
	if err == nil { // on a slow machine already the start takes too long
		_, err = run.Next(ctx(t))
		require.NoError(t, run.Close(ctx(t)))
	}
	require.ErrorIs(t, err, psrp.ErrNoAnswer)
	_, state := collect(t, mustPool(t, emit(1)), psrp.Script("fine"))
	require.Equal(t, psrp.PipelineCompleted, state.State)
}

func mustPool(t *testing.T, h peer.Handler) *psrp.Pool {
	pool, _ := openPool(t, peer.Config{Handle: h}, psrp.Config{})
	return pool
}

func TestPool_ClosedByPeerStillReadsTheLastStates(t *testing.T) {
	t.Parallel()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Server().State(4)
		p.Server().State(3)
		p.State(psrp.PipelineStopped, peer.Record("stopped", "Stopped"))
	}}, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("bye"))
	require.NoError(t, err)
	_, state := drain(t, run)
	require.Equal(t, psrp.PipelineStopped, state.State)
	_, err = pool.Start(ctx(t), psrp.Script("late"))
	require.ErrorIs(t, err, psrp.ErrClosedByPeer)
}

func TestRun_EndsOnceAndSaysEOFForEver(t *testing.T) {
	t.Parallel()
	run, err := mustPool(t, emit(1)).Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	drain(t, run)
	for range 3 {
		_, err = run.Next(ctx(t))
		require.ErrorIs(t, err, io.EOF)
	}
	require.NoError(t, run.Close(ctx(t)))
}

func TestRun_CloseWithoutStateEndsIt(t *testing.T) {
	t.Parallel()
	pool := mustPool(t, func(p *peer.Pipeline) { p.Silent() })
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	require.NoError(t, run.Close(ctx(t)))
	_, err = run.Next(ctx(t))
	require.ErrorIs(t, err, psrp.ErrRunClosed)
}

func TestPipeline_WireForm(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: emit(0)}, psrp.Config{})
	collect(t, pool, psrp.Pipeline{
		Commands: []psrp.Command{
			{Text: "/x/y.ps1", UseLocalScope: new(false), Parameters: []psrp.Parameter{{Name: "Name", Value: "v"}, {Value: true}}},
			{Text: "$_", IsScript: true, Merge: psrp.MergeAll()},
		},
		Statements: [][]psrp.Command{{{Text: "second"}}},
		Host:       &psrp.HostInfo{UI: true, RawUI: true, Width: 100, Height: 40},
	})
	var body []byte
	for _, m := range b.server.Received() {
		if m.Type == psrp.MsgCreatePipeline {
			body = m.Body
		}
	}
	for _, part := range []string{
		`<B N="RedirectShellErrorOutputPipe">true</B>`, `<B N="NoInput">true</B>`,
		`<B N="_useRunspaceHost">false</B>`, `<B N="UseLocalScope">false</B>`, `<Nil N="UseLocalScope"/>`,
		`<S N="N">Name</S><S N="V">v</S>`, `<Nil N="N"/><B N="V">true</B>`, `<I32 N="width">100</I32>`,
	} {
		require.Contains(t, string(body), part)
	}
	require.Equal(t, 2, bytes.Count(body, []byte(">/x/y.ps1<")), "Cmds and ExtraCmds both hold the first statement")
	require.Equal(t, 1, bytes.Count(body, []byte(">second<")))
}
