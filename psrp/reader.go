package psrp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// closedGrace is how long the last messages of pipelines may follow the
// Closed state of their pool.
const closedGrace = 2 * time.Second

// readAll is the one reader of the transport. It never waits for an answer of
// the server; it waits only when a run's queue is full.
func (p *Pool) readAll() {
	defer close(p.read)
	for {
		packet, err := p.t.Receive()
		var lost *TargetError
		switch {
		case errors.As(err, &lost):
			p.targetLost(lost)
			continue
		case err != nil:
			p.readEnded(err)
			return
		}
		if err := p.receive(packet); err != nil {
			p.fail(err)
			return
		}
		if p.ctx.Err() != nil {
			return
		}
	}
}

// readEnded decides what the end of the transport means.
func (p *Pool) readEnded(err error) {
	p.mu.Lock()
	clean := p.closing && errors.Is(err, io.EOF)
	byPeer := p.session.state == poolClosed
	p.mu.Unlock()
	switch {
	case clean:
		p.end(nil)
	case byPeer:
		p.fail(fmt.Errorf("%w: %w", ErrClosedByPeer, err))
	default:
		p.fail(err)
	}
}

func (p *Pool) targetLost(lost *TargetError) {
	if lost.Target.IsZero() {
		p.fail(lost.Err)
		return
	}
	if r := p.run(lost.Target); r != nil {
		r.finish(nil, lost.Err)
	}
}

func (p *Pool) run(id GUID) *Run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs[id]
}

// receive takes one packet apart.
func (p *Pool) receive(packet Packet) error {
	if int(packet.Stream) >= len(p.inbox) {
		return protocolError("packet", "stream %d", packet.Stream)
	}
	if packet.Target.IsZero() {
		return p.inbox[packet.Stream].Feed(packet.Data, p.receivePool)
	}
	r := p.run(packet.Target)
	if r == nil {
		p.config.Logger.Debug("psrp: data for an unknown pipeline", slog.String("pipeline", packet.Target.String()))
		return nil
	}
	return r.inbox[packet.Stream].Feed(packet.Data, r.receive)
}

// receivePool takes one message of the pool itself.
func (p *Pool) receivePool(object []byte) error {
	m, err := ParseMessage(object)
	if err != nil {
		return err
	}
	if err := fromServer(m); err != nil {
		return err
	}
	switch m.Type {
	case MsgPoolHostCall:
		return p.receiveHostCall(m)
	case MsgEncryptedSessionKey:
		p.keys.receive(m)
		return nil
	case MsgPublicKeyRequest:
		p.keyRequested()
		return nil
	case MsgRunspaceAvailability:
		return p.asked.receive(m, p.config.decode())
	}
	return p.receiveSession(m)
}

// fromServer refuses messages that are meant for a server: what comes back like
// this is an echo, and whoever sends it does not speak the protocol.
func fromServer(m Message) error {
	if m.Destination != ToClient {
		return protocolError("message", "%v is meant for a server", m.Type)
	}
	return nil
}

func (p *Pool) receiveSession(m Message) error {
	p.mu.Lock()
	known, err := p.session.receive(m, p.config.decode())
	state, closing := p.session.state, p.closing
	p.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !known:
		p.ignore(m)
	case m.Type == MsgRunspacePoolState:
		p.stateChanged(state, closing)
	}
	return nil
}

func (p *Pool) stateChanged(state poolState, closing bool) {
	switch {
	case state == poolOpened:
		select {
		case <-p.opened:
		default:
			close(p.opened)
		}
	case (state == poolClosed || state == poolClosing) && !closing:
		p.closedByPeer()
	}
}

// closedByPeer refuses new runs at once, but lets those there are read on to
// their own last message, which a server sends after the pool's Closed.
func (p *Pool) closedByPeer() {
	p.mu.Lock()
	first := p.refuse == nil
	if first {
		p.refuse = ErrClosedByPeer
	}
	p.mu.Unlock()
	if !first {
		return
	}
	p.spawn(func() {
		select {
		case <-time.After(closedGrace):
			p.fail(ErrClosedByPeer)
		case <-p.ctx.Done():
		}
	})
}

// receiveHostCall takes a host call of the pool, such as one of a start-up
// script. Void ones have no run that could tell about them.
func (p *Pool) receiveHostCall(m Message) error {
	call, err := decodeHostCall(m.Body, p.config.decode())
	if err != nil || call.void() {
		p.ignore(m)
		return nil
	}
	return p.calls.add(call)
}

// ignore passes over a message. One of a kind that this package has never heard
// of is worth a warning.
func (p *Pool) ignore(m Message) {
	level := slog.LevelDebug
	if !m.Type.known() {
		level = slog.LevelWarn
	}
	p.config.Logger.Log(context.Background(), level, "psrp: message ignored",
		slog.String("type", m.Type.String()), slog.Int("bytes", len(m.Body)),
		slog.String("pipeline", m.Pipeline.String()))
}
