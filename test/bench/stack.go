package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

const (
	dispatches     = 60   // runs whose dispatch is timed
	dispatchPause  = 2000 // milliseconds between them, so that the system is idle and the pool warm
	manyTargets    = 1000 // targets of the large run
	noOpTargets    = 60   // targets of the throughput run
	settle         = 10 * time.Second
	longestWait    = 5 * time.Minute
	targetOfUp     = "local"
	scriptOfOneOut = "'x'"
)

// upInfo is what `epo up --output json` says.
type upInfo struct {
	URL      string `json:"url"`
	Tenant   string `json:"tenant"`
	User     string `json:"user"`
	Password string `json:"password"`
	PID      int    `json:"pid"`
}

// stack measures against a fresh `epo up`.
func (b *bench) stack() (err error) {
	data, err := os.MkdirTemp("", "epo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	if err := os.Chmod(data, 0o755); err != nil {
		return err
	}
	began := time.Now()
	cmd, info, err := b.up(data)
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		err = errors.Join(err, cmd.Wait())
	}()
	b.add("`epo up` on an empty data folder, until everything runs", "–", "%.1f s", time.Since(began).Seconds())
	s, err := b.signIn(info, data)
	if err != nil {
		return err
	}
	if b.only == "inspection" {
		return s.inspection()
	}
	for _, measure := range []func() error{s.memory, s.dispatch, s.inspection, s.materialise, s.throughput} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) up(data string) (*exec.Cmd, upInfo, error) {
	cmd := exec.CommandContext(b.ctx, filepath.Join(b.bin, "epo"), "up", "--data", data, "--listen", "127.0.0.1:0", "--output", "json")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, upInfo{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, upInfo{}, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, upInfo{}, errors.Join(fmt.Errorf("epo up said nothing: %w", err), cmd.Wait())
	}
	var info upInfo
	return cmd, info, json.Unmarshal(line, &info)
}

// session is a signed-in administrator of the stack.
type session struct {
	*bench
	*api.Client
	info     upInfo
	data     string
	targetID string
	scriptID string
}

func (b *bench) signIn(info upInfo, data string) (*session, error) {
	anonymous, err := api.New(api.Config{Server: info.URL})
	if err != nil {
		return nil, err
	}
	s := &session{bench: b, info: info, data: data}
	source := &refreshing{client: anonymous, info: info}
	if s.Client, err = api.New(api.Config{Server: info.URL, Tokens: source}); err != nil {
		return nil, err
	}
	target, err := api.One[api.Target](b.ctx, s.Client, api.ViewTargets, api.Where("name", targetOfUp))
	if err != nil {
		return nil, err
	}
	pushed, err := s.PushScript(b.ctx, api.PushScript{Name: "one line", Content: []byte(scriptOfOneOut)})
	s.targetID, s.scriptID = target.ID, pushed.ScriptID
	return s, err
}

// memory reports the server's resident memory when nothing happens.
func (s *session) memory() error {
	select {
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(settle):
	}
	mib, err := rss(s.info.PID)
	if err != nil {
		return err
	}
	s.add("server with everything of `epo up`, idle, resident", "≤ 80 MiB", "%.0f MiB", mib)
	pid, err := agentOf(s.data)
	if err != nil {
		return err
	}
	if mib, err = rss(pid); err != nil {
		return err
	}
	s.add("agent, idle, without its PowerShell processes, resident", "≤ 30 MiB", "%.0f MiB", mib)
	return nil
}

// dispatch times queue_run → first output durable, one run at a time on an idle system with a warm pool.
func (s *session) dispatch() error {
	var took []time.Duration
	for range dispatches {
		run, err := s.runToEnd([]string{s.targetID})
		if err != nil {
			return err
		}
		chunks, err := api.List[api.LogChunk](s.ctx, s.Client, api.ViewRunLogs, api.Where("run_id", run.ID).Order("first_seq").Limit(1))
		if err != nil {
			return err
		}
		if len(chunks) == 0 {
			return fmt.Errorf("run %s has no log", run.ID)
		}
		took = append(took, chunks[0].CreatedAt.Sub(run.CreatedAt))
		time.Sleep(dispatchPause * time.Millisecond)
	}
	s.add(fmt.Sprintf("idle dispatch, queued → first output durable, p50 of %d", dispatches), "≤ 60 ms", "%s", ms(quantile(took, 0.5)))
	s.add("the same, p99", "≤ 200 ms", "%s", ms(quantile(took, 0.99)))
	return nil
}

// runToEnd queues the one-line script on targets and waits for the end of the run.
func (s *session) runToEnd(targets []string) (api.Run, error) {
	queued, err := s.QueueRun(s.ctx, api.QueueRun{ScriptID: s.scriptID, TargetIDs: targets})
	if err != nil {
		return api.Run{}, err
	}
	for deadline := time.Now().Add(longestWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		run, err := api.One[api.Run](s.ctx, s.Client, api.ViewRuns, api.Where("id", queued.RunID))
		if err != nil || run.Finished() {
			return run, err
		}
	}
	return api.Run{}, fmt.Errorf("run %s did not end within %s", queued.RunID, longestWait)
}

// materialise times one call that makes a run with many targets.
func (s *session) materialise() error {
	pool, err := s.CreatePool(s.ctx, "without agents", "")
	if err != nil {
		return err
	}
	ids, err := s.targets(pool.ID, "far", manyTargets)
	if err != nil {
		return err
	}
	var took []time.Duration
	for range 5 {
		began := time.Now()
		queued, err := s.QueueRun(s.ctx, api.QueueRun{ScriptID: s.scriptID, TargetIDs: ids})
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		if _, err := s.CancelRun(s.ctx, queued.RunID); err != nil {
			return err
		}
	}
	s.add(fmt.Sprintf("%d targets of one run materialised in one call, median of 5", manyTargets), "≤ 100 ms", "%s", ms(quantile(took, 0.5)))
	return nil
}

func (s *session) targets(poolID, prefix string, n int) ([]string, error) {
	ids := make([]string, n)
	for i := range ids {
		made, err := s.CreateTarget(s.ctx, api.NewTarget{Name: fmt.Sprintf("%s %d", prefix, i), Kind: "local", PoolID: poolID})
		if err != nil {
			return nil, err
		}
		ids[i] = made.ID
	}
	return ids, nil
}

// throughput reports how many no-op targets per second one agent sustains; each is a PowerShell session of its own.
func (s *session) throughput() error {
	pool, err := api.One[api.Pool](s.ctx, s.Client, api.ViewPools, api.Where("name", "default"))
	if err != nil {
		return err
	}
	ids, err := s.targets(pool.ID, "near", noOpTargets)
	if err != nil {
		return err
	}
	run, err := s.runToEnd(ids)
	if err != nil {
		return err
	}
	if run.State != "succeeded" {
		return fmt.Errorf("the throughput run ended as %s", run.State)
	}
	rate := float64(noOpTargets) / run.FinishedAt.Sub(run.CreatedAt).Seconds()
	s.add(fmt.Sprintf("no-op targets per second, one agent, run of %d", noOpTargets), "–", "%.1f/s", rate)
	return nil
}
