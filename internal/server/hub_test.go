package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func woken(w *Waiter) bool {
	select {
	case _, open := <-w.C:
		return open
	default:
		return false
	}
}

func TestHubWakesOnlyTheTopic(t *testing.T) {
	t.Parallel()
	h := NewHub()
	a, b := h.Wait("run:a"), h.Wait("run:b", "agents:t")
	h.Wake("run:a")
	require.True(t, woken(a))
	require.False(t, woken(b))
	h.Wake("agents:t", "run:b", "nobody")
	require.True(t, woken(b))
	require.False(t, woken(b), "several wakes before a look are one")
}

func TestHubKeepsAWakeForOneWhoLooksLater(t *testing.T) {
	t.Parallel()
	h := NewHub()
	w := h.Wait("run:a")
	h.Wake("run:a")
	h.WakeAll()
	require.True(t, woken(w))
}

func TestHubForgetsClosedWaiters(t *testing.T) {
	t.Parallel()
	h := NewHub()
	w := h.Wait("run:a", "run:b")
	w.Close()
	w.Close()
	h.Wake("run:a")
	require.False(t, woken(w))
	require.Empty(t, h.waiters)
}

func TestHubCloseEndsWaits(t *testing.T) {
	t.Parallel()
	h := NewHub()
	w := h.Wait("run:a", "run:b")
	h.Close()
	h.Close()
	_, open := <-w.C
	require.False(t, open)
	_, open = <-h.Wait("run:c").C
	require.False(t, open)
	w.Close()
}
