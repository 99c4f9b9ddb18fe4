package psrp

import (
	"fmt"
	"io"
)

// receive takes one message of the pipeline. It runs in the reader and may
// wait for room in the queue.
func (r *Run) receive(object []byte) error {
	m, err := ParseMessage(object)
	if err != nil {
		return err
	}
	if err := fromServer(m); err != nil {
		return err
	}
	r.heard()
	switch m.Type {
	case MsgPipelineState:
		r.receiveState(m)
	case MsgPipelineHostCall:
		return r.receiveHostCall(m)
	case MsgErrorRecord:
		r.hadErrors = true
		r.push(m, nil)
	case MsgPipelineOutput, MsgWarningRecord, MsgVerboseRecord, MsgDebugRecord,
		MsgInformationRecord, MsgProgressRecord:
		r.push(m, nil)
	default:
		r.pool.ignore(m)
	}
	return nil
}

func (r *Run) push(m Message, event Event) {
	it := item{kind: m.Type, event: event, wire: len(m.Body)}
	if event == nil {
		it.body = m.Body
	}
	r.queue.push(it, r.pool.ctx.Done())
}

// receiveState ends the run. States that are not final tell nothing new.
func (r *Run) receiveState(m Message) {
	state, err := decodeState(m.Body, r.pool.config.decode())
	if err != nil || state.State.Final() {
		r.end()
	}
	switch {
	case err != nil:
		r.finish(nil, fmt.Errorf("decode pipeline state: %w", err))
	case state.State.Final():
		state.HadErrors = state.HadErrors || r.hadErrors
		r.finish(&state, io.EOF)
	}
}

// end tells that the engine is done with the pipeline. It runs in the reader.
func (r *Run) end() {
	select {
	case <-r.stated:
	default:
		close(r.stated)
	}
}

// receiveHostCall queues a void call as event and hands one that expects an
// answer to the answerer.
func (r *Run) receiveHostCall(m Message) error {
	call, err := decodeHostCall(m.Body, r.pool.config.decode())
	switch {
	case err != nil:
		r.push(m, UndecodedEvent{Type: m.Type, Err: err})
	case call.void():
		r.push(m, HostCallEvent{Method: call.method, Args: call.args})
	default:
		return r.calls.add(call)
	}
	return nil
}
