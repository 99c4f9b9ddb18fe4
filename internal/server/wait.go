package server

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/httpjson"
)

const (
	// longestWait is how long one request may wait; shorter than what proxies allow.
	longestWait = 25 * time.Second
	// blindWait bounds it while the wakes of other replicas cannot be heard: polling is the safety net then.
	blindWait = time.Second
	// lobbyTime is how long the wakes of an agent are kept for it between two waits.
	lobbyTime = time.Minute
)

// lobby keeps the waiter of an agent between two waits, so that a wake that comes while the agent is looking for work is
// not lost: the next wait answers at once.
type lobby struct {
	hub *Hub

	mu     sync.Mutex
	parked map[string]*parked // by agent
}

type parked struct {
	waiter *Waiter
	expiry *time.Timer
}

func newLobby(hub *Hub) *lobby { return &lobby{hub: hub, parked: map[string]*parked{}} }

// enter returns the agent's waiter. known is false for an agent that was not here lately: what it missed nobody knows, so it
// should look for work first.
func (l *lobby) enter(agentID, topic string) (w *Waiter, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.parked[agentID]
	if p == nil {
		return l.hub.Wait(topic), false
	}
	p.expiry.Stop()
	delete(l.parked, agentID)
	return p.waiter, true
}

// leave keeps the waiter for the agent's next wait.
func (l *lobby) leave(agentID string, w *Waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.parked[agentID]; other != nil {
		other.expiry.Stop()
		other.waiter.Close()
	}
	p := &parked{waiter: w}
	p.expiry = time.AfterFunc(lobbyTime, func() { l.forget(agentID, p) })
	l.parked[agentID] = p
}

// forget drops a waiter that nobody came back for.
func (l *lobby) forget(agentID string, p *parked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parked[agentID] == p {
		delete(l.parked, agentID)
		p.waiter.Close()
	}
}

// wait answers an agent as soon as there may be work for its tenant, or with 204 when its time is over. No database
// connection is held meanwhile.
func (s *Server) wait(x *exchange, r *http.Request) error {
	timeout, err := waitTime(r)
	if err != nil {
		return err
	}
	// Before the look-up, so that nothing that happens from now on is missed.
	waiter, known := s.lobby.enter(x.who.AgentID, "agents:"+x.who.TenantID)
	defer s.lobby.leave(x.who.AgentID, waiter)
	if err := s.facade.Check(r.Context(), x.who); err != nil {
		return err
	}
	if !known {
		return woke(x)
	}
	if !s.replicas.hears.Load() {
		timeout = min(timeout, blindWait)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case _, open := <-waiter.C:
		if open {
			return woke(x)
		}
	case <-timer.C:
	case <-r.Context().Done():
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

func woke(x *exchange) error {
	httpjson.Write(x, http.StatusOK, map[string]bool{"wake": true})
	return nil
}

// waitTime reads ?timeout in seconds, 0 to 25; none means 25.
func waitTime(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("timeout")
	if text == "" {
		return longestWait, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0) {
		return 0, httpjson.NewError(http.StatusBadRequest, "invalid_argument", "timeout must be a number of seconds")
	}
	return min(time.Duration(min(seconds, longestWait.Seconds())*float64(time.Second)), longestWait), nil
}
