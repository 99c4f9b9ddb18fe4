package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/store"
)

const (
	wakeChannel = "epo_wake"
	// coalesce is how long wakes for other replicas are collected: a commit with a notification takes a lock of the whole
	// database server.
	coalesce = 10 * time.Millisecond
	// maxTopics bounds one notification, whose payload PostgreSQL limits to 8000 bytes.
	maxTopics = 120
)

// replicas carries wakes between the processes that serve one database.
type replicas struct {
	store  *store.Store
	hub    *Hub
	logger *slog.Logger
	self   string
	heard  atomic.Bool // the listening connection is up

	mu      sync.Mutex
	pending map[string]struct{}
	signal  chan struct{}
}

// message is the payload of a notification. No topics at all means: too many to name, look at everything.
type message struct {
	From   string   `json:"from"`
	Topics []string `json:"topics"`
}

func newReplicas(s *store.Store, hub *Hub, logger *slog.Logger) *replicas {
	return &replicas{store: s, hub: hub, logger: logger, self: uuid.NewString(), pending: map[string]struct{}{}, signal: make(chan struct{}, 1)}
}

// hears reports whether wakes of other replicas arrive.
func (r *replicas) hears() bool { return r.heard.Load() }

// tell takes topics for the next notification; it never blocks.
func (r *replicas) tell(topics ...string) {
	r.mu.Lock()
	for _, t := range topics {
		r.pending[t] = struct{}{}
	}
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// take returns what is to be told now.
func (r *replicas) take() message {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := message{From: r.self}
	if len(r.pending) <= maxTopics {
		for t := range r.pending {
			m.Topics = append(m.Topics, t)
		}
	}
	clear(r.pending)
	return m
}

// send notifies the other replicas, at most once per coalesce, until ctx ends.
func (r *replicas) send(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.signal:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(coalesce):
		}
		payload, err := json.Marshal(r.take())
		if err != nil {
			return err
		}
		if err := r.store.Notify(ctx, wakeChannel, string(payload)); err != nil && ctx.Err() == nil {
			r.logger.Warn("other replicas were not woken", "error", err)
		}
	}
}

// listen hears the other replicas until ctx ends.
func (r *replicas) listen(ctx context.Context) error {
	connected := func() {
		r.heard.Store(true)
		r.hub.WakeAll() // what was sent while nobody listened is lost
	}
	err := r.store.Listen(ctx, wakeChannel, connected, r.hear)
	r.heard.Store(false)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *replicas) hear(payload string) {
	var m message
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		r.logger.Warn("a wake of another replica cannot be read", "error", err)
		return
	}
	switch {
	case m.From == r.self:
	case len(m.Topics) == 0:
		r.hub.WakeAll()
	default:
		r.hub.Wake(m.Topics...)
	}
}
