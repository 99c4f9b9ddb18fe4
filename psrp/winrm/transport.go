package winrm

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

const (
	// protocolVersion is what Create asks for; the versions of PSRP itself are
	// settled by its own messages.
	protocolVersion = "2.3"
	// terminateGrace is how long the Receive of a pipeline may go on after the
	// server has confirmed its end.
	terminateGrace = 2 * time.Second
	// abandonTimeout is how long Close tries to take back a shell.
	abandonTimeout = 3 * time.Second
)

// errSilent is an operation that was not answered within OperationTimeout and
// ten seconds.
var errSilent = errors.New("winrm: no answer in time")

// A Transport is one shell on a server. It implements [psrp.Transport] and, as
// that requires, carries one pool, once. It connects when it is first used.
type Transport struct {
	config  settled
	client  *client
	inbox   *inbox
	session string
	loops   sync.WaitGroup

	life   context.Context // of the Receive loops
	cancel context.CancelFunc

	mu        sync.Mutex
	shell     []wsman.Selector // nil: no shell, or no more
	envelope  int
	closing   bool          // the end of the shell is no surprise
	away      chan struct{} // while disconnected: closed when that ends; else nil
	stopped   bool          // no loop may start any more
	pipelines map[psrp.GUID]*pipeline
}

var (
	_ psrp.ConfidentialTransport = (*Transport)(nil)
	_ psrp.ConnectingTransport   = (*Transport)(nil)
)

// New makes a transport. Nothing is sent yet.
func New(c Config) (*Transport, error) {
	s, err := c.settle()
	if err != nil {
		return nil, err
	}
	t := &Transport{
		config: s, client: &client{config: s}, inbox: newInbox(),
		session:   upper(psrp.NewGUID()),
		envelope:  s.MaxEnvelopeSize,
		pipelines: make(map[psrp.GUID]*pipeline),
	}
	if t.envelope == 0 {
		t.envelope = envelopeOld
	}
	t.life, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// upper is the form of GUIDs that Windows compares with, letter by letter.
func upper(id psrp.GUID) string { return strings.ToUpper(id.String()) }

// OpenPool implements psrp.Transport: Create, and the shell's Receive loop.
func (t *Transport) OpenPool(ctx context.Context, first []byte) error {
	id, err := poolID(first)
	if err != nil {
		return err
	}
	options := []wsman.Option{{Name: "protocolversion", Value: protocolVersion, MustComply: true}}
	if t.config.NoProfile {
		options = append(options, wsman.Option{Name: "WINRS_NOPROFILE", Value: "TRUE", MustComply: true})
	}
	named := []wsman.Selector{{Name: "ShellId", Value: upper(id)}}
	t.setShell(named) // to be taken back, should the answer be lost
	answer, err := t.do(ctx, wsman.ActionCreate, options, wsman.Shell{
		ID: upper(id), InputStreams: "stdin pr", OutputStreams: "stdout",
		IdleTimeout: t.config.IdleTimeout, Creation: first,
	})
	if err != nil {
		if neverDone(err) {
			t.setShell(nil)
		}
		return err
	}
	if len(answer.Selectors) > 0 {
		t.setShell(answer.Selectors)
	}
	t.spawn(func() { t.receivePool(nil) })
	return nil
}

// spawn starts a loop that Close waits for; false if it is too late.
func (t *Transport) spawn(loop func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.loops.Go(loop)
	return true
}

// stop ends the loops and waits for them.
func (t *Transport) stop() {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.cancel()
	t.loops.Wait()
}

// neverDone tells whether an operation has certainly not been carried out.
func neverDone(err error) bool {
	var fault *FaultError
	var auth *AuthError
	return errors.As(err, &fault) && fault.Code != CodeTimedOut || errors.As(err, &auth)
}

func (t *Transport) setShell(s []wsman.Selector) {
	t.mu.Lock()
	t.shell = s
	t.mu.Unlock()
}

// Send implements psrp.Transport. One portion of a target is under way at a
// time. What is for a pipeline that has ended is dropped.
func (t *Transport) Send(ctx context.Context, target psrp.GUID, stream psrp.Stream, data []byte) error {
	body := wsman.Send{Stream: "stdin", Data: data}
	if stream == psrp.PromptResponse {
		body.Stream = "pr"
	}
	if t.disconnected() != nil {
		return ErrDisconnected
	}
	if target.IsZero() {
		_, err := t.do(ctx, wsman.ActionSend, nil, body)
		return t.broken(err)
	}
	p := t.pipeline(target)
	if p == nil || p.over() {
		return nil
	}
	if err := p.lock(ctx); err != nil {
		return err
	}
	defer p.unlock()
	body.CommandID = upper(target)
	_, err := t.do(ctx, wsman.ActionSend, nil, body)
	if err != nil && p.over() && neverDone(err) {
		return nil
	}
	return t.broken(err)
}

// ClosePool implements psrp.Transport: Delete. A shell that is gone already is
// no error. One that is disconnected stays where it is.
func (t *Transport) ClosePool(ctx context.Context) error {
	t.mu.Lock()
	t.closing = true
	stays := t.away != nil
	t.mu.Unlock()
	if !stays {
		if _, err := t.do(ctx, wsman.ActionDelete, nil, nil); err != nil && !hasCode(err, CodeShellNotFound) {
			return err
		}
	}
	t.setShell(nil)
	t.stop()
	t.inbox.end(io.EOF)
	return nil
}

// Confidential implements psrp.ConfidentialTransport: bodies are sealed with a
// key that only the server can know, or TLS has verified who it is.
func (t *Transport) Confidential() bool {
	return t.config.TLS == nil || !t.config.TLS.InsecureSkipVerify
}

// Receive implements psrp.Transport.
func (t *Transport) Receive() (psrp.Packet, error) { return t.inbox.take() }

// Close implements psrp.Transport. A shell that is still there would occupy the
// server for hours, so one short attempt is made to delete it.
func (t *Transport) Close() error {
	t.end(ErrClosed)
	t.mu.Lock()
	abandoned := t.shell != nil && t.away == nil
	t.closing = true
	t.mu.Unlock()
	if abandoned {
		ctx, cancel := context.WithTimeout(context.Background(), abandonTimeout)
		defer cancel()
		_, _ = t.do(ctx, wsman.ActionDelete, nil, nil) // it ends by itself, if not now
		t.setShell(nil)
	}
	t.client.close()
	t.stop()
	return nil
}

// end makes err the end of the transport.
func (t *Transport) end(err error) {
	t.inbox.end(err)
	t.cancel()
}

// broken passes err on and ends the transport if the shell is gone.
func (t *Transport) broken(err error) error {
	t.mu.Lock()
	closing := t.closing
	t.mu.Unlock()
	if hasCode(err, CodeShellNotFound) && !closing {
		t.setShell(nil)
		t.end(err)
	}
	return err
}

// do performs an operation on the shell.
func (t *Transport) do(ctx context.Context, action string, options []wsman.Option, body wsman.Body) (*wsman.Answer, error) {
	operation := action[strings.LastIndexByte(action, '/')+1:]
	r := t.request(action, options, body)
	if action == wsman.ActionCreate {
		r.Selectors = nil
	}
	return t.client.do(ctx, operation, r)
}

func (t *Transport) request(action string, options []wsman.Option, body wsman.Body) wsman.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return wsman.Request{
		Action: action, To: t.config.url.String(), ResourceURI: t.config.resource,
		MessageID: upper(psrp.NewGUID()), SessionID: t.session, Locale: t.config.Locale,
		MaxEnvelopeSize: t.envelope, OperationTimeout: t.config.OperationTimeout,
		Options: options, Selectors: t.shell, Body: body,
	}
}

// MaxFragment implements psrp.Transport: what fits into an envelope in base64,
// with the largest of headers.
func (t *Transport) MaxFragment() int {
	const reserve = 256
	id := upper(psrp.GUID{})
	command := t.request(wsman.ActionCommand, commandOptions(), wsman.CommandLine{ID: id, Arguments: []byte{}})
	if command.Selectors == nil {
		command.Selectors = []wsman.Selector{{Name: "ShellId", Value: id}}
	}
	overhead := len(wsman.Append(nil, command)) + reserve
	return (command.MaxEnvelopeSize - overhead) / 4 * 3
}
