package server

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Hub hands wakes to whoever waits for their topic. A wake is a hint that something changed, never the change itself: a
// waiter looks, then waits. It is safe for concurrent use and holds no database connection.
//
// Topics are "agents:<tenant id>", "run:<run id>" and "tenant:<tenant id>". What follows a # in a wake is a detail that its
// waiters are told: the kind of list that changed.
type Hub struct {
	mu      sync.Mutex
	waiters map[string]map[*Waiter]struct{}
	closed  bool
}

// Waiter hears the wakes of its topics. C holds at most one wake: several that come before the waiter looks are one.
type Waiter struct {
	C      <-chan struct{} // closed when the hub closes
	signal chan struct{}
	hub    *Hub
	topics []string

	details map[string]struct{} // not taken yet; guarded by the hub
}

// NewHub returns an empty hub.
func NewHub() *Hub { return &Hub{waiters: map[string]map[*Waiter]struct{}{}} }

// Wait registers for topics. Register first, look second, then receive from C: so no change is missed. Close it when done.
func (h *Hub) Wait(topics ...string) *Waiter {
	signal := make(chan struct{}, 1)
	w := &Waiter{C: signal, signal: signal, hub: h, topics: topics}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(signal)
		return w
	}
	for _, topic := range topics {
		if h.waiters[topic] == nil {
			h.waiters[topic] = map[*Waiter]struct{}{}
		}
		h.waiters[topic][w] = struct{}{}
	}
	return w
}

// Close takes the waiter off the hub. Calling it again does nothing.
func (w *Waiter) Close() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	for _, topic := range w.topics {
		delete(w.hub.waiters[topic], w)
		if len(w.hub.waiters[topic]) == 0 {
			delete(w.hub.waiters, topic)
		}
	}
}

// Wake wakes the waiters of topics. It never blocks.
func (h *Hub) Wake(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		topic, detail, _ := strings.Cut(topic, "#")
		for w := range h.waiters[topic] {
			w.wake(detail)
		}
	}
}

// WakeAll wakes everybody: after a break nobody knows what was missed.
func (h *Hub) WakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, waiters := range h.waiters {
		for w := range waiters {
			w.wake(anything)
		}
	}
}

// anything is the detail of a wake of which nobody knows more.
const anything = ""

// Details returns the details of the wakes since it was called last, in order; with anything among them nothing else counts.
func (w *Waiter) Details() []string {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if _, any := w.details[anything]; any {
		clear(w.details)
		return []string{anything}
	}
	details := slices.Sorted(maps.Keys(w.details))
	clear(w.details)
	return details
}

func (w *Waiter) wake(detail string) {
	if w.details == nil {
		w.details = map[string]struct{}{}
	}
	w.details[detail] = struct{}{}
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// Close ends all waits; later ones end at once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	ended := map[*Waiter]struct{}{}
	for _, waiters := range h.waiters {
		for w := range waiters {
			ended[w] = struct{}{}
		}
	}
	for w := range ended {
		close(w.signal)
	}
	clear(h.waiters)
}
