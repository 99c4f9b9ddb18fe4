package agent

import (
	"context"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// tokens gets access tokens by signed assertion; it is the agent's api.TokenSource.
type tokens struct {
	identity Identity
	client   *api.Client // without tokens of its own
	clock    Clock

	mu      sync.Mutex
	current string
	until   time.Time
}

// Token implements api.TokenSource: the current token until a sixth of its life is left, or the server refuses it.
func (t *tokens) Token(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if t.current != "" && t.current != refused && now.Before(t.until) {
		return t.current, nil
	}
	assertion, err := t.identity.assertion(now)
	if err != nil {
		return "", err
	}
	token, lifetime, err := t.client.AgentToken(ctx, assertion)
	if err != nil {
		return "", err
	}
	t.current, t.until = token, now.Add(lifetime*5/6)
	return token, nil
}
