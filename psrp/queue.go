package psrp

import (
	"context"
	"sync"
	"sync/atomic"
)

const (
	// itemCost is what one queued event is counted as besides its bytes.
	itemCost = 128
	// stoppedFactor is how many times the limit a run may queue that is stopped,
	// or while an answer of the server is urgent.
	stoppedFactor = 4
)

// item is one queued event: a message that is decoded when it is taken, or an
// event that the reader had to decode itself.
type item struct {
	kind  MessageType
	body  []byte
	event Event
	wire  int // bytes it had on the wire
}

func (i item) size() int { return itemCost + i.wire }

// queue is the ordered event queue of one run. One goroutine pushes, any number
// take. Up to limit bytes are kept; then push waits, which stops the reader and
// with it the server. lift ends that for good: what does not fit into
// stoppedFactor times the limit is counted and dropped.
type queue struct {
	limit  int
	urgent *atomic.Int32 // while above 0, room is stoppedFactor times the limit; may be nil
	ready  chan struct{} // holds a token while there may be something to take
	room   chan struct{} // holds a token after something was taken or changed

	mu      sync.Mutex
	items   []item
	head    int
	bytes   int
	lifted  bool // never wait, drop what is too much
	discard bool // drop everything but the end
	dropped int
	err     error // what take gives when the items are used up
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push adds an event and waits for room first. It gives up when gone closes.
func (q *queue) push(it item, gone <-chan struct{}) {
	for !q.tryPush(it) {
		select {
		case <-q.room:
		case <-gone:
			return
		}
	}
}

func (q *queue) tryPush(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := q.bytes > 0 && q.bytes+it.size() > q.allowed()
	switch {
	case q.err != nil:
		return true
	case q.discard, q.lifted && q.bytes+it.size() > stoppedFactor*q.limit:
		q.dropped++
		return true
	case full && !q.lifted:
		return false
	}
	q.add(it)
	return true
}

// allowed is how many bytes may be kept now.
func (q *queue) allowed() int {
	if q.urgent != nil && q.urgent.Load() > 0 {
		return stoppedFactor * q.limit
	}
	return q.limit
}

func (q *queue) add(it item) {
	q.items = append(q.items, it)
	q.bytes += it.size()
	signal(q.ready)
}

// lift makes push never wait again.
func (q *queue) lift() {
	q.mu.Lock()
	q.lifted = true
	q.mu.Unlock()
	signal(q.room)
}

// drop makes push throw away everything from now on.
func (q *queue) drop() {
	q.mu.Lock()
	q.discard = true
	q.mu.Unlock()
	signal(q.room)
}

// end adds the last event, if there is one, and makes take return err once all
// is taken. Only the first call counts; it tells whether it was this one.
func (q *queue) end(last *StateEvent, err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return false
	}
	if last != nil {
		last.Dropped = q.dropped
		q.add(item{kind: MsgPipelineState, event: *last})
	}
	q.err = err
	signal(q.ready)
	signal(q.room)
	return true
}

// take gives the oldest event and waits for one if there is none.
func (q *queue) take(ctx context.Context) (item, error) {
	for {
		it, ok, err := q.tryTake()
		if ok || err != nil {
			return it, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return item{}, ctx.Err()
		}
	}
}

func (q *queue) tryTake() (item, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) {
		if q.err != nil {
			signal(q.ready) // for others that wait
		}
		return item{}, false, q.err
	}
	it := q.items[q.head]
	q.items[q.head] = item{}
	q.head++
	q.bytes -= it.size()
	q.compact()
	signal(q.room)
	return it, true, nil
}

// compact reclaims the taken part, so that the slice does not grow for ever,
// and wakes the next taker.
func (q *queue) compact() {
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
		return
	case q.head > 64 && q.head*2 > len(q.items):
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	signal(q.ready)
}
