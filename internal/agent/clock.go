package agent

import (
	"math/rand/v2"
	"time"
)

// Clock is the agent's time. Now must carry a monotonic reading: leases are counted on it.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now returns the time.
func (SystemClock) Now() time.Time { return time.Now() }

// After returns a channel that receives once d has passed.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// jitter returns d give or take a tenth, so that many agents do not call at once.
func jitter(d time.Duration) time.Duration { return d*9/10 + rand.N(d/5+1) }
