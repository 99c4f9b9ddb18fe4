package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

const (
	// lookEvery is how often a follower looks without a hint.
	lookEvery = 2 * time.Second
	// patience is how long a run may wait for an agent before the follower looks for the reason.
	patience = 2 * time.Second
	// pageChunks and pageRows bound one answer.
	pageChunks = 32
	pageRows   = 1000
)

// follower brings the records of a run to a sink: those that are stored, then those that come, each once and in order per
// attempt. Hints of the server say when to look; what is read is decided by cursors alone, one per attempt.
type follower struct {
	client *api.Client
	runID  string
	sink   sink
	note   func(text string) // something a person should know
	now    func() time.Time
	only   string // run target, or empty for all

	next   map[string]int64 // per attempt, the seq to read next
	names  map[string]string
	begun  time.Time
	warned bool
}

// source says where a record comes from.
type source struct {
	attemptID string
	number    int // of the attempt
	target    string
	targetID  string
	many      bool // the run has several targets
}

// sink takes records.
type sink interface {
	record(s source, r api.Record) error
}

func newFollower(c *api.Client, runID string, s sink) *follower {
	return &follower{client: c, runID: runID, sink: s, next: map[string]int64{}, now: time.Now, note: func(string) {}}
}

// once brings what is stored now and returns the run.
func (f *follower) once(ctx context.Context) (api.Run, error) {
	// The run is read first: when it is over, every record was stored before.
	run, err := api.One[api.Run](ctx, f.client, api.ViewRuns, api.Where("id", f.runID))
	if err != nil {
		return run, err
	}
	return run, f.catchUp(ctx)
}

// follow goes on until the run is over. While the server is away it waits for it.
func (f *follower) follow(ctx context.Context) (api.Run, error) {
	f.begun = f.now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hints := f.client.WatchRun(ctx, f.runID)
	away := false
	for {
		run, err := f.once(ctx)
		switch {
		case ctx.Err() != nil:
			return run, ctx.Err()
		case err != nil && !api.Temporary(err):
			return run, err
		case err != nil && !away:
			f.note("the server does not answer; still trying")
			away = true
		case err == nil && away:
			f.note("the server answers again")
			away = false
		case err == nil && run.Finished():
			return run, nil
		}
		if err == nil {
			f.explainWait(ctx, run)
		}
		if !wait(ctx, hints, lookEvery) {
			return run, ctx.Err()
		}
	}
}

func wait(ctx context.Context, hints <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-hints:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// catchUp reads every record that is stored and was not shown.
func (f *follower) catchUp(ctx context.Context) error {
	for offset := 0; ; offset += pageRows {
		q := api.Where("run_id", f.runID).Select("id", "run_target_id", "number", "state", "next_seq").Order("run_target_id", "number").Limit(pageRows).Offset(offset)
		if f.only != "" {
			q.Eq("run_target_id", f.only)
		}
		attempts, err := api.List[api.Attempt](ctx, f.client, api.ViewAttempts, q)
		if err != nil {
			return err
		}
		for _, a := range attempts {
			if err := f.attempt(ctx, a); err != nil {
				return err
			}
		}
		if len(attempts) < pageRows {
			return nil
		}
	}
}

// attempt reads what is new of one attempt.
func (f *follower) attempt(ctx context.Context, a api.Attempt) error {
	for max(f.next[a.ID], 1) < a.NextSeq {
		from := max(f.next[a.ID], 1)
		q := api.Where("run_id", f.runID).Eq("attempt_id", a.ID).Gte("last_seq", from).Order("first_seq").Limit(pageChunks)
		chunks, err := api.List[api.LogChunk](ctx, f.client, api.ViewRunLogs, q)
		if err != nil {
			return err
		}
		if len(chunks) == 0 {
			f.note(fmt.Sprintf("records %d to %d are no longer kept", from, a.NextSeq-1))
			f.next[a.ID] = a.NextSeq
			return nil
		}
		where, err := f.source(ctx, a)
		if err != nil {
			return err
		}
		for _, c := range chunks {
			if err := f.chunk(where, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunk hands over the records of a chunk that were not shown yet.
func (f *follower) chunk(s source, c api.LogChunk) error {
	from := max(f.next[s.attemptID], 1)
	if c.FirstSeq > from {
		f.note(fmt.Sprintf("records %d to %d are no longer kept", from, c.FirstSeq-1))
	}
	for line := range strings.Lines(c.Chunk) {
		var r api.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return fmt.Errorf("read log from record %d on: %w", c.FirstSeq, err)
		}
		if r.Seq < from {
			continue
		}
		if err := f.sink.record(s, r); err != nil {
			return err
		}
	}
	f.next[s.attemptID] = c.LastSeq + 1
	return nil
}

func (f *follower) source(ctx context.Context, a api.Attempt) (source, error) {
	if _, known := f.names[a.RunTargetID]; !known {
		targets, err := runTargets(ctx, f.client, f.runID)
		if err != nil {
			return source{}, err
		}
		f.names = map[string]string{}
		for _, t := range targets {
			f.names[t.ID] = t.TargetName
		}
	}
	return source{attemptID: a.ID, number: a.Number, target: f.names[a.RunTargetID], targetID: a.RunTargetID, many: len(f.names) > 1}, nil
}

// explainWait says once why nothing happens: the pools of the run's targets have no agent online.
func (f *follower) explainWait(ctx context.Context, run api.Run) {
	if f.warned || run.State != "queued" || f.now().Sub(f.begun) < patience {
		return
	}
	f.warned = true
	targets, err := runTargets(ctx, f.client, f.runID)
	if err != nil {
		return
	}
	ids := make([]string, 0, len(targets))
	for _, t := range targets {
		ids = append(ids, t.TargetID)
	}
	served, err := api.List[api.Target](ctx, f.client, api.ViewTargets, new(api.Query).In("id", ids[:min(len(ids), 50)]...))
	if err != nil {
		return
	}
	agents, err := api.List[api.Agent](ctx, f.client, api.ViewAgents, nil)
	if err != nil {
		return
	}
	f.note(waitReason(served, agents))
}

// waitReason names a pool that no agent serves now.
func waitReason(targets []api.Target, agents []api.Agent) string {
	online := map[string]bool{}
	for _, a := range agents {
		if a.Online && a.State == "active" {
			online[a.PoolID] = true
			online[a.ID] = true
		}
	}
	for _, t := range targets {
		if t.AgentID != nil && !online[*t.AgentID] {
			return fmt.Sprintf("waiting: the agent of target %s is not online (`epo agent list`)", t.Name)
		}
		if !online[t.PoolID] {
			return fmt.Sprintf("waiting: no agent of pool %s is online (`epo agent list`)", t.PoolName)
		}
	}
	return "waiting: the agents are busy"
}
