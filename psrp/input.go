package psrp

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
)

// inputAhead is how many encoded fragments of input wait to be sent.
const inputAhead = 64

// feed sends the input and exactly one END_OF_PIPELINE_INPUT. The source is
// drawn from in one goroutine and sent from in another, so that what is there
// is sent together and a slow source holds nothing back.
func (r *Run) feed(input iter.Seq2[any, error]) {
	fragments := make(chan []byte, inputAhead)
	go r.draw(input, fragments) // ends with the source or the pipeline
	r.pool.spawn(func() {
		if err := r.sendInput(fragments); err != nil && r.ctx.Err() == nil {
			r.inputFailed(err)
		}
	})
}

// draw encodes the objects of the source. On an error of the source it fails
// the run and leaves the channel open: the pipeline must not believe that its
// input is complete.
func (r *Run) draw(input iter.Seq2[any, error], fragments chan<- []byte) {
	for v, err := range input {
		if err == nil {
			v, err = r.pool.sealed(r.ctx, v)
		}
		if err == nil {
			err = r.queueInput(fragments, MsgPipelineInput, v)
		}
		if err != nil && r.ctx.Err() == nil {
			r.inputFailed(err)
		}
		if err != nil {
			return
		}
	}
	end := AppendMessage(nil, Message{
		Destination: ToServer, Type: MsgEndOfPipelineInput, Pool: r.pool.id, Pipeline: r.id,
	})
	if r.queueFragments(fragments, end) == nil {
		close(fragments)
	}
}

func (r *Run) queueInput(fragments chan<- []byte, t MessageType, v any) error {
	message, err := encodeMessage(t, r.pool.id, r.id, v)
	if err != nil {
		return err
	}
	return r.queueFragments(fragments, message)
}

func (r *Run) queueFragments(fragments chan<- []byte, message []byte) error {
	for _, f := range r.pool.split(message) {
		select {
		case fragments <- f:
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// sendInput sends fragments, as many at once as are there and fit.
func (r *Run) sendInput(fragments <-chan []byte) error {
	var packet []byte
	for {
		next, ok := r.nextFragment(fragments, len(packet) == 0)
		if !ok && len(packet) == 0 {
			return nil
		}
		if ok && len(packet)+len(next) <= r.pool.t.MaxFragment() {
			packet = append(packet, next...)
			continue
		}
		if err := r.pool.t.Send(r.ctx, r.id, Default, packet); err != nil {
			return err
		}
		packet = next
	}
}

// nextFragment gives a fragment; without wait only one that is there.
func (r *Run) nextFragment(fragments <-chan []byte, wait bool) ([]byte, bool) {
	if !wait {
		select {
		case f, ok := <-fragments:
			return f, ok
		default:
			return nil, false
		}
	}
	select {
	case f, ok := <-fragments:
		return f, ok
	case <-r.ctx.Done():
		return nil, false
	}
}

// inputFailed ends the run with the error of its input and stops the pipeline.
func (r *Run) inputFailed(err error) {
	r.ending.Lock()
	defer r.ending.Unlock()
	r.finish(nil, fmt.Errorf("pipeline input: %w", err))
	ctx, cancel := context.WithTimeout(r.pool.ctx, r.pool.config.CloseTimeout)
	defer cancel()
	if err := r.signal(ctx); err != nil && r.pool.ctx.Err() == nil {
		r.pool.config.Logger.Warn("psrp: pipeline not stopped", slog.Any("error", err))
	}
}
