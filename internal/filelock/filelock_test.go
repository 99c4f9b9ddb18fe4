package filelock_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/filelock"
)

func TestSecondHolderIsRefusedUntilTheFirstReleases(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := filelock.Try(path)
	require.NoError(t, err)
	_, err = filelock.Try(path)
	require.ErrorIs(t, err, filelock.ErrHeld)

	got := make(chan error, 1)
	go func() {
		second, err := filelock.Wait(t.Context(), path)
		if err == nil {
			err = second.Release()
		}
		got <- err
	}()
	require.NoError(t, first.Release())
	require.NoError(t, <-got)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held, err := filelock.Try(path)
	require.NoError(t, err)
	defer held.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = filelock.Wait(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
}
