package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/filelock"
)

// early is how long before its end an access token is replaced.
const early = 30 * time.Second

// Session is a signed-in user on one server, kept in a file of mode 0600 that several processes share: a refresh token
// works once, so whoever refreshes holds the lock beside the file and first looks whether another process was faster. It
// is a TokenSource for many goroutines.
type Session struct {
	path   string
	client *Client
	now    func() time.Time

	mu    sync.Mutex
	state sessionState
}

// sessionState is the file. It holds secrets; it is never printed.
type sessionState struct {
	Server       string    `json:"server"`
	User         User      `json:"user"`
	AccessToken  string    `json:"access_token"`
	ExpiresAt    time.Time `json:"expires_at"`
	RefreshToken string    `json:"refresh_token"`
}

// OpenSession reads the session at path. A missing file is an *Error with CodeNotSignedIn. The client signs nothing
// itself: it is used for refreshing only. now may be nil.
func OpenSession(path string, client *Client, now func() time.Time) (*Session, error) {
	s := &Session{path: path, client: client, now: orNow(now)}
	return s, s.load()
}

// SaveSession writes a new session after a sign-in, in place of any earlier one at path.
func SaveSession(ctx context.Context, path string, client *Client, g Grant, now func() time.Time) (*Session, error) {
	s := &Session{path: path, client: client, now: orNow(now)}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("save session: %w", err)
	}
	lock, err := filelock.Wait(ctx, s.lockPath())
	if err != nil {
		return nil, fmt.Errorf("save session: %w", err)
	}
	defer lock.Release()
	return s, s.store(g)
}

func orNow(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

func (s *Session) lockPath() string { return s.path + ".lock" }

// User returns who is signed in, as of the last refresh.
func (s *Session) User() User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.User
}

// Token implements TokenSource.
func (s *Session) Token(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh(refused) {
		return s.state.AccessToken, nil
	}
	lock, err := filelock.Wait(ctx, s.lockPath())
	if err != nil {
		return "", fmt.Errorf("refresh session: %w", err)
	}
	defer lock.Release()
	if err := s.load(); err != nil {
		return "", err
	}
	if s.fresh(refused) {
		return s.state.AccessToken, nil
	}
	return s.refresh(ctx)
}

func (s *Session) fresh(refused string) bool {
	return s.state.AccessToken != "" && s.state.AccessToken != refused && s.now().Before(s.state.ExpiresAt.Add(-early))
}

// refresh trades the refresh token under the lock. A session that the server has ended is removed, so that the next
// command says at once what to do.
func (s *Session) refresh(ctx context.Context) (string, error) {
	g, err := s.client.Refresh(ctx, s.state.RefreshToken)
	if code := CodeOf(err); code == CodeRefreshInvalid || code == CodeRefreshReused || code == CodePrincipalDisabled {
		os.Remove(s.path)
	}
	if err != nil {
		return "", err
	}
	return g.AccessToken, s.store(g)
}

// Close signs out: the server forgets the refresh token, and the file goes. The file goes also when the server is away;
// the error then says so.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lock, err := filelock.Wait(ctx, s.lockPath())
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	defer lock.Release()
	if err := s.load(); err != nil {
		return err
	}
	err = s.client.SignOut(ctx, s.state.RefreshToken)
	s.state = sessionState{}
	return errors.Join(err, os.Remove(s.path))
}

func (s *Session) load() error {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Status: http.StatusUnauthorized, Code: CodeNotSignedIn, Message: "you are not signed in to " + s.client.Server()}
	}
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	if err := json.Unmarshal(text, &s.state); err != nil {
		return fmt.Errorf("read session %s: %w", s.path, err)
	}
	return nil
}

// store replaces the file in one step: a reader sees the old session or the new one, never half of one.
func (s *Session) store(g Grant) error {
	s.state = sessionState{
		Server: s.client.Server(), User: g.User, AccessToken: g.AccessToken,
		ExpiresAt: s.now().Add(time.Duration(g.ExpiresIn) * time.Second), RefreshToken: g.RefreshToken,
	}
	text, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	next := s.path + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if err := os.Rename(next, s.path); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}
