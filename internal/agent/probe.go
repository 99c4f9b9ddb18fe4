package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/filelock"
)

// Running reports whether an agent works on the state folder now.
func Running(stateDir string) (bool, error) {
	lock, err := filelock.Try(filepath.Join(stateDir, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, lock.Release()
}

// Authenticate gets one access token for the identity and throws it away: it proves that the server is there and takes this
// agent for what it is.
func Authenticate(ctx context.Context, id Identity, server string) error {
	if server == "" {
		server = id.Server
	}
	client, err := api.New(api.Config{Server: server, Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer client.CloseIdle()
	_, err = (&tokens{identity: id, client: client, clock: SystemClock{}}).Token(ctx, "")
	return err
}

// ClockOffset returns how far the server's clock is ahead of this machine's, to about a second.
func ClockOffset(ctx context.Context, server string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/healthz", nil)
	if err != nil {
		return 0, fmt.Errorf("ask for the time: %w", err)
	}
	asked := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for the time: %w", err)
	}
	resp.Body.Close()
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("read the server's time: %w", err)
	}
	here := asked.Add(time.Since(asked) / 2).Truncate(time.Second)
	return there.Sub(here), nil
}
