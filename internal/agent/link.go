package agent

import (
	"log/slog"
	"sync"

	"github.com/epo-dev/epo/internal/api"
)

// link remembers whether the server answers, so that an outage is two log lines and not thousands.
type link struct {
	logger *slog.Logger

	mu   sync.Mutex
	down bool
}

// report takes the outcome of a call.
func (l *link) report(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && l.down:
		l.logger.Info("the server answers again")
	case err != nil && !l.down:
		l.logger.Warn("the server does not answer as it should; trying again", "call", what, "code", api.CodeOf(err), "error", err)
	}
	l.down = err != nil
}

// fatal reports whether an error means that this agent will never be served again.
func fatal(err error) bool { return api.Is(err, api.CodeAgentRevoked) }
