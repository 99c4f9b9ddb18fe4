package gateway

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// freeAttempts per account and address may fail before each further one has to wait, twice as long each time.
	freeAttempts = 10
	firstWait    = time.Second
	longestWait  = 5 * time.Minute
	// forgetAfter is when a failure stops to count.
	forgetAfter = 15 * time.Minute

	// accountAttempts may fail from anywhere within forgetAfter; then only addresses from which the account signed in
	// before get through.
	accountAttempts = 100
	// knownFor is how long an address counts as known.
	knownFor = 30 * 24 * time.Hour

	// addressRate and addressBurst bound what one address may try on all accounts together, per second.
	addressRate  = 2
	addressBurst = 120

	// machineRate and machineBurst do the same for agents, of which many may stand behind one address.
	machineRate  = 50
	machineBurst = 500

	// maxEntries bounds each table; the oldest go first.
	maxEntries = 20000
)

// attempts is what was tried on one key.
type attempts struct {
	failed int
	last   time.Time
	known  time.Time // until when the address is known; for account and address only
}

// throttle slows guessing down. It counts an attempt when it begins, so that a hundred at once are not one, and forgets it
// when it succeeds. It lives in memory: each replica counts for itself.
type throttle struct {
	now func() time.Time

	mu        sync.Mutex
	pairs     map[string]*attempts // account and address
	accounts  map[string]*attempts
	addresses map[string]*address
}

// address is the rate of one address.
type address struct {
	limiter *rate.Limiter
	last    time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, pairs: map[string]*attempts{}, accounts: map[string]*attempts{}, addresses: map[string]*address{}}
}

// begin counts an attempt on account from addr. A wait above zero refuses it.
func (t *throttle) begin(account, addr string) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if wait := t.spend(addr, now, addressRate, addressBurst); wait > 0 {
		return wait
	}
	pair := entry(t.pairs, account+"|"+addr, now)
	all := entry(t.accounts, account, now)
	if wait := pair.wait(now); wait > 0 {
		return wait
	}
	if all.failed >= accountAttempts && !now.Before(pair.known) {
		return longestWait
	}
	pair.count(now)
	all.count(now)
	return 0
}

// machine counts a request of an agent from addr. A wait above zero refuses it.
func (t *throttle) machine(addr string) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spend("agent "+addr, t.now(), machineRate, machineBurst)
}

// spend takes one attempt from the rate of an address.
func (t *throttle) spend(addr string, now time.Time, limit rate.Limit, burst int) time.Duration {
	a := t.addresses[addr]
	if a == nil {
		if len(t.addresses) >= maxEntries {
			evict(t.addresses, func(a *address) time.Time { return a.last })
		}
		a = &address{limiter: rate.NewLimiter(limit, burst)}
		t.addresses[addr] = a
	}
	a.last = now
	r := a.limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// succeed takes back what begin counted, and remembers the address.
func (t *throttle) succeed(account, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	pair := entry(t.pairs, account+"|"+addr, now)
	pair.failed, pair.known = 0, now.Add(knownFor)
	if all := entry(t.accounts, account, now); all.failed > 0 {
		all.failed--
	}
}

// undo takes back what begin counted, for an attempt that compared nothing.
func (t *throttle) undo(account, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, a := range []*attempts{entry(t.pairs, account+"|"+addr, now), entry(t.accounts, account, now)} {
		if a.failed > 0 {
			a.failed--
		}
	}
}

// entry returns the attempts of a key, forgotten ones set to none.
func entry(table map[string]*attempts, key string, now time.Time) *attempts {
	a := table[key]
	if a == nil {
		if len(table) >= maxEntries {
			evict(table, func(a *attempts) time.Time { return a.last })
		}
		a = &attempts{}
		table[key] = a
	}
	if now.Sub(a.last) > forgetAfter {
		a.failed = 0
	}
	return a
}

func (a *attempts) count(now time.Time) {
	a.failed++
	a.last = now
}

// wait is how long the next attempt has to wait.
func (a *attempts) wait(now time.Time) time.Duration {
	if a.failed < freeAttempts {
		return 0
	}
	pause := longestWait
	if doublings := a.failed - freeAttempts; doublings < 9 {
		pause = min(firstWait<<doublings, longestWait)
	}
	return a.last.Add(pause).Sub(now)
}

// evict makes room by dropping about a quarter of the table, whatever was used longest ago first as far as one look tells.
func evict[V any](table map[string]V, last func(V) time.Time) {
	var middle time.Time
	for _, v := range table { // any one entry stands for the average
		middle = last(v)
		break
	}
	for key, v := range table {
		if len(table) <= maxEntries*3/4 {
			return
		}
		if !last(v).After(middle) {
			delete(table, key)
		}
	}
	for key := range table {
		if len(table) <= maxEntries*3/4 {
			return
		}
		delete(table, key)
	}
}

// networkOf names the network that an address stands for: the address itself, or the /64 of IPv6, which one host has whole.
func networkOf(remote string) string {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "unknown"
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
