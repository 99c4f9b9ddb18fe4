package winrm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// before answers an operation with what the hook writes, while it wants to.
func before(name string, pipeline bool, hook func(w http.ResponseWriter, r *http.Request, op winrmtest.Operation) bool) func(*winrmtest.Config) {
	return func(c *winrmtest.Config) {
		c.Before = func(w http.ResponseWriter, r *http.Request, op winrmtest.Operation) bool {
			return op.Name == name && pipeline == (op.Command != "") && hook(w, r, op)
		}
	}
}

func fault(w http.ResponseWriter, code int) bool {
	w.Header().Set("Content-Type", sealing.SOAP)
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(winrmtest.Fault(code))
	return true
}

// drop ends the connection without an answer.
func drop(w http.ResponseWriter) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
	return true
}

// TestCheck41_LongPollTimesOutForEver: the fault TimedOut is repeated without limit
// and is no error.
func TestCheck41_LongPollTimesOutForEver(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, op winrmtest.Operation) bool {
		return op.Number <= 50 && fault(w, 2150858793)
	}))
	pool := b.open(t, psrp.Config{})
	events, state := collect(t, pool, psrp.Script("x"))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	require.Equal(t, []any{"x"}, outputs(events))
}

// TestCheck41_ShellVanishes: fault 2150858843 breaks the pool, with its code.
func TestCheck41_ShellVanishes(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"Receive", "Send", "Command"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			b := serve(t, basic, scripted(t, drainInput), before(operation, true, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
				return fault(w, 2150858843)
			}))
			pool := b.open(t, psrp.Config{})
			p := psrp.Script("x")
			p.Input = psrp.Values("a")
			run, err := pool.Start(ctx(t), p)
			if err == nil {
				for err == nil {
					_, err = run.Next(ctx(t))
				}
			}
			var found *winrm.FaultError
			require.ErrorAs(t, err, &found)
			require.Equal(t, winrm.CodeShellNotFound, found.Code)
			<-pool.Done()
			require.ErrorAs(t, pool.Err(), &found)
			var broken *psrp.BrokenError
			require.ErrorAs(t, pool.Err(), &broken)
		})
	}
}

// drainInput waits for the end of its input.
func drainInput(p *peer.Pipeline) {
	for open := true; open; {
		select {
		case _, open = <-p.Inputs:
		case <-p.Stopped:
			return
		case <-p.Release():
			return
		}
	}
}

// TestCheck41_ShellVanishesWhileIdle: the shell's own Receive notices it.
func TestCheck41_ShellVanishesWhileIdle(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), nil)
	pool := b.open(t, psrp.Config{})
	b.DropShells()
	<-pool.Done()
	var found *winrm.FaultError
	require.ErrorAs(t, pool.Err(), &found)
	require.Equal(t, winrm.CodeShellNotFound, found.Code)
}

// TestPipelineFault: any other fault costs one pipeline and no more.
func TestPipelineFault(t *testing.T) {
	t.Parallel()
	var once atomic.Bool
	b := serve(t, basic, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
		return once.CompareAndSwap(false, true) && fault(w, 2150858999)
	}))
	pool := b.open(t, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	var found *winrm.FaultError
	require.ErrorAs(t, err, &found)
	require.Equal(t, uint32(2150858999), found.Code)
	require.NoError(t, run.Close(ctx(t)))
	events, _ := collect(t, pool, psrp.Script("y"))
	require.Equal(t, []any{"y"}, outputs(events))
}

// TestCommandRefused: a fault of Command is the error of Start.
func TestCommandRefused(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Command", true, func(w http.ResponseWriter, _ *http.Request, op winrmtest.Operation) bool {
		return fault(w, 2147942402)
	}))
	pool := b.open(t, psrp.Config{})
	_, err := pool.Start(ctx(t), psrp.Script("x"))
	var found *winrm.FaultError
	require.ErrorAs(t, err, &found)
	require.Equal(t, winrm.FaultError{
		Operation: "Command", Code: 2147942402, Subcode: "InternalError", Reason: "a fault made by a test", Machine: "127.0.0.1",
	}, *found)
	require.NoError(t, pool.Close(ctx(t)))
	require.Zero(t, b.count("Signal"), "there is nothing to terminate")
}

// TestCheck41_ReceiveIsRepeated: lost connections, restarts of the service and
// forgotten authentication cost a Receive nothing.
func TestCheck41_ReceiveIsRepeated(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(w http.ResponseWriter) bool{
		"connection lost":     drop,
		"service unavailable": func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return true },
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			b := serve(t, sealed, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, op winrmtest.Operation) bool {
				return op.Number <= 3 && fail(w)
			}))
			b.config.RetryPauses = []time.Duration{0, time.Millisecond, time.Millisecond}
			pool := b.open(t, psrp.Config{})
			before := b.Handshakes()
			events, _ := collect(t, pool, psrp.Script("x"))
			require.Equal(t, []any{"x"}, outputs(events))
			require.Greater(t, b.Handshakes(), before, "a new connection has a security context of its own")
		})
	}
}

// TestCheck41_ForgottenAuthentication: status 401 in the middle of a session.
func TestCheck41_ForgottenAuthentication(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, op winrmtest.Operation) bool {
		if op.Number > 1 {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}))
	pool := b.open(t, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script("x"))
	require.Equal(t, []any{"x"}, outputs(events))
}

// TestCheck41_ReceiveIsNotRepeatedForEver: when the server stays away the pool breaks.
func TestCheck41_ReceiveIsNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
		return drop(w)
	}))
	b.config.RetryPauses = []time.Duration{0, time.Millisecond}
	pool := b.open(t, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	var broken *psrp.BrokenError
	require.ErrorAs(t, err, &broken)
	received := 0
	for _, op := range b.Operations() {
		if op.Name == "Receive" && op.Command != "" {
			received++
		}
	}
	require.Equal(t, 3, received)
}

// TestCheck41_OthersAreNotRepeated: nobody can know whether they were carried out.
func TestCheck41_OthersAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Create", "Command", "Send"} {
		for how, fail := range map[string]func(w http.ResponseWriter) bool{
			"lost":        drop,
			"unavailable": func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return true },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				b := serve(t, basic, scripted(t, drainInput), before(name, name != "Create", func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
					return fail(w)
				}))
				pool, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
				if name != "Create" {
					require.NoError(t, err)
					p := psrp.Script("x")
					p.Input = psrp.Values("a")
					var run *psrp.Run
					run, err = pool.Start(ctx(t), p)
					if name == "Send" {
						require.NoError(t, err)
						for err == nil {
							_, err = run.Next(ctx(t))
						}
					}
					defer func() { _ = pool.Close(context.Background()) }()
				}
				require.Error(t, err)
				require.Equal(t, 1, b.count(name))
			})
		}
	}
}

// TestCheck41_AnswersThatAreNotSOAP: a proxy or another service answers.
func TestCheck41_AnswersThatAreNotSOAP(t *testing.T) {
	t.Parallel()
	for status, contentType := range map[int]string{500: "text/html", 200: "text/html", 302: "text/html", 404: "text/plain"} {
		b := serve(t, basic, scripted(t, echo), before("Create", false, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>")
			return true
		}))
		_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
		var found *winrm.HTTPError
		require.ErrorAs(t, err, &found)
		require.Equal(t, status, found.Status)
	}
}

// TestHugeAnswer: an answer cannot take more memory than its limit.
func TestHugeAnswer(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Create", false, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
		w.Header().Set("Content-Type", sealing.SOAP)
		chunk := make([]byte, 1<<20)
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return true
			}
		}
		return true
	}))
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	require.ErrorContains(t, err, "larger than")
}

// TestUnreachable: no server, and one that accepts and says nothing.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	config := winrm.Config{URL: "http://" + listener.Addr().String(), Auth: winrm.NTLM{User: "u", Password: "p"}}
	transport, err := winrm.New(config)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(ctx(t), 100*time.Millisecond)
	defer cancel()
	_, err = psrp.Open(short, transport, psrp.Config{})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, listener.Close())
	transport, err = winrm.New(config)
	require.NoError(t, err)
	_, err = psrp.Open(ctx(t), transport, psrp.Config{})
	var operation *net.OpError
	require.ErrorAs(t, err, &operation)
}

// TestWrongPassword: one attempt, and an error that says what the server wants.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for name, auth := range map[winrmtest.Access]winrm.Authenticator{
		sealed: winrm.NTLM{User: `DOM\` + user, Password: "wrong"},
		basic:  winrm.Basic{User: user, Password: "wrong"},
	} {
		b := serve(t, name, scripted(t, echo), nil)
		b.config.Auth = auth
		_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
		var refused *winrm.AuthError
		require.ErrorAs(t, err, &refused)
		require.NotEmpty(t, refused.Offers)
		require.Empty(t, b.Operations())
	}
}

// TestAbandonedShellIsDeleted: also a pool that breaks leaves nothing behind.
func TestAbandonedShellIsDeleted(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), nil)
	transport := b.transport(t)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	require.Equal(t, 1, b.Shells())
	require.NoError(t, transport.Close())
	require.NoError(t, transport.Close(), "more than once is fine")
	require.Zero(t, b.Shells())
	<-pool.Done()
	require.ErrorIs(t, pool.Err(), winrm.ErrClosed)
}

// TestCheck46_ManyPipelines: each gives its place back, and connections are
// used again.
func TestCheck46_ManyPipelines(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), nil)
	pool := b.open(t, psrp.Config{})
	for range 1100 {
		events, _ := collect(t, pool, psrp.Script("x"))
		require.Equal(t, []any{"x"}, outputs(events))
	}
	require.Equal(t, 1100, b.count("Signal"), "one Terminate each")
	require.LessOrEqual(t, b.Handshakes(), 3)
}

// TestConnections: an idle pool uses two, and one more for each pipeline.
func TestConnections(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, func(p *peer.Pipeline) { <-p.Stopped }), nil)
	pool := b.open(t, psrp.Config{MaxRunspaces: 3})
	var runs []*psrp.Run
	for range 3 {
		run, err := pool.Start(ctx(t), psrp.Script("x"))
		require.NoError(t, err)
		runs = append(runs, run)
	}
	require.LessOrEqual(t, b.Handshakes(), 2+3)
	for _, run := range runs {
		require.NoError(t, run.Stop(ctx(t)))
		_, state := drain(t, run)
		require.Equal(t, psrp.PipelineStopped, state.State)
	}
}

// TestEnvelopeSizes: small until the server has told its version, then large,
// and what the configuration says if it does.
func TestEnvelopeSizes(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), nil)
	transport := b.transport(t)
	require.Greater(t, transport.MaxFragment(), 110_000)
	require.Less(t, transport.MaxFragment(), 153_600*3/4)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close(context.Background()) })
	require.Greater(t, transport.MaxFragment(), 380_000)
	require.Less(t, transport.MaxFragment(), 512_000*3/4)

	b.config.MaxEnvelopeSize = 32_768
	small := b.open(t, psrp.Config{})
	mark := len(b.Operations())
	text := string(make([]byte, 200_000))
	events, _ := collect(t, small, psrp.Script(text))
	require.Equal(t, []any{text}, outputs(events))
	for _, op := range b.Operations()[mark:] {
		require.LessOrEqual(t, op.Size, 32_768)
	}
}

// TestSlowReader: a run that nobody reads stops the asking, not the memory.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, func(p *peer.Pipeline) {
		for i := range 2000 {
			p.Output(string(make([]byte, 1000)) + string(rune('a'+i%26)))
		}
	}), nil)
	pool := b.open(t, psrp.Config{MaxQueueBytes: 64 << 10})
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	events, _ := drain(t, run)
	require.Len(t, outputs(events), 2000)
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	auth := winrm.NTLM{User: "u", Password: "hunter2"}
	for name, c := range map[string]winrm.Config{
		"no address":    {Auth: auth},
		"no host":       {URL: "http://", Auth: auth},
		"other scheme":  {URL: "ftp://host", Auth: auth},
		"credentials":   {URL: "http://u:hunter2@host", Auth: auth},
		"unparsable":    {URL: "http://u:hunter2@ho st", Auth: auth},
		"query":         {URL: "http://host?password=hunter2", Auth: auth},
		"nobody":        {URL: "http://host"},
		"tiny envelope": {URL: "http://host", Auth: auth, MaxEnvelopeSize: 100},
		"negative time": {URL: "http://host", Auth: auth, OperationTimeout: -1},
	} {
		_, err := winrm.New(c)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
	_, err := winrm.New(winrm.Config{URL: "http://host", Auth: winrm.Basic{User: "u", Password: "p"}})
	require.ErrorIs(t, err, winrm.ErrPlainHTTP)
	_, err = winrm.New(winrm.Config{URL: "http://host", Auth: winrm.Certificate{}})
	require.ErrorIs(t, err, winrm.ErrPlainHTTP)
}

// TestCancelledOpen: what was asked for and not awaited is taken back.
func TestCancelledOpen(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	b := serve(t, basic, func() (psrp.Transport, func(), error) {
		close(asked)
		return nil, nil, errors.New("no engine")
	}, nil)
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	<-asked
	var found *winrm.FaultError
	require.ErrorAs(t, err, &found)
	require.Equal(t, "Create", found.Operation)
	require.Zero(t, b.count("Delete"), "a fault of Create leaves nothing behind")
}

// TestIdleConnectionIsChecked: one that the server closed while it rested is
// noticed before a request that cannot be repeated goes into it.
func TestIdleConnectionIsChecked(t *testing.T) {
	t.Parallel()
	for _, name := range variants {
		b := serve(t, name, scripted(t, echo), nil)
		pool := b.open(t, psrp.Config{})
		for range 5 {
			b.DropConnections()
			events, _ := collect(t, pool, psrp.Script("x"))
			require.Equal(t, []any{"x"}, outputs(events))
		}
		require.NoError(t, pool.Close(ctx(t)))
	}
}
