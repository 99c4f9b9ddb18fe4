package agent

import (
	"context"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// table holds the attempts that this agent has to do with, and counts those that take one of its places: from the claim
// until the script's end. What only waits for the server takes none.
type table struct {
	mu       sync.Mutex
	attempts map[string]*attempt
	busy     map[string]bool
	changed  chan struct{} // closed and replaced at each change
}

func newTable() *table {
	return &table{attempts: map[string]*attempt{}, busy: map[string]bool{}, changed: make(chan struct{})}
}

func (t *table) update(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	close(t.changed)
	t.changed = make(chan struct{})
}

// add enters an attempt; busy tells whether it takes a place.
func (t *table) add(a *attempt, busy bool) {
	t.update(func() {
		t.attempts[a.id()] = a
		if busy {
			t.busy[a.id()] = true
		}
	})
}

// free gives an attempt's place back.
func (t *table) free(a *attempt) { t.update(func() { delete(t.busy, a.id()) }) }

func (t *table) remove(a *attempt) {
	t.update(func() {
		delete(t.attempts, a.id())
		delete(t.busy, a.id())
	})
}

func (t *table) counts() (attempts, busy int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.attempts), len(t.busy)
}

func (t *table) get(id string) *attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.attempts[id]
}

func (t *table) all() []*attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*attempt, 0, len(t.attempts))
	for _, a := range t.attempts {
		list = append(list, a)
	}
	return list
}

// fences lists all leases to renew.
func (t *table) fences() []api.Fence {
	all := t.all()
	fences := make([]api.Fence, len(all))
	for i, a := range all {
		fences[i] = a.fence()
	}
	return fences
}

// await returns true once cond holds for the counts, false when the timer fires or ctx ends first.
func (t *table) await(ctx context.Context, timer <-chan time.Time, cond func(attempts, busy int) bool) bool {
	for {
		t.mu.Lock()
		ok, changed := cond(len(t.attempts), len(t.busy)), t.changed
		t.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer:
			return false
		case <-changed:
		}
	}
}
