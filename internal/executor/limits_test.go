package executor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

// TestStreamCap: a stream that is too long is cut off, with a marker; the others
// and the script go on.
func TestStreamCap(t *testing.T) {
	t.Parallel()
	o := runScript(t, sharedExecutor(t), "1..100 | ForEach-Object { Write-Warning ('w' * 100) }; Write-Verbose 'v' -Verbose; Write-Host 'end'", Request{MaxStream: 1000})
	require.Equal(t, api.StateSucceeded, o.result.State)
	require.Len(t, o.texts(api.StreamWarning), 10)
	require.Equal(t, []string{"v"}, o.texts(api.StreamVerbose))
	require.Equal(t, []string{"end"}, o.texts(api.StreamHost))
	require.Equal(t, []string{
		"stream warning: the limit of 1000 bytes is reached; the rest of it is left out, and the script goes on", "stream warning: 90 records are left out",
	}, o.texts(api.StreamSystem))
}

// TestProgressThrottle: of each activity one record in an interval, the last one
// and the end always.
func TestProgressThrottle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	r := &recorder{now: func() time.Time { return now }, throttle: progressThrottle{interval: time.Second}, emit: func(r api.Record) {
		got = append(got, string(r.Object))
	}}
	report := func(id, percent int, completed bool) {
		r.event(psrp.ProgressEvent{ProgressRecord: &psrp.ProgressRecord{ActivityID: id, PercentComplete: percent, Completed: completed}})
	}
	for i := range 100 { // of a second and a half
		report(1, i, false)
		report(2, i, false)
		now = now.Add(15 * time.Millisecond)
	}
	report(2, 100, true)
	r.end()
	percents := func(id string) (list []string) {
		for _, text := range got {
			if strings.Contains(text, `"activity_id":`+id+`,`) {
				_, rest, _ := strings.Cut(text, `"percent":`)
				percent, _, _ := strings.Cut(rest, ",")
				list = append(list, percent)
			}
		}
		return list
	}
	require.Equal(t, []string{"0", "67", "99"}, percents("1"))
	require.Equal(t, []string{"0", "67", "100"}, percents("2"))
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\x1b[31;1mb\x1b[0mc": "abc", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link", "\x1b]0;title\x07x": "x", "\x1b(Bx": "x", "\x1b7x\x1b8": "x",
		"\u009b1mx": "x", "no escapes": "no escapes", "\x1b": "\x1b", "a\x1b[": "a",
	} {
		require.Equal(t, want, plain(text), "%q", text)
	}
}
