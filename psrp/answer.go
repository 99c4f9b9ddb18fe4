package psrp

import (
	"context"
	"log/slog"
	"sync"
)

// answerer answers the host calls of one target, one after the other, outside
// the reader: an answer waits for an acknowledgement that only the reader can
// bring. Its goroutine lives only while there are calls.
type answerer struct {
	pool     *Pool
	ctx      context.Context
	target   GUID
	host     *HostInfo
	response MessageType

	mu      sync.Mutex
	pending []hostCall
	bytes   int // of pending, on the wire
	running bool
}

// maxCalls is how many calls of one target may wait. A script waits for the
// answer before it asks again, so there are as many as it has threads.
const maxCalls = 256

// add takes a call. Calls without end are a violation of the protocol.
func (a *answerer) add(c hostCall) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.pending); n >= maxCalls || n > 0 && a.bytes+c.wire > a.pool.config.MaxQueueBytes {
		return protocolError("message", "%d host calls wait for an answer already", n)
	}
	a.pending = append(a.pending, c)
	a.bytes += c.wire
	if !a.running {
		a.running = true
		a.pool.spawn(a.run)
	}
	return nil
}

func (a *answerer) run() {
	for {
		a.mu.Lock()
		if len(a.pending) == 0 {
			a.running = false
			a.mu.Unlock()
			return
		}
		call := a.pending[0]
		a.pending = a.pending[1:]
		a.bytes -= call.wire
		a.mu.Unlock()
		if err := a.answer(call); err != nil && a.ctx.Err() == nil {
			a.pool.config.Logger.Warn("psrp: host call not answered",
				slog.String("method", call.method.String()), slog.Any("error", err))
		}
	}
}

func (a *answerer) answer(c hostCall) error {
	value, err := answer(a.ctx, a.pool.config.HostHandler, HostCall{
		Pipeline: a.target, Method: c.method, Args: c.args, Host: a.host,
	})
	if err == nil {
		value, err = a.pool.sealed(a.ctx, value)
	}
	message, encodeErr := encodeMessage(a.response, a.pool.id, a.target, encodeHostResponse(c, value, err))
	if encodeErr != nil {
		message, err = encodeMessage(a.response, a.pool.id, a.target, encodeHostResponse(c, nil, encodeErr))
		if err != nil {
			return err
		}
	}
	for _, f := range a.pool.split(message) {
		if err := a.pool.t.Send(a.ctx, a.target, PromptResponse, f); err != nil {
			return err
		}
	}
	return nil
}
