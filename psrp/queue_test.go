package psrp

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sized(n int) item { return item{kind: MsgPipelineOutput, wire: n} }

func TestQueue_WaitsForRoomAndKeepsOrder(t *testing.T) {
	t.Parallel()
	q := newQueue(1000)
	gone := make(chan struct{})
	q.push(item{kind: 1, wire: 5000}, gone) // one item is taken whatever its size
	pushed := make(chan struct{})
	go func() {
		q.push(item{kind: 2, wire: 10}, gone)
		close(pushed)
	}()
	select {
	case <-pushed:
		require.Fail(t, "pushed although full")
	case <-time.After(10 * time.Millisecond):
	}
	for want := range MessageType(2) {
		it, err := q.take(context.Background())
		require.NoError(t, err)
		require.Equal(t, want+1, it.kind)
	}
	<-pushed
	require.Zero(t, q.bytes)
}

func TestQueue_PushGivesUpWithThePool(t *testing.T) {
	t.Parallel()
	q := newQueue(10)
	gone := make(chan struct{})
	q.push(sized(10), gone)
	close(gone)
	q.push(sized(10), gone)
	require.Len(t, q.items, 1)
}

func TestQueue_LiftedDropsWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	q := newQueue(1000)
	q.lift()
	for range 100 {
		q.push(sized(1000-itemCost), nil)
	}
	state := StateEvent{State: PipelineStopped}
	require.True(t, q.end(&state, io.EOF))
	require.Equal(t, 100-stoppedFactor, q.dropped)
	for range stoppedFactor {
		_, err := q.take(context.Background())
		require.NoError(t, err)
	}
	last, err := q.take(context.Background())
	require.NoError(t, err)
	require.Equal(t, 100-stoppedFactor, last.event.(StateEvent).Dropped)
}

func TestQueue_OnlyTheFirstEndCounts(t *testing.T) {
	t.Parallel()
	q := newQueue(1000)
	first := errors.New("first")
	require.True(t, q.end(nil, first))
	require.False(t, q.end(&StateEvent{}, io.EOF))
	q.push(sized(1), nil)
	for range 2 {
		_, err := q.take(context.Background())
		require.ErrorIs(t, err, first)
	}
}

func TestQueue_EveryTakerHearsOfTheEnd(t *testing.T) {
	t.Parallel()
	q := newQueue(1000)
	heard := make(chan error)
	for range 3 {
		go func() {
			_, err := q.take(context.Background())
			heard <- err
		}()
	}
	q.end(nil, io.EOF)
	for range 3 {
		require.ErrorIs(t, <-heard, io.EOF)
	}
}

func TestQueue_MemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	q := newQueue(1 << 20)
	for range 10_000 {
		q.push(sized(1), nil)
		q.push(sized(1), nil)
		_, err := q.take(context.Background())
		require.NoError(t, err)
		if len(q.items)-q.head > 200 {
			_, err = q.take(context.Background())
			require.NoError(t, err)
		}
	}
	require.Less(t, len(q.items), 1000)
}
