package winrm

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/winrm/internal/ntlm"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
	"github.com/epo-dev/epo/psrp/winrm/internal/wsman"
)

// receivePool hands over first, which came otherwise, and then fetches what the
// shell itself sends, until the transport ends.
func (t *Transport) receivePool(first []byte) {
	watch := t.watchVersion()
	watch(first)
	if !t.deliver(t.life, psrp.GUID{}, wsman.Stream{Data: first}) {
		return
	}
	for {
		answer, err := t.receive(t.life, "")
		if err != nil {
			t.lost(err)
			return
		}
		for _, s := range answer.Streams {
			watch(s.Data)
			if !t.deliver(t.life, psrp.GUID{}, s) {
				return
			}
		}
	}
}

// lost ends the transport, unless it is ending anyway.
func (t *Transport) lost(err error) {
	t.mu.Lock()
	closing := t.closing
	t.mu.Unlock()
	if closing || t.life.Err() != nil {
		return
	}
	if hasCode(err, CodeShellNotFound) {
		t.setShell(nil)
	}
	t.end(err)
}

// receivePipeline fetches what a command sends, until it is done.
func (t *Transport) receivePipeline(p *pipeline) {
	defer close(p.done)
	for {
		answer, err := t.receive(p.life, upper(p.id))
		if err != nil {
			t.lostPipeline(p, err)
			return
		}
		for _, s := range answer.Streams {
			if !t.deliver(p.life, p.id, s) {
				return
			}
		}
		if answer.State == wsman.StateDone {
			return
		}
	}
}

// lostPipeline decides what the end of a command's Receive means: a fault other
// than that of a missing shell concerns this pipeline only.
func (t *Transport) lostPipeline(p *pipeline, err error) {
	var fault *FaultError
	switch {
	case p.givenUp() || p.life.Err() != nil:
	case errors.As(err, &fault) && fault.Code != CodeShellNotFound:
		t.inbox.put(p.life, piece{err: &psrp.TargetError{Target: p.id, Err: err}})
	default:
		t.lost(err)
	}
}

// deliver hands one stream over. One that names no command comes from the one
// that was asked for.
func (t *Transport) deliver(ctx context.Context, target psrp.GUID, s wsman.Stream) bool {
	if len(s.Data) == 0 {
		return true
	}
	packet := psrp.Packet{Target: target, Data: s.Data}
	if s.Name == "pr" {
		packet.Stream = psrp.PromptResponse
	}
	if id, err := clixml.ParseGUID(s.CommandID); err == nil {
		packet.Target = id
	}
	return t.inbox.put(ctx, piece{packet: packet})
}

// receive performs Receive until there is an answer: the fault TimedOut only
// says that there was nothing yet, and what is lost on the way is repeated.
func (t *Transport) receive(ctx context.Context, command string) (*wsman.Answer, error) {
	options := []wsman.Option{{Name: "WSMAN_CMDSHELL_OPTION_KEEPALIVE", Value: "True"}}
	body := wsman.Receive{Streams: "stdout", CommandID: command}
	tries := 0
	for {
		if !t.present(ctx) {
			return nil, ctx.Err()
		}
		answer, err := t.do(ctx, wsman.ActionReceive, options, body)
		switch {
		case err == nil:
			return answer, nil
		case t.disconnected() != nil && neverDone(err):
			tries = 0 // the server ends what waits in a shell that is disconnected
		case hasCode(err, CodeTimedOut):
			tries = 0
		case ctx.Err() != nil || !passing(err) || tries >= len(t.config.RetryPauses):
			return nil, err
		default:
			if !pause(ctx, t.config.RetryPauses[tries]) {
				return nil, err
			}
			tries++
		}
	}
}

// passing tells whether an error may go away: that of the network, and that of
// a service which starts or has forgotten a connection. What the service itself
// said is final, and so is every doubt about who is at the other end. Refused
// credentials are not tried again, lest the account be locked.
func passing(err error) bool {
	var status *HTTPError
	if errors.As(err, &status) {
		return status.Status == http.StatusServiceUnavailable || status.Status == http.StatusUnauthorized
	}
	var fault *FaultError
	var answer *wsman.AnswerError
	var form *sealing.FormatError
	var message *ntlm.MessageError
	var auth *AuthError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &fault), errors.As(err, &answer), errors.As(err, &form), errors.As(err, &message),
		errors.As(err, &auth), errors.As(err, &certificate):
		return false
	case errors.Is(err, ErrUnsealed), errors.Is(err, ntlm.ErrTampered), errors.Is(err, ntlm.ErrWeak),
		errors.Is(err, errUnrelated), errors.Is(err, errTooLarge), errors.Is(err, ErrClosed):
		return false
	}
	return true
}

// pause waits; it tells whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
