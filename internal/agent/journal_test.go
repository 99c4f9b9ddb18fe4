package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/api"
)

var testOptions = journalOptions{segmentBytes: 600, maxUnsent: 1 << 20}

const testAttempt = "0192aaaa-0000-7000-8000-000000000001"

func testSpool(t testing.TB, o journalOptions) *spool {
	t.Helper()
	s, err := openSpool(filepath.Join(t.TempDir(), "spool"), o, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return s
}

func testRecord(seq int64) api.Record {
	return api.Record{Seq: seq, Time: time.Unix(1_700_000_000+seq, 0).UTC(), Stream: api.StreamOutput, Text: fmt.Sprintf("line %d", seq)}
}

func fill(t testing.TB, j *journal, from, to int64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		require.NoError(t, j.append(t.Context(), testRecord(seq)))
	}
}

// seqs decodes a chunk and returns its sequence numbers.
func seqs(t testing.TB, chunk []byte) []int64 {
	t.Helper()
	var out []int64
	for line := range bytes.Lines(chunk) {
		var r api.Record
		require.NoError(t, json.Unmarshal(line, &r))
		out = append(out, r.Seq)
	}
	return out
}

// drain reads and confirms everything as an uploader would, and checks that no record is missing or doubled.
func drain(t testing.TB, j *journal, maxBytes int) {
	t.Helper()
	for want := j.status().sent + 1; j.status().sent < j.status().last; {
		b, err := j.next(maxBytes, 50)
		require.NoError(t, err)
		require.Equal(t, want, b.first)
		got := seqs(t, b.chunk)
		require.Len(t, got, b.count)
		require.NotEmpty(t, got)
		for _, seq := range got {
			require.Equal(t, want, seq)
			want++
		}
		require.NoError(t, j.confirm(want))
	}
	require.Zero(t, j.status().unsent)
}

func TestJournalGivesEveryRecordOnceAndFreesTheDisk(t *testing.T) {
	t.Parallel()
	s := testSpool(t, testOptions)
	j, err := s.create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	for round := range int64(5) {
		fill(t, j, round*40+1, round*40+40)
		drain(t, j, 300)
	}
	entries, err := listSegments(j.dir)
	require.NoError(t, err)
	require.LessOrEqual(t, len(entries), 2, "stored segments must leave the disk")
	require.NoError(t, j.remove())
	require.NoDirExists(t, j.dir)
}

func TestJournalRefusesAHoleInTheSequence(t *testing.T) {
	t.Parallel()
	j, err := testSpool(t, testOptions).create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	fill(t, j, 1, 3)
	require.Error(t, j.append(t.Context(), testRecord(5)))
	require.Error(t, j.append(t.Context(), testRecord(3)))
	require.NoError(t, j.append(t.Context(), testRecord(4)))
}

func TestJournalFollowsTheServersExpectation(t *testing.T) {
	t.Parallel()
	j, err := testSpool(t, testOptions).create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	fill(t, j, 1, 30)
	_, err = j.next(1<<20, 100)
	require.NoError(t, err)
	require.NoError(t, j.confirm(8), "the server took a part")
	b, err := j.next(1<<20, 100)
	require.NoError(t, err)
	require.Equal(t, int64(8), b.first)
	require.Equal(t, 23, b.count)
	require.NoError(t, j.confirm(20))
	require.Error(t, j.confirm(1), "records that left the disk cannot be sent again")
	require.NoError(t, j.confirm(31))
	require.Equal(t, int64(30), j.status().sent)
	require.NoError(t, j.confirm(41), "the server knows more than the journal")
	require.Equal(t, int64(40), j.status().last)
	require.NoError(t, j.append(t.Context(), testRecord(41)))
	drain(t, j, 1000)
}

func TestJournalSlowsTheScriptDownUntilTheServerTookSome(t *testing.T) {
	t.Parallel()
	j, err := testSpool(t, journalOptions{segmentBytes: 1 << 20, maxUnsent: 200}).create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	fill(t, j, 1, 3) // more than 200 bytes
	written := make(chan error, 1)
	go func() { written <- j.append(context.Background(), testRecord(4)) }()
	select {
	case <-written:
		t.Fatal("append must wait")
	case <-time.After(30 * time.Millisecond):
	}
	b, err := j.next(1<<20, 100)
	require.NoError(t, err)
	require.NoError(t, j.confirm(b.first+int64(b.count)))
	require.NoError(t, <-written)

	fill(t, j, 5, 6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, j.append(ctx, testRecord(7)), "a cancelled script's last words are kept")
}

func TestJournalSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	s := testSpool(t, testOptions)
	j, err := s.create(head{AttemptID: testAttempt, FencingToken: 7, RunID: "r"})
	require.NoError(t, err)
	require.False(t, j.started())
	require.NoError(t, j.markStarted())
	fill(t, j, 1, 40)
	b, err := j.next(700, 100)
	require.NoError(t, err)
	require.NoError(t, j.confirm(b.first+int64(b.count)))
	code := 3
	require.NoError(t, j.saveResult(api.Result{State: api.StateFailed, ExitCode: &code}))

	found, err := s.recover() // the first process is gone without a word
	require.NoError(t, err)
	require.Len(t, found, 1)
	again := found[0]
	require.Equal(t, j.head, again.head)
	require.True(t, again.started())
	require.Equal(t, int64(40), again.status().last)
	require.Equal(t, 3, *again.status().result.ExitCode)
	drain(t, again, 300)
	require.True(t, again.status().done())
}

func TestJournalWithoutAHeadIsDropped(t *testing.T) {
	t.Parallel()
	s := testSpool(t, testOptions)
	j, err := s.create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(j.path(headFile), []byte(`{"attempt`), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "empty"), 0o700))
	found, err := s.recover()
	require.NoError(t, err)
	require.Empty(t, found)
	left, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSpoolRefusesAttemptIdsThatArePaths(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "CON", strings.Repeat("a", 65)} {
		_, err := testSpool(t, testOptions).create(head{AttemptID: id})
		require.Error(t, err, id)
	}
}

// TestTornTailIsCutAtEveryByte proves that whatever a killed process left of the last frame, every whole record before it
// is there, nothing else is, and the journal takes records again.
func TestTornTailIsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	options := journalOptions{segmentBytes: 1 << 20, maxUnsent: 1 << 20}
	j, err := testSpool(t, options).create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	fill(t, j, 1, 2)
	whole := j.segments[0].bytes
	fill(t, j, 3, 3)
	text, err := os.ReadFile(j.segmentPath(1))
	require.NoError(t, err)
	for cut := whole; cut < int64(len(text)); cut++ {
		for _, damage := range []string{"", "\x00", "\xff\xff\xff\xff\x00\x00\x00\x00rest"} {
			s := testSpool(t, options)
			torn, err := s.create(head{AttemptID: testAttempt})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(torn.segmentPath(1), append(bytes.Clone(text[:cut]), damage...), 0o600))
			found, err := s.recover()
			require.NoError(t, err)
			require.Equal(t, int64(2), found[0].status().last, "cut at %d", cut)
			fill(t, found[0], 3, 4)
			drain(t, found[0], 1000)
		}
	}
}

func TestSegmentsBehindAHoleAreNotSent(t *testing.T) {
	t.Parallel()
	s := testSpool(t, testOptions)
	j, err := s.create(head{AttemptID: testAttempt})
	require.NoError(t, err)
	fill(t, j, 1, 40)
	require.Greater(t, len(j.segments), 3)
	require.NoError(t, os.Truncate(j.segmentPath(j.segments[1].first), 10))
	found, err := s.recover()
	require.NoError(t, err)
	require.Equal(t, j.segments[1].first-1, found[0].status().last)
	drain(t, found[0], 1000)
}

// TestJournalKeepsEveryRecordInOrder drives a journal at random against a plain list.
func TestJournalKeepsEveryRecordInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		s, err := openSpool(dir, journalOptions{segmentBytes: int64(rapid.IntRange(1, 900).Draw(rt, "segment")), maxUnsent: 1 << 30}, slog.New(slog.DiscardHandler))
		require.NoError(rt, err)
		j, err := s.create(head{AttemptID: testAttempt})
		require.NoError(rt, err)
		last, stored := int64(0), int64(0)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				last++
				require.NoError(rt, j.append(t.Context(), testRecord(last)))
			},
			"send": func(rt *rapid.T) {
				b, err := j.next(rapid.IntRange(1, 700).Draw(rt, "bytes"), rapid.IntRange(1, 9).Draw(rt, "records"))
				require.NoError(rt, err)
				require.Equal(rt, stored < last, b.count > 0)
				for i, seq := range seqs(t, b.chunk) {
					require.Equal(rt, stored+1+int64(i), seq)
				}
				stored += rapid.Int64Range(0, int64(b.count)).Draw(rt, "taken")
				require.NoError(rt, j.confirm(stored+1))
			},
			"restart": func(rt *rapid.T) {
				found, err := s.recover()
				require.NoError(rt, err)
				j = found[0]
				require.Equal(rt, last, j.status().last)
				require.LessOrEqual(rt, j.status().sent, stored)
				require.NoError(rt, j.confirm(stored+1))
			},
		})
	})
}

func TestLongRecordsAreShortenedAndSaySo(t *testing.T) {
	t.Parallel()
	r := testRecord(1)
	r.Text = strings.Repeat("ü\x00", 2<<20)
	r.Object = json.RawMessage(`"` + strings.Repeat("x", 2<<20) + `"`)
	line, err := encodeRecord(r)
	require.NoError(t, err)
	require.LessOrEqual(t, len(line), maxRecord)
	var got api.Record
	require.NoError(t, json.Unmarshal(line, &got))
	require.Contains(t, got.Text, "[cut: ")
	require.Equal(t, int64(1), got.Seq)
}

// FuzzSegment: whatever lies in a segment's file, measuring it neither fails nor invents records, and what it calls whole
// reads back the same.
func FuzzSegment(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(appendFrame(nil, []byte("{}\n")), []byte("x")))
	f.Add(append(appendFrame(nil, []byte("{}\n")), 3, 0, 0, 0, 1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, size, torn, err := measure(bytes.NewReader(data))
		require.NoError(t, err)
		require.LessOrEqual(t, size, int64(len(data)))
		require.Equal(t, size < int64(len(data)), torn)
		var again []byte
		r := newFrameReader(bytes.NewReader(data), 0)
		for range frames {
			payload, err := r.next(nil)
			require.NoError(t, err)
			again = appendFrame(again, payload)
		}
		require.Equal(t, string(data[:size]), string(again))
	})
}

func BenchmarkJournalAppend(b *testing.B) {
	j, err := testSpool(b, journalOptions{segmentBytes: 4 << 20, maxUnsent: 1 << 40}).create(head{AttemptID: testAttempt})
	require.NoError(b, err)
	seq := int64(0)
	for b.Loop() {
		seq++
		if err := j.append(b.Context(), testRecord(seq)); err != nil {
			b.Fatal(err)
		}
	}
}
