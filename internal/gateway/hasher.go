package gateway

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// hashWait is how long a sign-in waits for its turn to hash before it is told to come back.
const hashWait = 3 * time.Second

// hasher makes and compares hashes, never in more memory at once than it was given.
type hasher struct {
	memory  *semaphore.Weighted // KiB
	cost    HashCost
	running atomic.Int32
}

func newHasher(memoryKiB int64, cost HashCost) *hasher {
	return &hasher{memory: semaphore.NewWeighted(max(memoryKiB, int64(maxMemoryKiB))), cost: cost}
}

// verify compares password with encoded. What cannot be parsed, "" included, costs as much as a real hash and never
// matches. An error means that no turn came in time, and that nothing was compared.
func (h *hasher) verify(ctx context.Context, password, encoded string) (bool, error) {
	stored, ok := parseHash(encoded)
	if !ok {
		stored = dummyHash(h.cost)
	}
	weight := int64(stored.cost.MemoryKiB)
	if err := h.acquire(ctx, weight); err != nil {
		return false, err
	}
	defer h.release(weight)
	return stored.matches(password) && ok, nil
}

// hash returns the hash of a new password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	weight := int64(h.cost.MemoryKiB)
	if err := h.acquire(ctx, weight); err != nil {
		return "", tooMany(hashWait)
	}
	defer h.release(weight)
	return hashPassword(password, h.cost)
}

// acquire waits for a turn.
func (h *hasher) acquire(ctx context.Context, weight int64) error {
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	if err := h.memory.Acquire(ctx, weight); err != nil {
		return err
	}
	h.running.Add(1)
	return nil
}

// release gives the memory back, to the operating system as well once nobody hashes any more: the garbage of one hash is
// more than the rest of the server.
func (h *hasher) release(weight int64) {
	last := h.running.Add(-1) == 0
	h.memory.Release(weight)
	if last {
		debug.FreeOSMemory()
	}
}
