package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

// written makes a run with a log of lines, in chunks of two.
func (s *stack) written(tn tenant, m machine, lines ...string) (run, attempt string) {
	s.t.Helper()
	_, _, run = s.newRun(tn, m, "log-"+uuid.NewString())
	attempt = s.started(m)[0]
	for i := 0; i < len(lines); i += 2 {
		s.append(m, attempt, i+1, lines[i:min(i+2, len(lines))]...)
	}
	return run, attempt
}

func TestDownloadGivesTheLogAsAFile(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	lines := []string{
		`{"seq":1,"time":"2026-01-01T00:00:00Z","stream":"output","text":"plain \u001b[31mred\u0007 \u202eturned"}`,
		`{"seq":2,"time":"2026-01-01T00:00:00Z","stream":"object","object":{"type":"System.String","string":"x","value":"x"}}`,
		`{"seq":3,"time":"2026-01-01T00:00:00Z","stream":"error","text":"first\r\nsecond\n"}`,
		`{"seq":4,"time":"2026-01-01T00:00:00Z","stream":"host","text":"said"}`,
		`{"seq":5,"time":"2026-01-01T00:00:00Z","stream":"information","text":"said","object":{"tags":["PSHOST"]}}`,
		`no record`,
		`{"seq":7,"time":"2026-01-01T00:00:00Z","stream":"output","text":"<b>\u0000 ünï\u2028"}`,
	}
	run, attempt := s.written(tn, m, lines...)
	a := s.do("GET", "/log?run="+run, tn.auditor, nil, nil)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "plain \u241b[31mred\u2407 <U+202E>turned\nERROR: first\nsecond\nsaid\nSYSTEM: no record\n<b>\u2400 ünï\u2028\n", a.body)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="run-`+run+`.txt"`, a.header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))

	a = s.do("GET", "/log?format=ndjson&run="+run+"&attempt="+attempt, tn.operator, nil, nil)
	require.Equal(t, strings.Join(lines, "\n")+"\n", a.body, "as it is stored, to the byte")
	require.Equal(t, "application/x-ndjson; charset=utf-8", a.header.Get("Content-Type"))
	a = s.do("GET", "/log?streams=error,object&run="+run, tn.operator, nil, nil)
	require.Equal(t, `OBJECT: {"type":"System.String","string":"x","value":"x"}`+"\nERROR: first\nsecond\n", a.body)
	a = s.do("GET", "/log?format=ndjson&streams=host&run="+run, tn.operator, nil, nil)
	require.Equal(t, lines[3]+"\n", a.body)
	a = s.do("HEAD", "/log?run="+run, tn.operator, nil, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.body)
	for _, bad := range []string{"", "run=x", "run=" + run + "&format=html", "run=" + run + "&streams=outptu", "run=" + run + "&target=x", "run=" + run + "&attempt="} {
		require.Equal(t, http.StatusBadRequest, s.do("GET", "/log?"+bad, tn.operator, nil, nil).status, bad)
	}
}

// TestDownloadOfSeveralAttemptsSaysWhose each record is.
func TestDownloadOfSeveralAttemptsSaysWhose(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	script, first, _ := s.newRun(tn, m, "b")
	s.started(m)
	second := s.call(tn.operator, "create_target", map[string]any{"name": "a\"x", "kind": "local", "pool_id": m.pool})["id"].(string)
	run := s.call(tn.operator, "queue_run", map[string]any{"script_id": script, "target_ids": []string{first, second}})["run_id"].(string)
	for i, attempt := range s.started(m) {
		s.append(m, attempt, 1, fmt.Sprintf(`{"seq":1,"time":"2026-01-01T00:00:00Z","stream":"output","text":"%d"}`, i))
	}
	a := s.do("GET", "/log?run="+run, tn.operator, nil, nil)
	require.Regexp(t, "^==> a\"x, attempt 1 <==\n[01]\n==> b, attempt 1 <==\n[01]\n$", a.body)
	a = s.do("GET", "/log?format=ndjson&run="+run, tn.operator, nil, nil)
	for i, line := range strings.Split(strings.TrimSpace(a.body), "\n") {
		var record struct {
			TargetName    string `json:"target_name"`
			AttemptNumber int    `json:"attempt_number"`
			Seq           int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		require.Equal(t, []string{"a\"x", "b"}[i], record.TargetName)
		require.Equal(t, 1, record.Seq+record.AttemptNumber-1)
	}
}

// TestDownloadIsForThoseWhoMayRead: another tenant's run is what does not exist, and agents have no business here.
func TestDownloadIsForThoseWhoMayRead(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	mine, theirs := s.newTenant("mine"), s.newTenant("theirs")
	m := s.newMachine(theirs, "pool")
	run, attempt := s.written(theirs, m, `{"seq":1,"stream":"output","text":"secret of theirs"}`)
	myMachine := s.newMachine(mine, "pool")
	myRun, _ := s.written(mine, myMachine, `{"seq":1,"stream":"output","text":"mine"}`)
	nowhere := uuid.NewString()
	absent := s.do("GET", "/log?run="+nowhere, mine.admin, nil, nil)
	require.Equal(t, http.StatusNotFound, absent.status)
	for _, query := range []string{"run=" + run, "run=" + run + "&attempt=" + attempt, "run=" + myRun + "&attempt=" + attempt} {
		a := s.do("GET", "/log?"+query, mine.admin, nil, nil)
		require.Equal(t, http.StatusNotFound, a.status, query)
		require.Equal(t, absent.body, a.body)
		require.Empty(t, a.header.Get("Content-Disposition"))
	}
	require.Equal(t, http.StatusUnauthorized, s.do("GET", "/log?run="+run, "", nil, nil).status)
	require.Equal(t, http.StatusForbidden, s.do("GET", "/log?run="+run, m.access, nil, nil).status)
	s.call(theirs.admin, "disable_user", map[string]any{"user_id": theirs.operatorID})
	require.Equal(t, http.StatusUnauthorized, s.do("GET", "/log?run="+run, theirs.operator, nil, nil).status)
}

// fillLog stores a log of count chunks of 1000 records, some hundred MB in all where count is large.
func (s *stack) fillLog(run, attempt string, count int) {
	s.t.Helper()
	s.db.Exec(s.t, `insert into epo.job_run_logs (tenant_id, run_id, attempt_id, run_target_id, first_seq, last_seq, chunk)
		select a.tenant_id, a.run_id, a.id, a.run_target_id, n * 1000 + 1, n * 1000 + 1000,
			(select string_agg(format('{"seq":%s,"time":"2026-01-01T00:00:00Z","stream":"output","text":"%s"}', n * 1000 + i, repeat('x', 200)), E'\n') || E'\n' from generate_series(1, 1000) as i)
		from epo.attempts as a cross join generate_series(0, $2::int - 1) as n where a.id = $1`, attempt, count)
	s.db.Exec(s.t, "update epo.attempts set next_seq = $2 where id = $1", attempt, count*1000+1)
}

// TestDownloadNeedsLittleMemory, however long the log is, and a reader that goes away ends it.
func TestDownloadNeedsLittleMemory(t *testing.T) { // not parallel: the heap is everybody's
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	_, _, run := s.newRun(tn, m, "long")
	attempt := s.started(m)[0]
	const chunks = 600 // 160 MB
	s.fillLog(run, attempt, chunks)
	response := s.open(t.Context(), "/log?format=ndjson&run="+run, tn.operator)
	var lines int
	var highest uint64
	scanner := bufio.NewScanner(response.Body)
	for scanner.Scan() {
		if lines++; lines%20_000 == 0 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapAlloc)
		}
	}
	require.NoError(t, scanner.Err())
	require.NoError(t, response.Body.Close())
	require.Equal(t, chunks*1000, lines)
	require.Less(t, highest, uint64(100<<20))

	ctx, cancel := context.WithCancel(t.Context())
	response = s.open(ctx, "/log?run="+run, tn.operator)
	_, err := io.ReadFull(response.Body, make([]byte, 1000))
	require.NoError(t, err)
	cancel()
	require.NoError(t, response.Body.Close())
	require.Eventually(t, func() bool {
		return testkit.Value[int](t, s.db, "select count(*)::int from pg_stat_activity where datname = current_database() and state <> 'idle' and usename like 'epo_rest%'") == 0
	}, time.Minute, 20*time.Millisecond, "nothing reads for a reader that is gone")
}

// TestDownloadThatCannotGoOnBreaksOff: the file must not look whole.
func TestDownloadThatCannotGoOnBreaksOff(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	_, _, run := s.newRun(tn, m, "long")
	attempt := s.started(m)[0]
	s.fillLog(run, attempt, 200)
	response := s.open(t.Context(), "/log?format=ndjson&run="+run, tn.operator)
	s.db.Exec(t, "revoke select on api.job_run_logs from app_user")
	_, err := io.Copy(io.Discard, response.Body)
	require.Error(t, err)
	require.NoError(t, response.Body.Close())
}

// open sends a request whose answer is read by the caller.
func (s *stack) open(ctx context.Context, path, bearer string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := client.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	return response
}
