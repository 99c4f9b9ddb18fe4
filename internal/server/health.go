package server

import (
	"context"
	"net/http"
	"time"

	"github.com/epo-dev/epo/internal/httpjson"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	httpjson.Write(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether requests would succeed: the catalogue was in order at start and the database answers.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.config.Store.Ping(ctx); err != nil || !s.checked.Load() {
		w.Header().Set("Retry-After", "1")
		httpjson.WriteError(w, httpjson.NewError(http.StatusServiceUnavailable, "not_ready", "the database does not answer"))
		return
	}
	httpjson.Write(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	httpjson.Write(w, http.StatusOK, map[string]string{"version": s.config.Version})
}
