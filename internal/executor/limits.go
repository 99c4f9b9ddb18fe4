package executor

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// streamCaps counts what each stream has taken and drops what is too much.
type streamCaps struct {
	limit   int64 // bytes of one stream; 0: none
	taken   map[string]int64
	dropped map[string]int64 // records
}

// take tells whether a record still fits. The first one that does not gives a
// marker to record in its place.
func (c *streamCaps) take(rec api.Record) (fits bool, marker string) {
	if c.limit <= 0 || rec.Stream == api.StreamSystem {
		return true, ""
	}
	if c.taken == nil {
		c.taken, c.dropped = map[string]int64{}, map[string]int64{}
	}
	c.taken[rec.Stream] += int64(len(rec.Text) + len(rec.Object))
	if c.taken[rec.Stream] <= c.limit {
		return true, ""
	}
	c.dropped[rec.Stream]++
	if c.dropped[rec.Stream] > 1 {
		return false, ""
	}
	return false, fmt.Sprintf("stream %s: the limit of %d bytes is reached; the rest of it is left out, and the script goes on", rec.Stream, c.limit)
}

// report says at the end how much is missing.
func (c *streamCaps) report() (notes []string) {
	for _, stream := range slices.Sorted(maps.Keys(c.dropped)) {
		notes = append(notes, fmt.Sprintf("stream %s: %d records are left out", stream, c.dropped[stream]))
	}
	return notes
}

// progressThrottle thins out progress: of each activity one record in an
// interval, and always the last one.
type progressThrottle struct {
	interval time.Duration // 0: everything is recorded
	last     map[int]time.Time
	pending  map[int]progressData
}

// take tells whether a record is to be recorded now. Otherwise it is kept until
// a later one of its activity takes its place, or flush.
func (t *progressThrottle) take(p progressData, now time.Time) bool {
	if t.interval <= 0 {
		return true
	}
	if t.last == nil {
		t.last, t.pending = map[int]time.Time{}, map[int]progressData{}
	}
	last, seen := t.last[p.ActivityID]
	if seen && !p.Completed && now.Sub(last) < t.interval {
		t.pending[p.ActivityID] = p
		return false
	}
	t.last[p.ActivityID] = now
	delete(t.pending, p.ActivityID)
	return true
}

// flush gives what was kept, by activity.
func (t *progressThrottle) flush() (rest []progressData) {
	for _, id := range slices.Sorted(maps.Keys(t.pending)) {
		rest = append(rest, t.pending[id])
	}
	t.pending = map[int]progressData{}
	return rest
}

// escapeSequence is what terminals do not show: CSI and OSC sequences, and those
// of two characters.
var escapeSequence = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[PX^_][^\x1b]*\x1b\\\\|[ -/]*[0-~])|\u009b[0-?]*[ -/]*[@-~]")

// plain takes escape sequences out of a text.
func plain(text string) string {
	if !strings.ContainsAny(text, "\x1b\u009b") {
		return text
	}
	return escapeSequence.ReplaceAllString(text, "")
}
