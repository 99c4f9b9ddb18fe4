package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// fixedToken is a token source for one test; a test ends long before its token does.
type fixedToken string

func (f fixedToken) Token(context.Context, string) (string, error) { return string(f), nil }

// person speaks the HTTP interface as a signed-in user.
type person struct {
	*api.Client
	t     testing.TB
	ctx   context.Context
	token string
}

// person signs in over HTTP.
func (s *stack) person(tenant, name, password string) *person {
	s.t.Helper()
	anonymous, err := api.New(api.Config{Server: s.URL})
	require.NoError(s.t, err)
	grant, err := anonymous.SignIn(s.t.Context(), api.SignIn{Tenant: tenant, User: name, Password: password, Client: "cli"})
	require.NoError(s.t, err)
	client, err := api.New(api.Config{Server: s.URL, Tokens: fixedToken(grant.AccessToken)})
	require.NoError(s.t, err)
	s.t.Cleanup(client.CloseIdle)
	return &person{Client: client, t: s.t, ctx: s.t.Context(), token: grant.AccessToken}
}

func (s *stack) adminPerson() *person {
	s.t.Helper()
	return s.person(s.Tenant, s.User, s.Password)
}

// push stores a script under a name and returns its id.
func (p *person) push(name, text string) string {
	p.t.Helper()
	pushed, err := p.PushScript(p.ctx, api.PushScript{Name: name, Content: []byte(text)})
	require.NoError(p.t, err)
	return pushed.ScriptID
}

// target returns the id of a target by name.
func (p *person) target(name string) string {
	p.t.Helper()
	row, err := api.One[api.Target](p.ctx, p.Client, api.ViewTargets, api.Where("name", name))
	require.NoError(p.t, err)
	return row.ID
}

// start queues a run of a script on the local target and returns its id.
func (p *person) start(scriptID string, parameters map[string]any, change ...func(*api.QueueRun)) string {
	p.t.Helper()
	q := api.QueueRun{ScriptID: scriptID, TargetIDs: []string{p.target("local")}}
	if parameters != nil {
		raw, err := json.Marshal(parameters)
		require.NoError(p.t, err)
		q.Parameters = raw
	}
	for _, c := range change {
		c(&q)
	}
	run, err := p.QueueRun(p.ctx, q)
	require.NoError(p.t, err)
	return run.RunID
}

func (p *person) run(id string) api.Run {
	p.t.Helper()
	row, err := api.One[api.Run](p.ctx, p.Client, api.ViewRuns, api.Where("id", id))
	require.NoError(p.t, err)
	return row
}

// finished waits for the end of a run.
func (p *person) finished(id string) api.Run {
	p.t.Helper()
	var row api.Run
	until(p.t, "the end of run "+id, func() bool {
		rows, err := api.List[api.Run](p.ctx, p.Client, api.ViewRuns, api.Where("id", id))
		if err != nil || len(rows) != 1 { // the server may be away in a fault test
			return false
		}
		row = rows[0]
		return row.Finished()
	})
	return row
}

// theTarget returns the only run target of a run.
func (p *person) theTarget(runID string) api.RunTarget {
	p.t.Helper()
	rows, err := api.List[api.RunTarget](p.ctx, p.Client, api.ViewRunTargets, api.Where("run_id", runID))
	require.NoError(p.t, err)
	require.Len(p.t, rows, 1)
	return rows[0]
}

// records returns what a run logged, after checking that each attempt's numbers are 1..N without gap or repeat.
func (p *person) records(runID string) []api.Record {
	p.t.Helper()
	chunks, err := api.List[api.LogChunk](p.ctx, p.Client, api.ViewRunLogs, api.Where("run_id", runID).Order("attempt_id", "first_seq"))
	require.NoError(p.t, err)
	var all []api.Record
	next := map[string]int64{}
	for _, c := range chunks {
		for line := range bytes.Lines([]byte(c.Chunk)) {
			var r api.Record
			require.NoError(p.t, json.Unmarshal(line, &r), "%q", line)
			next[c.AttemptID]++
			require.Equal(p.t, next[c.AttemptID], r.Seq, "records of attempt %s are not numbered without gap", c.AttemptID)
			all = append(all, r)
		}
	}
	return all
}

// texts returns the text of the records of one stream.
func texts(records []api.Record, stream string) []string {
	var out []string
	for _, r := range records {
		if r.Stream == stream {
			out = append(out, r.Text)
		}
	}
	return out
}

// started waits until a run's log holds a line on the output stream.
func (p *person) started(runID, line string) {
	p.t.Helper()
	until(p.t, "output of run "+runID, func() bool { return slices.Contains(texts(p.records(runID), "output"), line) })
}

// background is the context of clean-up that outlives a test.
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}
