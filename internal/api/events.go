package api

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// silence is how long an event stream may be quiet before it is taken for dead: the server speaks each 15 s.
const silence = 40 * time.Second

// WatchRun returns a channel that receives a hint whenever something about the run may have changed: at once, on each
// event, and after each lost connection, since hints may have been lost with it. Hints are merged while nobody reads; the
// data itself is read by cursor. The stream is opened again and again until ctx ends, then the channel is closed.
func (c *Client) WatchRun(ctx context.Context, runID string) <-chan struct{} {
	hints := make(chan struct{}, 1)
	go func() {
		defer close(hints)
		retry := Retry{Base: 250 * time.Millisecond, Max: 5 * time.Second}
		for failures := 1; ctx.Err() == nil; failures++ {
			hint(hints)
			if c.events(ctx, runID, hints) {
				failures = 0
			}
			if !retry.pause(ctx, max(failures, 1), nil) {
				return
			}
		}
	}()
	return hints
}

func hint(hints chan<- struct{}) {
	select {
	case hints <- struct{}{}:
	default:
	}
}

// events reads one event stream to its end; true when it delivered something.
func (c *Client) events(ctx context.Context, runID string, hints chan<- struct{}) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	r := call{method: http.MethodGet, path: "/events", query: url.Values{"run": {runID}}, accept: "text/event-stream"}
	resp, err := c.send(ctx, r, nil, uuid.Must(uuid.NewV7()).String())
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false
	}
	heard := false
	scanEvents(resp.Body, func(event string) {
		quiet.Reset(silence)
		if event != "" {
			heard = true
			hint(hints)
		}
	})
	return heard
}

// scanEvents calls f with the name of each event of a text/event-stream, and with "" for each comment, until r ends. An
// event without a name is "message"; one that the end cuts off does not count.
func scanEvents(r io.Reader, f func(event string)) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 1024), 64<<10)
	name, data := "", false
	for scanner.Scan() {
		field, value, _ := strings.Cut(scanner.Text(), ":")
		switch field {
		case "":
			if scanner.Text() != "" {
				f("")
				continue
			}
			if data || name != "" {
				f(orDefault(name, "message"))
			}
			name, data = "", false
		case "event":
			name = strings.TrimPrefix(value, " ")
		case "data":
			data = true
		}
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
