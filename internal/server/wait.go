package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

const (
	// longestWait is how long /agent/wait holds a request.
	longestWait = 25 * time.Second
	// blindWait bounds it while wakes of other replicas cannot be heard: polling is the safety net then.
	blindWait = time.Second
	// heartbeat keeps proxies from ending a silent event stream.
	heartbeat = 15 * time.Second
)

// agentWait answers 200 as soon as the agent's tenant has news, else 204. It holds no database connection while it waits.
func (s *Server) agentWait(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	if who.Kind != token.KindAgent {
		return httpjson.NewError(http.StatusForbidden, "forbidden", "only agents wait for work")
	}
	patience, err := waitTime(r.URL.Query().Get("timeout"))
	if err != nil {
		return err
	}
	waiter := s.hub.Wait("agents:" + who.TenantID)
	defer waiter.Close()
	if err := s.facade.Check(r.Context(), who); err != nil {
		return err
	}
	if !s.replicas.hears() {
		patience = min(patience, blindWait)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case _, open := <-waiter.C:
		if open {
			httpjson.Write(w, http.StatusOK, map[string]bool{"wake": true})
			return nil
		}
	case <-timer.C:
	case <-r.Context().Done():
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func waitTime(given string) (time.Duration, error) {
	if given == "" {
		return longestWait, nil
	}
	seconds, err := strconv.Atoi(given)
	if err != nil || seconds < 0 {
		return 0, httpjson.NewError(http.StatusBadRequest, "invalid_argument", "timeout must be a number of seconds")
	}
	return min(time.Duration(seconds)*time.Second, longestWait), nil
}

// events streams hints that a run changed. It carries no data: whoever hears one reads on by cursor, so a lost connection
// or a lost hint loses nothing. The first hint comes at once.
func (s *Server) events(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	run := r.URL.Query().Get("run")
	if parsed, err := uuid.Parse(run); err != nil || parsed.String() != run {
		return httpjson.NewError(http.StatusBadRequest, "invalid_argument", "run must be the id of a run")
	}
	waiter := s.hub.Wait("run:" + run)
	defer waiter.Close()
	found, err := s.facade.Get(r.Context(), who, "job_runs", "select=id&id=eq."+run, r.Header.Get(requestIDHeader))
	if err != nil {
		return err
	}
	if string(found) == "[]" {
		return httpjson.NewError(http.StatusNotFound, "not_found", "not found")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s.stream(w, r, waiter, "event: wake\ndata: {\"run_id\":\""+run+"\"}\n\n", who.ExpiresAt)
	return nil
}

// stream writes hint at once and at each wake until the caller goes, the hub closes or the token expires.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, waiter *Waiter, hint string, until time.Time) {
	control := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	expired := time.NewTimer(until.Sub(s.config.Now()))
	defer expired.Stop()
	for text := hint; ; {
		if _, err := w.Write([]byte(text)); err != nil || flush(control) != nil {
			return
		}
		select {
		case _, open := <-waiter.C:
			if !open {
				return
			}
			text = hint
		case <-beat.C:
			text = ":\n\n"
		case <-expired.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func flush(control *http.ResponseController) error {
	err := control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
