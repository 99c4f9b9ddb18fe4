package agent

import (
	"context"
	"sync"

	"github.com/epo-dev/epo/internal/api"
)

// contentLimit bounds the scripts kept in memory, so that one script on many targets is fetched once.
const contentLimit = 8 << 20

// contents keeps the bytes of scripts too large to travel with a claim, by digest.
type contents struct {
	fetch func(ctx context.Context, versionID string) ([]byte, error)

	mu    sync.Mutex
	items map[string]*content
	order []string // oldest first
	bytes int
}

type content struct {
	mu   sync.Mutex // held while the bytes are fetched
	data []byte
}

func newContents(fetch func(context.Context, string) ([]byte, error)) *contents {
	return &contents{fetch: fetch, items: map[string]*content{}}
}

// get returns a script's bytes. What does not have the digest is returned all the same, for the executor to refuse, but
// never kept.
func (c *contents) get(ctx context.Context, s api.ClaimedScript) ([]byte, error) {
	if len(s.Content) > 0 {
		return s.Content, nil
	}
	item := c.item(s.SHA256)
	item.mu.Lock()
	defer item.mu.Unlock()
	if item.data != nil {
		return item.data, nil
	}
	data, err := c.fetch(ctx, s.VersionID)
	if err == nil && hexSHA256(data) == s.SHA256 {
		item.data = data
		c.keep(s.SHA256, len(data))
	}
	return data, err
}

func (c *contents) item(digest string) *content {
	c.mu.Lock()
	defer c.mu.Unlock()
	item := c.items[digest]
	if item == nil {
		item = new(content)
		c.items[digest] = item
	}
	return item
}

// keep counts the bytes in and lets the oldest go.
func (c *contents) keep(digest string, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = append(c.order, digest)
	c.bytes += size
	for c.bytes > contentLimit && len(c.order) > 1 {
		oldest := c.items[c.order[0]]
		c.bytes -= len(oldest.data)
		delete(c.items, c.order[0])
		c.order = c.order[1:]
	}
}
