package db_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/testkit"
)

// running returns a bundle with one running attempt.
func running(t *testing.T) (bundle, claimed) {
	t.Helper()
	b := setup(t)
	b.QueueRun(t, b.scriptID)
	c := b.claim(t, 1)[0]
	b.start(t, c)
	return b, c
}

// stored is the log of an attempt as a reader sees it.
func (b bundle) stored(t testing.TB, c claimed) string {
	return testkit.Value[string](t, b.db,
		"select coalesce(string_agg(rtrim(chunk, E'\\n') || E'\\n', '' order by first_seq), '') from epo.job_run_logs where attempt_id = $1", c.AttemptID)
}

func TestAppendTakesEachRecordOnce(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	require.EqualValues(t, 4, b.append(t, c, 1, 3))
	require.EqualValues(t, 4, b.append(t, c, 1, 3)) // a repeat
	require.EqualValues(t, 4, b.append(t, c, 2, 2)) // an older part
	require.EqualValues(t, 6, b.append(t, c, 3, 5)) // an overlap
	err := b.refuse(t, "log_gap", b.agent, "append_log", c.log(7, 8))
	require.Equal(t, 409, err.Status())
	require.Equal(t, "6", err.Details)
	require.Equal(t, chunk(1, 5), b.stored(t, c))
}

func TestAppendAfterTheEndIsRepeatOrLost(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.append(t, c, 1, 3)
	require.True(t, b.finish(t, c, 3, "succeeded").OK)
	require.EqualValues(t, 4, b.append(t, c, 2, 3))
	b.refuse(t, "lease_lost", b.agent, "append_log", c.log(4, 4))
	require.Equal(t, chunk(1, 3), b.stored(t, c))
}

func TestAppendRefusesWhatIsNoChunk(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	for _, test := range []struct {
		name, code string
		change     testkit.Args
	}{
		{"fewer lines", "invalid_argument", testkit.Args{"chunk": chunk(1, 2)}},
		{"more lines", "invalid_argument", testkit.Args{"chunk": chunk(1, 4)}},
		{"no lines", "invalid_argument", testkit.Args{"chunk": ""}},
		{"null", "invalid_argument", testkit.Args{"chunk": nil}},
		{"seq 0", "invalid_argument", testkit.Args{"first_seq": 0}},
		{"no records", "invalid_argument", testkit.Args{"record_count": 0}},
		{"too large", "chunk_too_large", testkit.Args{"chunk": strings.Repeat("x", 8<<20) + "\n\n\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := c.log(1, 3)
			for key, value := range test.change {
				args[key] = value
			}
			b.refuse(t, test.code, b.agent, "append_log", args)
		})
	}
	require.Empty(t, b.stored(t, c))
}

// JSON may hold NUL and lone surrogates as escapes; jsonb would refuse them.
func TestAppendKeepsTextAsItIs(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	text := `{"seq":1,"stream":"output","text":"\u0000 \ud800 ünï → ` + "\u2028" + `"}`
	args := c.log(1, 1)
	args["chunk"] = text // without the last newline
	_, err := b.db.Call(t.Context(), b.agent, "append_log", args)
	require.NoError(t, err)
	require.Equal(t, text+"\n", b.stored(t, c))
}

// Whatever a spool sends, in whatever order and however often, the log is the
// records from 1 to next_seq - 1, each once.
func TestLogHasNoGapAndNoDouble(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	next := int64(1)
	rapid.Check(t, func(r *rapid.T) {
		first := rapid.Int64Range(max(1, next-5), next+2).Draw(r, "first")
		last := first + rapid.Int64Range(0, 6).Draw(r, "more")
		reply, err := b.db.Call(t.Context(), b.agent, "append_log", c.log(first, last))
		if first > next && last >= next {
			require.Error(r, err)
			return
		}
		require.NoError(r, err)
		var answer struct {
			NextSeq int64 `json:"next_seq"`
		}
		require.NoError(r, json.Unmarshal(reply.JSON, &answer))
		next = max(next, last+1)
		require.Equal(r, next, answer.NextSeq)
	})
	require.Equal(t, chunk(1, next-1), b.stored(t, c))
}

func TestConcurrentAppendsOfTheSameRecordsAreOne(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			var all error
			for _, span := range [][2]int64{{1, 4}, {3, 8}, {5, 10}} {
				_, err := b.db.Call(t.Context(), b.agent, "append_log", c.log(span[0], span[1]))
				all = errors.Join(all, err)
			}
			return all
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, chunk(1, 10), b.stored(t, c))
}
