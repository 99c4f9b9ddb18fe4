package winrm_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// TestDisconnect_OutputIsThereAfterReconnect: what a pipeline puts out while its
// shell is disconnected comes afterwards, once, and in order.
func TestDisconnect_OutputIsThereAfterReconnect(t *testing.T) {
	t.Parallel()
	left, done := make(chan struct{}), make(chan struct{})
	b := serve(t, sealed, scripted(t, func(p *peer.Pipeline) {
		p.Output("before")
		p.Server().Flush()
		<-left
		for i := range int32(100) {
			p.Output(i)
		}
		p.State(psrp.PipelineCompleted, nil)
		close(done)
	}), nil)
	transport := b.transport(t)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	require.Equal(t, psrp.OutputEvent{Value: "before"}, event)

	require.NoError(t, transport.Disconnect(ctx(t)))
	require.NoError(t, transport.Disconnect(ctx(t)), "it is no error to do it again")
	close(left)
	<-done
	_, err = pool.Start(ctx(t), psrp.Script("x"))
	require.ErrorIs(t, err, winrm.ErrDisconnected)
	require.ErrorIs(t, run.Stop(ctx(t)), winrm.ErrDisconnected)
	_, err = pool.AvailableRunspaces(ctx(t))
	require.ErrorIs(t, err, winrm.ErrDisconnected)

	require.NoError(t, transport.Reconnect(ctx(t)))
	require.NoError(t, transport.Reconnect(ctx(t)))
	events, state := drain(t, run)
	require.Equal(t, psrp.PipelineCompleted, state.State)
	require.Len(t, outputs(events), 100)
	for i, v := range outputs(events) {
		require.Equal(t, int32(i), v)
	}
	require.NoError(t, run.Close(ctx(t)))
	require.NoError(t, pool.Close(ctx(t)))
	require.Zero(t, b.Shells())
}

// TestDisconnect_RealEngine: a script goes on while nobody is there.
func TestDisconnect_RealEngine(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, real(t), nil)
	transport := b.transport(t)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script(`'before'; 1..3000; 'after'`))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	require.NoError(t, err)
	require.NoError(t, transport.Disconnect(ctx(t)))
	require.NoError(t, transport.Reconnect(ctx(t)))
	events, state := drain(t, run)
	require.Equal(t, psrp.PipelineCompleted, state.State)
	values := outputs(events)
	require.Len(t, values, 3001)
	require.Equal(t, []any{int32(1), int32(3000), "after"}, []any{values[0], values[2999], values[3000]})
	require.NoError(t, run.Close(ctx(t)))
	require.NoError(t, pool.Close(ctx(t)))
}

// TestDisconnect_CloseLeavesTheShell: closing what is disconnected only forgets
// it here, whatever runs in it.
func TestDisconnect_CloseLeavesTheShell(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, func(p *peer.Pipeline) { <-p.Stopped }), nil)
	transport := b.transport(t)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	require.NoError(t, transport.Disconnect(ctx(t)))
	require.NoError(t, pool.Close(ctx(t)))
	require.NoError(t, run.Close(ctx(t)))
	_, err = run.Next(ctx(t))
	require.Error(t, err)
	require.Equal(t, 1, b.Shells())
	require.Zero(t, b.count("Delete"))
}

// TestDisconnect_Refused: a server that cannot do it changes nothing.
func TestDisconnect_Refused(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Disconnect", false, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
		return fault(w, 5)
	}))
	transport := b.transport(t)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	var refused *winrm.FaultError
	require.ErrorAs(t, transport.Disconnect(ctx(t)), &refused)
	require.Equal(t, "Disconnect", refused.Operation)
	events, _ := collect(t, pool, psrp.Script("again"))
	require.Equal(t, []any{"again"}, outputs(events))
	require.NoError(t, pool.Close(ctx(t)))
}

// TestConnect_NobodyIsThere: a shell that does not exist is an error with the
// code that says so, and nothing stays behind.
func TestConnect_NobodyIsThere(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), nil)
	_, err := psrp.Connect(ctx(t), b.transport(t), psrp.NewGUID(), psrp.Config{})
	var refused *winrm.FaultError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, winrm.CodeShellNotFound, refused.Code)
	require.Equal(t, "Connect", refused.Operation)
	require.Zero(t, b.count("Delete"))
}
