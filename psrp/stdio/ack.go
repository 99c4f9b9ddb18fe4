package stdio

import (
	"fmt"
	"log/slog"

	"github.com/epo-dev/epo/psrp"
)

// failure is why the connection has ended.
func (c *Conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// expect registers a wait for the next acknowledgement of that kind that is
// not spoken for.
func (t *transport) expect(id psrp.GUID, ack Kind) (<-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return nil, t.err
	}
	to := t.targets[id]
	if to == nil {
		return nil, fmt.Errorf("stdio: target %s was not opened", id)
	}
	c := make(chan struct{})
	to.waiters[ack] = append(to.waiters[ack], c)
	return c, nil
}

// unexpect takes back the latest expect, for a line that was not written.
func (t *transport) unexpect(id psrp.GUID, ack Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := t.targets[id]
	if to == nil || len(to.waiters[ack]) == 0 {
		return
	}
	to.waiters[ack] = to.waiters[ack][:len(to.waiters[ack])-1]
	if ack == DataAck {
		<-to.slot
	}
}

// acked takes an acknowledgement. One that nobody is waiting for is noise: a
// script that reaches the stream can forge it.
func (t *transport) acked(l Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := t.targets[l.Target]
	if to == nil || len(to.waiters[l.Kind]) == 0 {
		t.conn.config.Logger.Debug("stdio: unexpected line", slog.String("kind", string(l.Kind)))
		return
	}
	close(to.waiters[l.Kind][0])
	to.waiters[l.Kind] = to.waiters[l.Kind][1:]
	if l.Kind == DataAck {
		<-to.slot
	}
}

// deliver hands a line to Receive. It is called by the reader of the Conn and
// waits for room.
func (t *transport) deliver(l Line) {
	if l.Kind == Data {
		t.mu.Lock()
		if to := t.targets[l.Target]; to != nil {
			to.answered = true
		}
		t.mu.Unlock()
	}
	select {
	case t.inbox <- l:
	case <-t.closed:
	}
}

// Receive implements psrp.Transport.
func (t *transport) Receive() (psrp.Packet, error) {
	for {
		select {
		case l, ok := <-t.inbox:
			if !ok {
				return psrp.Packet{}, t.lost()
			}
			if l.Kind == Data {
				return psrp.Packet{Target: l.Target, Stream: l.Stream, Data: l.Data}, nil
			}
			t.acked(l)
		case err := <-t.faults:
			return psrp.Packet{}, err
		case <-t.closed:
			return psrp.Packet{}, ErrClosed
		case <-t.conn.ended:
			if len(t.inbox) == 0 && t.lost() == nil {
				return psrp.Packet{}, t.conn.failure()
			}
		}
	}
}

// failLast fails the target that was sent to last, among those that have not
// answered since.
func (t *transport) failLast(err error) bool {
	t.mu.Lock()
	var id psrp.GUID
	var newest uint64
	for candidate, to := range t.targets {
		if !to.answered && to.sent > newest {
			id, newest = candidate, to.sent
		}
	}
	t.mu.Unlock()
	if newest == 0 {
		return false
	}
	select {
	case t.faults <- &psrp.TargetError{Target: id, Err: err}:
		return true
	default:
		return false
	}
}
