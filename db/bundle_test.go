package db_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// bundle is a database with one tenant, a script and an agent, ready to run.
type bundle struct {
	*testkit.Tenant
	db        *testkit.Database
	agent     testkit.Agent
	scriptID  string
	versionID string
}

func setup(t *testing.T) bundle {
	t.Helper()
	d := testkit.DB(t)
	return newBundle(t, d, "acme")
}

func newBundle(t *testing.T, d *testkit.Database, slug string) bundle {
	t.Helper()
	b := bundle{Tenant: d.CreateTenant(t, slug), db: d}
	b.agent = b.CreateAgent(t, "agent-1")
	b.scriptID, b.versionID = b.PushScript(t, "hello", "Write-Output 'hello from "+slug+"'")
	return b
}

// targets makes n targets of the pool.
func (b bundle) targets(t *testing.T, n int) []string {
	t.Helper()
	out := make([]string, n)
	for i := range out {
		out[i] = b.CreateTarget(t, fmt.Sprintf("target-%04d", i), b.PoolID)
	}
	return out
}

// refuse calls a function that must fail with a stable code.
func (b bundle) refuse(t *testing.T, code string, who testkit.Caller, function string, args testkit.Args) *store.Error {
	t.Helper()
	reply, err := b.db.Call(t.Context(), who, function, args)
	require.Error(t, err, "%s answered %s", function, reply.JSON)
	require.Equal(t, code, store.CodeOf(err), "%s: %v", function, err)
	var out *store.Error
	require.ErrorAs(t, err, &out)
	return out
}

// claimed is one run target in the hands of an agent.
type claimed struct {
	RunID        string `json:"run_id"`
	RunTargetID  string `json:"run_target_id"`
	AttemptID    string `json:"attempt_id"`
	Number       int    `json:"attempt_number"`
	FencingToken int64  `json:"fencing_token"`
	LeaseSeconds int    `json:"lease_seconds"`
	Script       struct {
		VersionID string `json:"version_id"`
		SHA256    string `json:"sha256"`
		Content   string `json:"content"`
	} `json:"script"`
	Target struct {
		ID, Name, Kind string
		Options        map[string]any
	} `json:"target"`
}

// item is what start, renewal and finish name an attempt by.
func (c claimed) item(more ...any) map[string]any {
	out := map[string]any{"attempt_id": c.AttemptID, "fencing_token": c.FencingToken}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

// verdict is the answer to one item.
type verdict struct {
	AttemptID string `json:"attempt_id"`
	OK        bool   `json:"ok"`
	Code      string `json:"code"`
	Expected  int64  `json:"expected_seq"`
	Cancel    bool   `json:"cancel"`
}

// ask calls a function that must succeed and decodes its answer.
func ask[T any](t *testing.T, b bundle, who testkit.Caller, function string, args testkit.Args) T {
	t.Helper()
	reply, err := b.db.Call(t.Context(), who, function, args)
	require.NoError(t, err, function)
	var out T
	require.NoError(t, json.Unmarshal(reply.JSON, &out), "%s: %s", function, reply.JSON)
	return out
}

func (b bundle) claim(t *testing.T, n int) []claimed {
	t.Helper()
	return ask[[]claimed](t, b, b.agent, "claim_run_targets", testkit.Args{"max_targets": n})
}

func (b bundle) start(t *testing.T, work ...claimed) []verdict {
	t.Helper()
	items := make([]any, len(work))
	for i, c := range work {
		items[i] = c.item("isolation", "account", "engine_version", "7.6.9")
	}
	return ask[[]verdict](t, b, b.agent, "start_attempts", testkit.Args{"items": items})
}

// finish reports one result.
func (b bundle) finish(t *testing.T, c claimed, lastSeq int64, state string) verdict {
	t.Helper()
	return b.finishAll(t, c.result(lastSeq, state))[0]
}

// result is what the agent reports of an attempt that ended in state.
func (c claimed) result(lastSeq int64, state string) map[string]any {
	out := c.item("last_seq", lastSeq, "state", state, "exit_code", nil, "error", nil)
	if state == "succeeded" {
		out["exit_code"] = 0
	} else {
		out["error"] = map[string]any{"code": "script_error", "message": "it did not work"}
	}
	return out
}

func (b bundle) finishAll(t *testing.T, results ...map[string]any) []verdict {
	t.Helper()
	return ask[struct{ Results []verdict }](t, b, b.agent, "finish_attempts", testkit.Args{"results": results}).Results
}

// chunk is NDJSON of the records from first to last.
func chunk(first, last int64) string {
	var s strings.Builder
	for seq := first; seq <= last; seq++ {
		fmt.Fprintf(&s, `{"seq":%d,"stream":"output","text":"line %d"}`+"\n", seq, seq)
	}
	return s.String()
}

func (c claimed) log(first, last int64) testkit.Args {
	return testkit.Args{
		"attempt_id": c.AttemptID, "fencing_token": c.FencingToken, "first_seq": first,
		"record_count": last - first + 1, "chunk": chunk(first, last),
	}
}

func (b bundle) append(t *testing.T, c claimed, first, last int64) int64 {
	t.Helper()
	return ask[struct {
		NextSeq int64 `json:"next_seq"`
	}](t, b, b.agent, "append_log", c.log(first, last)).NextSeq
}

// reap runs the reaper as the loop of the server does.
func (b bundle) reap(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, b.db.Store.System().QueryRow(t.Context(), "select epo.reap_leases()").Scan(&out))
	return out
}

// Nobody has to wait for a time to come: it is made to have come.
const (
	expireLeases  = "update epo.attempts set lease_expires_at = now() - interval '1 second' where finished_at is null"
	expireTargets = "update epo.job_run_targets set expires_at = now() - interval '1 second' where state = 'pending'"
)

func (b bundle) expireLeases(t *testing.T) {
	t.Helper()
	b.db.Exec(t, expireLeases)
}

func (b bundle) runState(t *testing.T, runID string) string {
	t.Helper()
	return testkit.Value[string](t, b.db, "select state from epo.job_runs where id = $1", runID)
}

func (b bundle) targetStates(t *testing.T, runID string) []string {
	t.Helper()
	return testkit.Value[[]string](t, b.db, "select array_agg(state order by id) from epo.job_run_targets where run_id = $1", runID)
}

// context is for work that outlives no test.
func (b bundle) context() context.Context { return context.Background() }
