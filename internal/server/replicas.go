package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/internal/store"
)

const (
	// wakeChannel is where replicas tell each other whom to wake.
	wakeChannel = "epo_wake"
	// notifyEvery bounds how often: a commit with a NOTIFY takes one lock for the whole database server.
	notifyEvery = 10 * time.Millisecond
	// maxPayload is below what NOTIFY takes (8000 bytes).
	maxPayload = 7900
	// sendTimeout ends a notification that does not get through; polling makes up for it.
	sendTimeout = 2 * time.Second
)

// replicas passes wakes between the servers of one database. A payload is "<sender> <topic>,<topic>…".
type replicas struct {
	hub    *Hub
	store  *store.Store
	logger *slog.Logger
	id     string
	signal chan struct{}
	hears  atomic.Bool // the listening connection is up

	mu      sync.Mutex
	pending map[string]struct{}
}

func newReplicas(hub *Hub, store *store.Store, logger *slog.Logger) *replicas {
	return &replicas{hub: hub, store: store, logger: logger, id: rand.Text()[:12], signal: make(chan struct{}, 1), pending: map[string]struct{}{}}
}

// send queues topics for the other replicas. It never blocks.
func (r *replicas) send(topics []string) {
	r.mu.Lock()
	for _, topic := range topics {
		r.pending[topic] = struct{}{}
	}
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// run sends what is queued, at most once in notifyEvery, until ctx ends; then what is left goes out.
func (r *replicas) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			r.flush(context.WithoutCancel(ctx))
			return nil
		case <-r.signal:
		}
		r.flush(ctx)
		pause := time.NewTimer(notifyEvery)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// flush sends everything that is queued, in as few notifications as fit.
func (r *replicas) flush(ctx context.Context) {
	r.mu.Lock()
	topics := make([]string, 0, len(r.pending))
	for topic := range r.pending {
		topics = append(topics, topic)
	}
	clear(r.pending)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for _, payload := range r.payloads(topics) {
		if err := r.store.Notify(ctx, wakeChannel, payload); err != nil {
			r.logger.Warn("wakes did not reach the other servers", "error", err)
			return
		}
	}
}

// payloads packs topics.
func (r *replicas) payloads(topics []string) []string {
	var list []string
	var b strings.Builder
	for _, topic := range topics {
		if b.Len()+len(topic)+1 > maxPayload {
			list = append(list, b.String())
			b.Reset()
		}
		if b.Len() == 0 {
			b.WriteString(r.id + " " + topic)
			continue
		}
		b.WriteString("," + topic)
	}
	if b.Len() > 0 {
		list = append(list, b.String())
	}
	return list
}

// listen hears the other replicas until ctx ends. connected is called after each connect: what was said before is lost.
func (r *replicas) listen(ctx context.Context, connected func()) error {
	err := r.store.Listen(ctx, wakeChannel, func() {
		r.hears.Store(true)
		r.hub.WakeAll()
		connected()
	}, r.hear)
	r.hears.Store(false)
	return ended(ctx, err)
}

// hear wakes whom another replica named.
func (r *replicas) hear(payload string) {
	sender, topics, ok := strings.Cut(payload, " ")
	if !ok || sender == r.id {
		return
	}
	r.hub.Wake(strings.Split(topics, ",")...)
}
