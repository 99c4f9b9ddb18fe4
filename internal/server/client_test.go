package server_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// fixedToken is a token source for one token.
type fixedToken string

func (f fixedToken) Token(context.Context, string) (string, error) { return string(f), nil }

// person is the client of the CLI or of an agent.
func (s *stack) client(tokens api.TokenSource) *api.Client {
	s.t.Helper()
	c, err := api.New(api.Config{Server: s.url, Tokens: tokens})
	require.NoError(s.t, err)
	s.t.Cleanup(c.CloseIdle)
	return c
}

// TestALifeOfARunThroughTheClient: what CLI and agent send and expect is what the server takes and answers.
func TestALifeOfARunThroughTheClient(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	tn := s.newTenant("acme")
	ctx := t.Context()
	anonymous := s.client(nil)
	grant, err := anonymous.SignIn(ctx, api.SignIn{Tenant: "acme", User: "operator", Password: password, Client: "cli"})
	require.NoError(t, err)
	operator := s.client(fixedToken(grant.AccessToken))
	me, err := operator.WhoAmI(ctx)
	require.NoError(t, err)
	require.Equal(t, grant.User, me)

	m := s.newMachine(tn, "pool")
	agent := s.client(fixedToken(m.access))
	pushed, err := operator.PushScript(ctx, api.PushScript{Name: "hello", Content: []byte("'hello'\r\n")})
	require.NoError(t, err)
	require.True(t, pushed.Created)
	target, err := operator.CreateTarget(ctx, api.NewTarget{Name: "here", Kind: "local", PoolID: m.pool})
	require.NoError(t, err)
	_, err = operator.PushScript(ctx, api.PushScript{Name: "empty"})
	require.Equal(t, api.CodeScriptEmpty, api.CodeOf(err))
	_, err = operator.PushScript(ctx, api.PushScript{Name: "large", Content: make([]byte, 5<<20+1)})
	require.Equal(t, api.CodeScriptTooLarge, api.CodeOf(err))
	_, err = operator.PushScript(ctx, api.PushScript{Name: "binary", Content: []byte{0, 1, 2, 0xff, 0xfe}})
	require.Equal(t, api.CodeScriptNotText, api.CodeOf(err))

	key := uuid.NewString()
	queue := api.QueueRun{ScriptID: pushed.ScriptID, TargetIDs: []string{target.ID}, IdempotencyKey: key}
	run, err := operator.QueueRun(ctx, queue)
	require.NoError(t, err)
	again, err := operator.QueueRun(ctx, queue)
	require.NoError(t, err)
	require.Equal(t, run.RunID, again.RunID)
	following, stop := context.WithCancel(ctx)
	hints := operator.WatchRun(following, run.RunID)
	<-hints

	woken, err := agent.AwaitWork(ctx, 20*time.Second)
	require.NoError(t, err)
	require.True(t, woken)
	claims, err := agent.ClaimRunTargets(ctx, 5)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	claim := claims[0]
	require.Equal(t, "'hello'\r\n", string(claim.Script.Content), "not one byte is rewritten")
	fence := api.Fence{AttemptID: claim.AttemptID, FencingToken: claim.FencingToken}
	outcomes, err := agent.StartAttempts(ctx, []api.Start{{Fence: fence, Isolation: "none", EngineVersion: "7.6.9"}})
	require.NoError(t, err)
	require.True(t, outcomes[0].OK)
	next, err := agent.AppendLog(ctx, api.Append{Fence: fence, FirstSeq: 1, RecordCount: 1, Chunk: `{"seq":1,"stream":"output","text":"hello"}` + "\n"})
	require.NoError(t, err)
	require.Equal(t, int64(2), next)
	_, err = agent.AppendLog(ctx, api.Append{Fence: fence, FirstSeq: 5, RecordCount: 1, Chunk: "{}\n"})
	require.Equal(t, api.CodeLogGap, api.CodeOf(err))
	require.Equal(t, int64(2), api.ExpectedSeq(err))
	renewed, err := agent.RenewLeases(ctx, []api.Fence{fence}, api.AgentInfo{Version: "test", Capacity: 4})
	require.NoError(t, err)
	require.True(t, renewed.Leases[0].OK)
	exit := 0
	finished, err := agent.FinishAttempts(ctx, []api.Finish{{Fence: fence, LastSeq: 1, Result: api.Result{State: "succeeded", ExitCode: &exit}}}, 1)
	require.NoError(t, err)
	require.True(t, finished.Results[0].OK)
	<-hints
	got, err := api.One[api.Run](ctx, operator, api.ViewRuns, api.Where("id", run.RunID))
	require.NoError(t, err)
	require.Equal(t, "succeeded", got.State)
	logs, err := api.List[api.LogChunk](ctx, operator, api.ViewRunLogs, api.Where("run_id", run.RunID).Gte("last_seq", 1).Order("first_seq").Limit(10))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	_, err = operator.CancelRun(ctx, run.RunID)
	require.Equal(t, api.CodeRunFinished, api.CodeOf(err))
	stop()
	for range hints {
	}
}

// TestProcessesShareOneSession: many processes of the CLI refresh at once and all stay signed in.
func TestProcessesShareOneSession(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.newTenant("acme")
	path := filepath.Join(t.TempDir(), "session.json")
	c := s.client(nil)
	grant, err := c.SignIn(t.Context(), api.SignIn{Tenant: "acme", User: "operator", Password: password, Client: "cli"})
	require.NoError(t, err)
	_, err = api.SaveSession(t.Context(), path, c, grant, nil)
	require.NoError(t, err)
	late := func() time.Time { return time.Now().Add(9*time.Minute + 45*time.Second) } // each thinks that its token is about to end
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			session, err := api.OpenSession(path, c, late)
			if err != nil {
				t.Error(err)
				return
			}
			token, err := session.Token(context.Background(), "")
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.client(fixedToken(token)).WhoAmI(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
