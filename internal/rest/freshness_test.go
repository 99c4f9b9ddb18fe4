package rest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f := newFreshness(func() time.Time { return now })
	ok, epoch := f.fresh("a")
	require.False(t, ok)
	f.looked("a", now, epoch)
	ok, _ = f.fresh("a")
	require.True(t, ok)
	ok, _ = f.fresh("b")
	require.False(t, ok)
	now = now.Add(freshFor)
	ok, epoch = f.fresh("a")
	require.False(t, ok, "a look-up is void after a while")

	f.looked("a", now, epoch)
	f.forget()
	ok, _ = f.fresh("a")
	require.False(t, ok)
	f.looked("a", now, epoch)
	ok, epoch = f.fresh("a")
	require.False(t, ok, "a look-up that began before the change does not count")
	for i := range 2 * maxFresh {
		f.looked(fmt.Sprint(i), now, epoch)
	}
	require.LessOrEqual(t, len(f.since), maxFresh)
}
