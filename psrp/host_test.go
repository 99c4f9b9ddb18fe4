package psrp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

// unattended are the calls that get an answer from the unattended host; all
// others get an error, and void ones nothing.
func TestUnattended_EveryMethodIsAnswered(t *testing.T) {
	t.Parallel()
	answers := map[psrp.HostMethod]any{
		psrp.HostGetName: "EPO", psrp.HostGetVersion: clixml.Version("1.0"), psrp.HostGetInstanceID: psrp.GUID{},
		psrp.HostGetCurrentCulture: "en-US", psrp.HostGetCurrentUICulture: "en-US",
		psrp.HostPromptForChoice: int32(2), psrp.HostGetForegroundColor: int32(7), psrp.HostGetBackgroundColor: int32(0),
		psrp.HostGetCursorSize: int32(25), psrp.HostGetWindowTitle: "", psrp.HostGetKeyAvailable: false,
	}
	objects := map[psrp.HostMethod]string{
		psrp.HostGetCursorPosition: "x", psrp.HostGetWindowPosition: "x", psrp.HostGetBufferSize: "width",
		psrp.HostGetWindowSize: "width", psrp.HostGetMaxWindowSize: "width", psrp.HostGetMaxPhysicalWindowSize: "width",
	}
	got := make(chan map[psrp.HostMethod]*clixml.Object, 1)
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		all := map[psrp.HostMethod]*clixml.Object{}
		for m := psrp.HostMethod(1); m <= 57; m++ {
			all[m] = p.Ask(int64(m), m, "caption", "message", clixml.NewArrayList(), int32(2))
		}
		got <- all
	}}, psrp.Config{Host: &psrp.HostInfo{UI: true, RawUI: true, Width: 99}})
	_, state := collect(t, pool, psrp.Script("ask"))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	for m, answer := range <-got {
		ci, _ := answer.Get("ci")
		require.EqualValues(t, m, ci, m)
		mr, hasValue := answer.Get("mr")
		_, hasError := answer.Get("me")
		require.NotEqual(t, hasValue, hasError, m)
		if name, ok := objects[m]; ok {
			_, ok = mr.(*clixml.Object).Get(name)
			require.True(t, ok, m)
			continue
		}
		require.Equal(t, answers[m], clixml.Base(mr), m)
	}
}

func TestUnattended_ChoiceWithoutDefaultIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]any{{"c", "m", nil, int32(-1)}, {"c"}, nil} {
		_, err := psrp.Unattended{}.AnswerHostCall(context.Background(),
			psrp.HostCall{Method: psrp.HostPromptForChoice, Args: args})
		require.Error(t, err)
	}
}

// Void calls are events in their place and are never answered.
func TestHostCall_VoidCallsAreEventsInOrder(t *testing.T) {
	t.Parallel()
	answered := make(chan int, 1)
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.HostCall(-100, psrp.HostWriteLine2, "one")
		p.Output("two")
		p.HostCall(-100, psrp.HostWrite2, int32(1), int32(2), "three")
		p.HostCall(-100, psrp.HostSetShouldExit, int32(3))
		p.HostCall(-100, psrp.HostMethod(77), "unknown")
		answered <- p.Answers()
	}}, psrp.Config{Host: &psrp.HostInfo{UI: true}})
	events, _ := collect(t, pool, psrp.Script("write"))
	require.Equal(t, []psrp.Event{
		psrp.HostCallEvent{Method: psrp.HostWriteLine2, Args: []any{"one"}},
		psrp.OutputEvent{Value: "two"},
		psrp.HostCallEvent{Method: psrp.HostWrite2, Args: []any{int32(1), int32(2), "three"}},
		psrp.HostCallEvent{Method: psrp.HostSetShouldExit, Args: []any{int32(3)}},
		psrp.HostCallEvent{Method: psrp.HostMethod(77), Args: []any{"unknown"}},
	}, events)
	require.Zero(t, <-answered)
	for _, l := range b.server.Lines() {
		require.NotEqual(t, psrp.PromptResponse, l.Stream)
	}
}

func TestHostCall_HandlerAnswersOnItsOwnStream(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	handler := psrp.HostHandlerFunc(func(_ context.Context, c psrp.HostCall) (any, error) {
		switch c.Args[0] {
		case "value":
			return "typed", nil
		case "null":
			return nil, nil
		case "error":
			return nil, boom
		case "secret":
			return clixml.SecureString{Cipher: []byte("x")}, nil
		case "not encodable":
			return make(chan int), nil
		}
		panic("no such case")
	})
	for name, want := range map[string]string{"value": "typed", "null": "", "error": "boom", "panic": "no such case",
		"secret": "session key", "not encodable": "chan"} {
		got := make(chan *clixml.Object, 1)
		pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
			got <- p.Ask(5, psrp.HostReadLine, name)
		}}, psrp.Config{HostHandler: handler})
		collect(t, pool, psrp.Script("ask"))
		answer := <-got
		if value, ok := answer.Get("mr"); ok {
			require.Equal(t, want, value)
		} else if me, ok := answer.Get("me"); ok {
			record, _ := me.(*clixml.Object).Get("Exception")
			message, _ := record.(*clixml.Object).Get("Message")
			require.Contains(t, message, want, name)
		} else {
			require.Equal(t, "null", name)
		}
		require.True(t, hasPromptResponse(b.server.Lines()))
	}
}

func hasPromptResponse(lines []stdio.Line) bool {
	for _, l := range lines {
		if l.Stream == psrp.PromptResponse {
			return true
		}
	}
	return false
}

func TestHostCall_StopEndsAnAnswerThatWaits(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	handler := psrp.HostHandlerFunc(func(ctx context.Context, _ psrp.HostCall) (any, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { p.Ask(1, psrp.HostReadLine) }},
		psrp.Config{HostHandler: handler})
	run, err := pool.Start(ctx(t), psrp.Script("ask"))
	require.NoError(t, err)
	<-asked
	require.NoError(t, run.Stop(ctx(t)))
	_, state := drain(t, run)
	require.Equal(t, psrp.PipelineStopped, state.State)
	require.NoError(t, run.Close(ctx(t)))
}

func TestHostCall_OfThePoolItself(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{OnOpen: func(s *peer.Server) {
		s.Send(psrp.MsgPoolHostCall, psrp.GUID{}, clixml.NewBag(prop("ci", int64(4)), prop("mi", int32(11))))
		s.Send(psrp.MsgPoolHostCall, psrp.GUID{}, clixml.NewBag(prop("ci", int64(-100)), prop("mi", int32(6)),
			prop("mp", clixml.NewArrayList(int32(3)))))
		s.Open()
	}})
	pool, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
	require.NoError(t, err)
	require.NoError(t, pool.Close(ctx(t)))
	answers := 0
	for _, m := range b.server.Received() {
		if m.Type == psrp.MsgPoolHostResponse {
			answers++
			require.Contains(t, string(m.Body), `N="me"`)
		}
	}
	require.Equal(t, 1, answers)
}

func TestHostCall_WithoutEndBreaksThePool(t *testing.T) {
	t.Parallel()
	handler := psrp.HostHandlerFunc(func(ctx context.Context, _ psrp.HostCall) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for i := range int64(300) {
			p.HostCall(i+1, psrp.HostReadLine)
		}
		<-p.Stopped
	}}, psrp.Config{HostHandler: handler})
	run, err := pool.Start(ctx(t), psrp.Script("ask"))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	var protocol *psrp.ProtocolError
	require.ErrorAs(t, err, &protocol)
}
