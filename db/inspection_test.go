package db_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/db"
	"github.com/epo-dev/epo/internal/testkit"
)

// inspection is one inspection in the hands of an agent.
type inspection struct {
	ID           string `json:"inspection_id"`
	Kind         string `json:"kind"`
	FencingToken int64  `json:"fencing_token"`
	Script       *struct {
		VersionID string `json:"version_id"`
		SHA256    string `json:"sha256"`
		Content   string `json:"content"`
	} `json:"script"`
	Target *struct {
		ID, Name, Kind string
		Options        map[string]any
	} `json:"target"`
}

// claimInspections claims all that there is for the agent of these kinds, or of all.
func (b bundle) claimInspections(t *testing.T, kinds ...string) []inspection {
	t.Helper()
	return ask[[]inspection](t, b, b.agent, "claim_inspections", testkit.Args{"max": 100, "kinds": kinds})
}

func (i inspection) result(result string) testkit.Args {
	return testkit.Args{"inspection_id": i.ID, "fencing_token": i.FencingToken, "result": json.RawMessage(result)}
}

// endInspection reports a result and returns the state that the inspection has then.
func (b bundle) endInspection(t *testing.T, i inspection, result string) string {
	t.Helper()
	return ask[struct{ State string }](t, b, b.agent, "finish_inspection", i.result(result)).State
}

// document is a result of a script without errors, with these parameters.
func document(parameters string) string {
	return fmt.Sprintf(`{"engine":{"version":"7.6.9","edition":"Core"},"document":{"ok":true,"errors":[],"parameters":%s,"help":null}}`, parameters)
}

const expireInspections = "update epo.inspections set lease_expires_at = now() - interval '1 second' where state = 'claimed'"

func TestPushIsInspected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reply, err := b.db.Call(t.Context(), b.Operator, "push_script", pushArgs("new", []byte("param($A)")))
	require.NoError(t, err)
	require.Contains(t, reply.Wakes, "agents:"+b.ID)
	work := b.claimInspections(t)
	require.Len(t, work, 2, "those of setup and of here")
	require.NotNil(t, work[0].Script)
	require.Nil(t, work[0].Target)
	require.Equal(t, "cGFyYW0oJEEp", work[0].Script.Content, "the newest comes first")
	require.Empty(t, b.claimInspections(t), "each is given once")

	require.Equal(t, "done", b.endInspection(t, work[0], document(`[{"name":"A"}]`)))
	require.Equal(t, "done", b.endInspection(t, work[0], document(`[{"name":"B"}]`)), "a repeat is harmless")
	seen := b.scriptInspection(t, work[0].Script.VersionID)
	require.Equal(t, "A", seen["parameters"].([]any)[0].(map[string]any)["name"], "and changes nothing")
	require.Equal(t, true, seen["ok"])
	require.Equal(t, "7.6.9", seen["engine_version"])
	require.Equal(t, "Core", seen["engine_edition"])
	require.Nil(t, seen["help"])
	require.Nil(t, seen["not_inspected_reason"])

	require.Equal(t, "done", b.endInspection(t, work[1], `{"engine":{"version":"7.6.9"},"not_inspected_reason":"timeout"}`))
	seen = b.scriptInspection(t, work[1].Script.VersionID)
	require.Nil(t, seen["ok"])
	require.Nil(t, seen["document"])
	require.Equal(t, "timeout", seen["not_inspected_reason"])
}

// scriptInspection is what an operator sees of a version.
func (b bundle) scriptInspection(t *testing.T, version string) map[string]any {
	t.Helper()
	row, err := b.db.Store.Do(t.Context(), testkit.Request(b.Operator),
		"select to_jsonb(v) from api.script_inspections as v where script_version_id = $1", version)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(row.JSON, &out))
	return out
}

func TestInspectionIsAskedForOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	count := func() int {
		return testkit.Value[int](t, b.db, "select count(*)::int from epo.inspections where kind = 'script'")
	}
	b.PushScript(t, "hello", "Write-Output 'hello from acme'") // the same bytes
	b.Call(t, b.Operator, "inspect_script", testkit.Args{"script_version_id": b.versionID})
	require.Equal(t, 1, count())

	work := b.claimInspections(t)
	require.Len(t, work, 1)
	require.Equal(t, "failed", b.endInspection(t, work[0], `{"error":{"code":"runtime_missing","message":"no PowerShell"}}`))
	require.Equal(t, "runtime_missing", b.scriptInspection(t, b.versionID)["not_inspected_reason"])
	b.PushScript(t, "hello", "Write-Output 'hello from acme'") // a failure is another chance
	require.Equal(t, 2, count())
	require.Equal(t, "pending", b.scriptInspection(t, b.versionID)["state"])
	require.Equal(t, "done", b.endInspection(t, b.claimInspections(t)[0], document("[]")))
	b.PushScript(t, "hello", "Write-Output 'hello from acme'")
	require.Equal(t, 2, count(), "what is known is not asked again")
	b.Call(t, b.Operator, "inspect_script", testkit.Args{"script_version_id": b.versionID})
	require.Equal(t, 3, count(), "unless somebody wants it")
}

func TestInspectionOfALostAgentGoesToTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for token := int64(1); token <= 3; token++ {
		work := b.claimInspections(t)
		require.Len(t, work, 1)
		require.Equal(t, token, work[0].FencingToken)
		require.EqualValues(t, 0, b.reap(t)["inspections"], "the lease holds")
		b.db.Exec(t, expireInspections)
		answer := b.reap(t)
		require.EqualValues(t, 1, answer["inspections"])
		if token < 3 {
			require.Contains(t, answer["wakes"], "agents:"+b.ID)
			b.refuse(t, "lease_lost", b.agent, "finish_inspection", work[0].result(document("[]")))
		}
	}
	require.Empty(t, b.claimInspections(t))
	seen := b.scriptInspection(t, b.versionID)
	require.Equal(t, "failed", seen["state"])
	require.Equal(t, "lease_lost", seen["not_inspected_reason"])
}

func TestStaleTokenOfAnInspectionWritesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stale := b.claimInspections(t)[0]
	b.db.Exec(t, expireInspections)
	b.reap(t)
	other := b
	other.agent = b.CreateAgent(t, "agent-2")
	fresh := other.claimInspections(t)[0]
	require.Equal(t, stale.ID, fresh.ID)
	b.refuse(t, "lease_lost", b.agent, "finish_inspection", stale.result(document("[]")))
	b.refuse(t, "lease_lost", b.agent, "finish_inspection", fresh.result(document("[]"))) // not its own
	b.refuse(t, "lease_lost", other.agent, "finish_inspection", stale.result(document("[]")))
	require.Equal(t, "claimed", b.scriptInspection(t, b.versionID)["state"])
	require.Equal(t, "done", other.endInspection(t, fresh, document("[]")))
}

func TestAgentReadsWhatItInspects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	args := testkit.Args{"script_version_id": b.versionID}
	b.refuse(t, "not_found", b.agent, "get_script_content", args)
	work := b.claimInspections(t)[0]
	require.Equal(t, work.Script.SHA256, b.Call(t, b.agent, "get_script_content", args)["sha256"])
	b.refuse(t, "not_found", b.CreateAgent(t, "agent-2"), "get_script_content", args)
	b.endInspection(t, work, document("[]"))
	b.refuse(t, "not_found", b.agent, "get_script_content", args)
}

func TestTargetIsInspectedByWhoMayReachIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endInspection(t, b.claimInspections(t)[0], document("[]"))
	far := b
	pool := b.Call(t, b.Admin, "create_pool", testkit.Args{"name": "far"})["id"].(string)
	second := b.CreateAgent(t, "agent-2")
	b.db.Exec(t, "update epo.agents set pool_id = $1 where id = $2", pool, second.ID)
	far.agent = second
	pinned := b.Call(t, b.Operator, "create_target", testkit.Args{
		"name": "pinned", "kind": "local", "pool_id": pool, "agent_id": second.ID})["id"].(string)

	asked := b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": b.TargetID})
	again := b.Call(t, b.Admin, "inspect_target", testkit.Args{"target_id": b.TargetID})
	require.Equal(t, asked["inspection_id"], again["inspection_id"], "one at a time")
	b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": pinned})
	require.Empty(t, b.claimInspections(t, "script"))
	work, theirs := b.claimInspections(t), far.claimInspections(t)
	require.Len(t, work, 1)
	require.Equal(t, b.TargetID, work[0].Target.ID)
	require.Len(t, theirs, 1)
	require.Equal(t, pinned, theirs[0].Target.ID)

	require.Equal(t, "done", b.endInspection(t, work[0], `{"ok":false,"checks":[{"name":"session","state":"failed"}],"cause":"no engine"}`))
	ok := testkit.Value[bool](t, b.db, "select ok from epo.inspections where id = $1", work[0].ID)
	require.False(t, ok)
	require.Equal(t, "failed", far.endInspection(t, theirs[0], `{"error":{"code":"internal","message":"it did not work"}}`))
}

func TestConnectionTestThatNobodyTakesExpires(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": b.TargetID})
	b.db.Exec(t, "update epo.inspections set expires_at = now() - interval '1 second' where kind = 'target'")
	require.EqualValues(t, 1, b.reap(t)["inspections"])
	require.Equal(t, map[string]any{"target": "expired", "script": "pending"},
		testkit.Value[map[string]any](t, b.db, "select jsonb_object_agg(kind, state) from epo.inspections"), "a script waits for as long as it takes")
	b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": b.TargetID})
	require.Len(t, b.claimInspections(t, "target"), 1)
}

func TestResultOfAnInspectionHasItsShape(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Call(t, b.Operator, "inspect_target", testkit.Args{"target_id": b.TargetID})
	work := map[string]inspection{}
	for _, i := range b.claimInspections(t) {
		work[i.Kind] = i
	}
	for kind, results := range map[string][]string{
		"script": {`null`, `[]`, `{}`, `{"ok":true}`, `{"document":[]}`, `{"document":{"ok":true}}`, `{"not_inspected_reason":""}`,
			`{"document":{"ok":true,"errors":[],"parameters":[1]}}`, `{"document":{"ok":"yes","errors":[],"parameters":[]}}`},
		"target": {`{}`, `{"ok":"yes"}`, `{"ok":null}`},
	} {
		for _, result := range results {
			b.refuse(t, "invalid_argument", b.agent, "finish_inspection", work[kind].result(result))
		}
	}
	big, err := json.Marshal(make([]byte, 5<<20))
	require.NoError(t, err)
	b.refuse(t, "invalid_argument", b.agent, "finish_inspection", work["target"].result(`{"ok":true,"x":`+string(big)+`}`))
}

func TestInspectionThatEndedNeverChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.endInspection(t, b.claimInspections(t)[0], document("[]"))
	for _, change := range []string{"update epo.inspections set ok = false", "delete from epo.inspections"} {
		require.ErrorContains(t, tryAs(t, b.db, "epo_system", "origin", change), "the row is final")
	}
	var states []any
	for _, e := range b.audited(t, "epo.inspections") {
		states = append(states, e.Actor, e.After["state"])
	}
	require.Equal(t, []any{"user:" + b.Operator.ID, "pending", "agent:" + b.agent.ID, "claimed", "agent:" + b.agent.ID, "done"}, states)
}

// What was pushed before this table existed is inspected too, and the audit says so.
func TestMigrationAsksForEveryOlderVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.PushScript(t, "hello", "2")
	newBundle(t, b.db, "rival")
	conn := superuser(t, b.db)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(b.context())) }()
	_, err = tx.Exec(t.Context(), "drop table epo.inspections cascade; alter table epo.job_runs drop column checked cascade", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	for _, m := range db.Migrations() {
		if m.Name == "migrations/0010_create_inspections.sql" {
			_, err = tx.Exec(t.Context(), m.SQL, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
		}
	}
	var versions, pending, audited int
	require.NoError(t, tx.QueryRow(t.Context(), `select (select count(*) from epo.script_versions),
		(select count(*) from epo.inspections where state = 'pending' and lane_id = tenant_id),
		(select count(*) from audit.audit_log where actor = 'system:migration')`).Scan(&versions, &pending, &audited))
	require.Equal(t, []int{3, 3, 3}, []int{versions, pending, audited})
}

// However many agents claim at once, each inspection is given once.
func TestConcurrentClaimsGiveEachInspectionOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const scripts = 40
	for i := range scripts - 1 {
		b.PushScript(t, fmt.Sprint("s", i), fmt.Sprint(i))
	}
	agents := []testkit.Agent{b.agent, b.CreateAgent(t, "agent-2"), b.CreateAgent(t, "agent-3")}
	got := make([][]inspection, len(agents))
	var group errgroup.Group
	for i, agent := range agents {
		group.Go(func() error {
			for {
				reply, err := b.db.Call(b.context(), agent, "claim_inspections", testkit.Args{"max": 3})
				var work []inspection
				if err == nil {
					err = json.Unmarshal(reply.JSON, &work)
				}
				if err != nil || len(work) == 0 {
					return err
				}
				got[i] = append(got[i], work...)
			}
		})
	}
	require.NoError(t, group.Wait())
	seen := map[string]bool{}
	for _, work := range got {
		for _, i := range work {
			require.False(t, seen[i.ID], "given twice")
			seen[i.ID] = true
		}
	}
	require.Len(t, seen, scripts)
}
