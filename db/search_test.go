package db_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/testkit"
)

// found is what one call of search_log answers.
type found struct {
	Hits      []int64 `json:"hits"`
	NextAfter int64   `json:"next_after"`
	Complete  bool    `json:"complete"`
}

// search asks once.
func (b bundle) search(t testing.TB, c claimed, query string, streams []string, after int64, most int) found {
	t.Helper()
	args := testkit.Args{"attempt_id": c.AttemptID, "query": query, "streams": streams, "after_seq": after, "max_hits": most}
	reply, err := b.db.Call(t.Context(), b.Operator, "search_log", args)
	require.NoError(t, err)
	var out found
	require.NoError(t, json.Unmarshal(reply.JSON, &out), string(reply.JSON))
	return out
}

// searchAll goes on until all was looked at.
func (b bundle) searchAll(t testing.TB, c claimed, query string, streams []string, most int) []int64 {
	t.Helper()
	all := []int64{}
	for after := int64(0); ; {
		got := b.search(t, c, query, streams, after, most)
		require.LessOrEqual(t, len(got.Hits), most)
		all = append(all, got.Hits...)
		if got.Complete {
			return all
		}
		require.Greater(t, got.NextAfter, after, "a call must get on")
		after = got.NextAfter
	}
}

// appendLines stores lines as they are, as one chunk.
func (b bundle) appendLines(t testing.TB, c claimed, first int64, lines ...string) {
	t.Helper()
	_, err := b.db.Call(t.Context(), b.agent, "append_log", testkit.Args{
		"attempt_id": c.AttemptID, "fencing_token": c.FencingToken, "first_seq": first, "record_count": len(lines), "chunk": strings.Join(lines, "\n") + "\n",
	})
	require.NoError(t, err)
}

var streamKey = regexp.MustCompile(`^\{[^{]*?"stream":"([a-z]+)"`)

var allStreams = []string{"output", "object", "error", "warning", "verbose", "debug", "information", "progress", "host", "system"}

// naiveStream and naiveText say what a line is, without any short cut.
func naiveStream(line string) string {
	m := streamKey.FindStringSubmatch(line)
	if m == nil || !slices.Contains(allStreams, m[1]) {
		return "system"
	}
	return m[1]
}

func naiveTexts(line string) []string {
	var r struct {
		Stream string
		Text   *string
		Object map[string]any
	}
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &r) != nil {
		return []string{line}
	}
	word := func(key string) string { s, _ := r.Object[key].(string); return s }
	texts := []string{word("type"), word("string")}
	switch {
	case r.Text != nil:
		texts = []string{*r.Text}
	case r.Stream == "progress":
		texts = []string{word("activity"), word("status"), word("operation")}
	}
	for i, text := range texts {
		texts[i] = strings.ReplaceAll(text, "\x00", "\ufffd")
	}
	return texts
}

// naive looks at every line.
func naive(lines []string, query string, streams []string) []int64 {
	fold := func(s string) string { return strings.Map(unicode.ToLower, s) }
	if strings.IndexFunc(query, func(r rune) bool { return r > 0x7f }) < 0 {
		fold = func(s string) string {
			return strings.Map(func(r rune) rune {
				if r >= 'A' && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, s)
		}
	}
	hits := []int64{}
	for i, line := range lines {
		stream := naiveStream(line)
		repeats := stream == "information" && strings.Contains(line, `"tags":["PSHOST"`) && slices.Contains(streams, "host")
		if streams != nil && (!slices.Contains(streams, stream) || repeats) {
			continue
		}
		if slices.ContainsFunc(naiveTexts(line), func(text string) bool { return strings.Contains(fold(text), fold(query)) }) {
			hits = append(hits, int64(i+1))
		}
	}
	return hits
}

// letters are what texts are made of: every kind of escape, and two cases.
var letters = []string{
	"a", "A", "b", "n", "u", "0", "é", "É", "ß", "Ж", "ж", "日", "😀", `"`, `\`, "/", "\n", "\t", "\r", "\b", "\x01", "\x1b", "\x7f", "\u2028", " ", "{", "}", `"stream":"error"`, "stream", "text",
}

// asJSON writes text as some writer of JSON might: each character as it is, short, or by its number.
func asJSON(r *rapid.T, text string) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, c := range text {
		plain, _ := json.Marshal(string(c))
		escapes := []string{strings.Trim(string(plain), `"`)}
		if c == '"' {
			escapes[0] = `\"`
		}
		if c == '/' {
			escapes = append(escapes, `\/`)
		}
		if c > 0xffff {
			c -= 0x10000
			escapes = append(escapes, fmt.Sprintf(`\u%04x\u%04X`, 0xd800+c>>10, 0xdc00+c&0x3ff))
		} else {
			escapes = append(escapes, fmt.Sprintf(`\u%04x`, c), fmt.Sprintf(`\u%04X`, c))
		}
		if rapid.IntRange(0, 5).Draw(r, "canonical") > 0 {
			escapes = escapes[:1]
		}
		s.WriteString(rapid.SampledFrom(escapes).Draw(r, "escape"))
	}
	if rapid.IntRange(0, 9).Draw(r, "broken") == 0 {
		s.WriteString(rapid.SampledFrom([]string{`\u0000`, `\ud800`, `\udc00`, `\udc00\ud800`, `\ud800\ud83d\ude00`, `\\ud800`, `\\\udc00`, `\\u0000`}).Draw(r, "which"))
	}
	s.WriteByte('"')
	return s.String()
}

func drawText(r *rapid.T, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, most).Draw(r, "text"), "")
}

// drawLine makes one line of a log, of any kind.
func drawLine(r *rapid.T, seq int) string {
	text := asJSON(r, drawText(r, 8))
	head := fmt.Sprintf(`{"seq":%d,"time":"2026-01-01T00:00:00.123Z","stream":`, seq)
	switch rapid.IntRange(0, 9).Draw(r, "kind") {
	case 0:
		return head + `"object","object":{"type":` + text + `,"string":` + asJSON(r, drawText(r, 4)) + `,"properties":{"stream":{"type":"x","string":"y"}}}}`
	case 1:
		return head + `"progress","object":{"activity":` + text + `,"status":"` + rapid.SampledFrom([]string{"", "half"}).Draw(r, "status") + `","percent":50}}`
	case 2:
		return head + `"information","text":` + text + `,"object":{"tags":["` + rapid.SampledFrom([]string{"PSHOST", "mine"}).Draw(r, "tag") + `"]}}`
	case 3:
		return `{"text":` + text + `,"stream":"warning","seq":1}`
	case 4:
		return rapid.SampledFrom([]string{"no json", "", `{"stream":"err`, `["stream":"error"]`, `{"seq":1,"object":{"stream":"error"}}`, `{"stream":"unheard","text":"a"}`, `null`, `"text"`}).Draw(r, "odd")
	}
	return head + `"` + rapid.SampledFrom([]string{"output", "error", "warning", "verbose", "debug", "host", "system"}).Draw(r, "stream") + `","text":` + text + "}"
}

// Whatever the log holds, and in however many calls it is searched, the hits are those of a look at every line.
func TestSearchFindsWhatALookAtEveryLineFinds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(r *rapid.T) {
		b.QueueRun(t, b.scriptID)
		c := b.claim(t, 1)[0]
		b.start(t, c)
		var lines []string
		for range rapid.IntRange(1, 3).Draw(r, "chunks") {
			chunk := []string{drawLine(r, len(lines)+1)}
			for range rapid.IntRange(0, 5).Draw(r, "more") {
				chunk = append(chunk, drawLine(r, len(lines)+len(chunk)+1))
			}
			if strings.Join(chunk, "") != "" { // a chunk is not empty
				b.appendLines(t, c, int64(len(lines)+1), chunk...)
				lines = append(lines, chunk...)
			}
		}
		query := drawText(r, 3)
		var streams []string
		if rapid.Bool().Draw(r, "filter") {
			streams = rapid.SliceOfNDistinct(rapid.SampledFrom(allStreams), 1, 9, rapid.ID[string]).Draw(r, "streams")
		}
		most := rapid.SampledFrom([]int{1, 3, 1000}).Draw(r, "most")
		require.Equal(r, naive(lines, query, streams), b.searchAll(t, c, query, streams, most), "query %q streams %v", query, streams)
	})
}

// Chunks from before there were letters are searched like others.
func TestSearchReadsChunksWithoutLetters(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.appendLines(t, c, 1, `{"seq":1,"stream":"output","text":"One"}`, `{"seq":2,"stream":"error","text":"one"}`)
	b.db.Exec(t, "alter table epo.job_run_logs disable trigger t500_frozen; update epo.job_run_logs set streams = null; alter table epo.job_run_logs enable trigger t500_frozen")
	b.appendLines(t, c, 3, `{"seq":3,"stream":"error","text":"ONE"}`)
	require.Equal(t, []int64{2, 3}, b.searchAll(t, c, "one", []string{"error"}, 10))
	require.Equal(t, []int64{2, 3}, b.searchAll(t, c, "", []string{"error"}, 10))
	require.Equal(t, []int64{1, 2, 3}, b.searchAll(t, c, "oNe", nil, 10))
}

// A search goes on where it stopped, also when the log has grown meanwhile.
func TestSearchGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	require.Equal(t, found{Hits: []int64{}, Complete: true}, b.search(t, c, "line", nil, 0, 10))
	b.append(t, c, 1, 7)
	require.Equal(t, found{Hits: []int64{1, 2, 3}, NextAfter: 3}, b.search(t, c, "line", nil, 0, 3))
	require.Equal(t, found{Hits: []int64{4, 5, 6, 7}, NextAfter: 7, Complete: true}, b.search(t, c, "line", nil, 3, 4))
	require.Equal(t, found{Hits: []int64{}, NextAfter: 7, Complete: true}, b.search(t, c, "line", nil, 7, 4))
	b.append(t, c, 8, 9)
	require.Equal(t, found{Hits: []int64{8, 9}, NextAfter: 9, Complete: true}, b.search(t, c, "line", nil, 7, 4))
	require.Equal(t, found{Hits: []int64{}, NextAfter: 9, Complete: true}, b.search(t, c, "nowhere", nil, 0, 4))
}

// What a call touches is what it looks at: not what lies before its cursor, and no text where only streams are asked for.
func TestSearchReadsNoMoreThanItLooksAt(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.db.Exec(t, `insert into epo.job_run_logs (tenant_id, run_id, attempt_id, run_target_id, first_seq, last_seq, chunk, streams)
		select a.tenant_id, a.run_id, a.id, a.run_target_id, n, n,
			'{"seq":1,"stream":"output","text":"' || (select string_agg(md5(n::text || i::text), '') from generate_series(1, 2000) as i) || '"}', 'o'
		from epo.attempts as a cross join generate_series(1, 60) as n where a.id = $1`, c.AttemptID)
	b.db.Exec(t, "update epo.attempts set next_seq = 61 where id = $1", c.AttemptID)
	b.db.Exec(t, "vacuum analyze epo.job_run_logs")
	blocks := func(query string, after int) int {
		conn := superuser(t, b.db)
		_, err := conn.Exec(t.Context(), "select set_config('role', 'app_user', false), set_config('request.jwt.claims', $1, false)", b.Operator.Claims())
		require.NoError(t, err)
		call := fmt.Sprintf("api.search_log('%s', '%s', '{output}', %d)", c.AttemptID, query, after)
		_, err = conn.Exec(t.Context(), "select "+call) // plans are made at the first call
		require.NoError(t, err)
		var plan []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			}
		}
		require.NoError(t, conn.QueryRow(t.Context(), "explain (analyze, buffers, format json) select "+call).Scan(&plan))
		return plan[0].Plan.Hit + plan[0].Plan.Read
	}
	whole, end, streams := blocks("nowhere", 0), blocks("nowhere", 59), blocks("", 0)
	t.Logf("blocks of the whole search %d, from the last chunk %d, by stream %d", whole, end, streams)
	require.Greater(t, whole, 60*5)
	require.Less(t, end, whole/10)
	require.Less(t, streams, whole/2)
}

func TestSearchRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	b, c := running(t)
	b.refuse(t, "invalid_argument", b.Operator, "search_log", testkit.Args{"attempt_id": c.AttemptID, "streams": []string{"outptu"}})
	b.refuse(t, "invalid_argument", b.Operator, "search_log", testkit.Args{"attempt_id": c.AttemptID, "query": strings.Repeat("x", 1001)})
	b.refuse(t, "not_found", b.Operator, "search_log", testkit.Args{"attempt_id": b.TargetID})
}

// backendTime is the processor time that the backends of the database have taken: what the work costs on a machine that does
// other things as well. Zero where there is no /proc.
func (b bundle) backendTime(t testing.TB) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, pid := range testkit.Value[[]int32](t, b.db, "select array_agg(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()") {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] { // user and system time in hundredths of a second, proc(5)
			ticks, err := strconv.Atoi(field)
			require.NoError(t, err)
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkSearchLog searches an attempt of 1,000,000 records, call after call until all was looked at; one operation is
// the whole search. The longest call is what a reader waits for a first answer.
func BenchmarkSearchLog(b *testing.B) {
	bench := benchBundle(b, 1)
	var work []claimed
	reply, err := bench.db.Call(b.Context(), bench.agent, "claim_run_targets", testkit.Args{"max_targets": 1})
	require.NoError(b, err)
	require.NoError(b, json.Unmarshal(reply.JSON, &work))
	c := work[0]
	const total, each = 1_000_000, 500
	for first := int64(1); first <= total; first += each {
		lines := make([]string, each)
		for i := range lines {
			seq := first + int64(i)
			stream := "output"
			if seq%1000 == 0 {
				stream = "error"
			}
			lines[i] = fmt.Sprintf(`{"seq":%d,"time":"2026-01-01T00:00:00.123456789Z","stream":%q,"text":"line %d of a log that is long, with about as many words as lines have"}`, seq, stream, seq)
		}
		bench.appendLines(b, c, first, lines...)
	}
	for _, search := range []struct {
		name, query string
		streams     []string
		hits        int
	}{
		{"rare", "Line 999999 of", nil, 1},
		{"absent and not ASCII", "Zeile é", nil, 0},
		{"common", "long", nil, total},
		{"errors", "", []string{"error"}, total / 1000},
		{"text in errors", "line 999", []string{"error"}, 1},
		{"all but errors", "", []string{"output", "host", "warning"}, total - total/1000},
	} {
		b.Run(search.name, func(b *testing.B) {
			calls, longest, spent := 0, time.Duration(0), bench.backendTime(b)
			for b.Loop() {
				hits := 0
				for after, complete := int64(0), false; !complete; calls++ {
					began := time.Now()
					got := bench.search(b, c, search.query, search.streams, after, 50_000)
					longest = max(longest, time.Since(began))
					hits += len(got.Hits)
					after, complete = got.NextAfter, got.Complete
				}
				require.Equal(b, search.hits, hits)
			}
			b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
			b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
			b.ReportMetric(float64((bench.backendTime(b)-spent).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}
