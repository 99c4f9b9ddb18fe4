package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// crew takes claimed attempts through their life: content, start, script, upload. It owns their goroutines.
type crew struct {
	config     Config
	client     *api.Client
	link       *link
	logger     *slog.Logger
	table      *table
	spool      *spool
	contents   *contents
	dispatcher *dispatcher
	life       context.Context // of the agent; attempts end with it

	wait sync.WaitGroup
}

// begin enters claims into the table and starts them. Those whose script came with the claim start together, in one call;
// the others each as soon as their script is here.
func (c *crew) begin(claims []api.Claim, asked time.Time) {
	var together []*attempt
	for _, claim := range claims {
		a, err := c.enter(claim, asked)
		if err != nil {
			c.logger.Error("claimed attempt not begun; it goes back to the queue when its lease ends", "run_id", claim.RunID, "attempt_id", claim.AttemptID, "error", err)
			continue
		}
		if len(claim.Script.Content) > 0 {
			together = append(together, a)
			continue
		}
		c.wait.Go(func() { c.start([]*attempt{a}) })
	}
	if len(together) > 0 {
		c.wait.Go(func() { c.start(together) })
	}
}

func (c *crew) enter(claim api.Claim, asked time.Time) (*attempt, error) {
	j, err := c.spool.create(head{
		RunID: claim.RunID, RunTargetID: claim.RunTargetID, AttemptID: claim.AttemptID, AttemptNumber: claim.AttemptNumber,
		FencingToken: claim.FencingToken, ScriptName: claim.Script.Name, TargetName: claim.Target.Name,
	})
	if err != nil {
		return nil, err
	}
	lease := seconds(claim.LeaseSeconds)
	if lease <= 0 {
		lease = firstLease
	}
	a := newAttempt(c.life, claim, j, asked.Add(lease))
	c.table.add(a, true)
	return a, nil
}

// start fetches the scripts, commits the starts, and runs what the server agreed to.
func (c *crew) start(batch []*attempt) {
	scripts := map[string][]byte{}
	for _, a := range batch {
		script, err := c.script(a)
		if err != nil {
			c.logger.Error("script not read from the server", "run_id", a.claim.RunID, "attempt_id", a.id(), "code", api.CodeOf(err), "error", err)
		}
		scripts[a.id()] = script
	}
	outcomes := c.commit(batch)
	for _, a := range batch {
		if o := outcomes[a.id()]; !o.OK {
			c.logger.Info("attempt not started", "run_id", a.claim.RunID, "attempt_id", a.id(), "reason", o.Code)
			c.dispatcher.forget(a)
			continue
		}
		c.wait.Go(func() { c.work(a, scripts[a.id()]) })
	}
}

// script returns the bytes to run, trying again for as long as the lease holds.
func (c *crew) script(a *attempt) (script []byte, err error) {
	c.whileLeased(a, func() bool {
		script, err = c.contents.get(a.life, a.claim.Script)
		return err != nil && (api.Temporary(err) || needsToken(err))
	})
	return script, err
}

// whileLeased repeats try until it returns false, the attempt is lost, its lease has ended, or the agent stops.
func (c *crew) whileLeased(a *attempt, try func() bool) {
	for failures := 1; try(); failures++ {
		pause := backoff(failures)
		if a.lost() || errors.Is(context.Cause(a.run), errStopped) || c.config.Clock.Now().Add(pause).After(a.leased()) {
			return
		}
		select {
		case <-a.life.Done():
			return
		case <-c.config.Clock.After(pause):
		}
	}
}

// commit asks the server to record the starts, until it answers or the leases have ended; a repeat does no harm.
func (c *crew) commit(batch []*attempt) map[string]api.Outcome {
	var info api.AgentInfo
	c.config.Executor.Describe(&info)
	items := make([]api.Start, len(batch))
	outcomes := make(map[string]api.Outcome, len(batch))
	for i, a := range batch {
		items[i] = api.Start{Fence: a.fence(), Isolation: info.Isolation, EngineVersion: info.EngineVersion}
		outcomes[a.id()] = api.Outcome{Code: api.CodeLeaseLost}
	}
	c.whileLeased(batch[0], func() bool {
		answer, err := c.client.StartAttempts(batch[0].life, items)
		c.link.report("start_attempts", err)
		for _, o := range answer {
			outcomes[o.AttemptID] = o
		}
		return err != nil && (api.Temporary(err) || needsToken(err))
	})
	return outcomes
}

// work runs one started attempt and brings its records out, then hands its result over.
func (c *crew) work(a *attempt, script []byte) {
	uploaded := make(chan error, 1)
	c.wait.Go(func() {
		err := c.uploader(a).run()
		if err != nil {
			a.lose(errLost) // a script whose log nobody takes is ended
		}
		uploaded <- err
	})
	result := storable(a.judge(c.execute(a, script)))
	if err := a.journal.saveResult(result); err != nil {
		c.logger.Error("result not written to the disk", "attempt_id", a.id(), "error", err)
	}
	c.table.free(a)
	c.conclude(a, <-uploaded)
}

// conclude decides what happens when an uploader ended.
func (c *crew) conclude(a *attempt, err error) {
	switch {
	case err != nil:
		c.dispatcher.drop(a, err.Error())
	case a.lost():
		c.dispatcher.drop(a, api.CodeLeaseLost)
	case a.life.Err() != nil: // the agent ends; the journal is for the next one
		if err := a.journal.flush(); err != nil {
			c.logger.Error("journal not flushed", "attempt_id", a.id(), "error", err)
		}
	default:
		c.dispatcher.deliver(a)
	}
}

// upload sends the records of an attempt that runs no more.
func (c *crew) upload(a *attempt) {
	c.wait.Go(func() { c.conclude(a, c.uploader(a).run()) })
}

func (c *crew) uploader(a *attempt) *uploader {
	return &uploader{
		attempt: a, client: c.client, clock: c.config.Clock, link: c.link, logger: c.logger,
		interval: c.config.FlushInterval, bytes: c.config.FlushBytes,
	}
}

// execute runs the script, unless there is a reason not to begin.
func (c *crew) execute(a *attempt, script []byte) api.Result {
	if script == nil {
		return failure(api.StateFailed, api.CodeScriptUnavailable, "the script's bytes could not be read from the server; nothing ran")
	}
	if !strings.EqualFold(hexSHA256(script), a.claim.Script.SHA256) {
		return failure(api.StateFailed, api.CodeDigestMismatch, "the script's bytes are not those that the run is about; nothing ran")
	}
	target, err := api.DecodeTarget(a.claim.Target.Kind, a.claim.Target.Options)
	if err != nil {
		return failure(api.StateFailed, api.CodeTargetUnsupported, "this agent cannot serve the target: "+err.Error()+"; nothing ran")
	}
	if !c.config.Clock.Now().Before(a.leased()) {
		return failure(api.StateFailed, api.CodeLeaseLost, "the lease ended before the script began; nothing ran")
	}
	if err := a.journal.markStarted(); err != nil {
		c.logger.Error("attempt not begun: its journal cannot be written", "attempt_id", a.id(), "error", err)
		return failure(api.StateFailed, api.CodeLogSpoolFull, "the agent's disk does not take the log of the run; nothing ran")
	}
	if a.claim.Retryable {
		c.wait.Go(func() { guard(a, c.config.Clock, seconds(a.claim.LeaseSeconds)) })
	}
	c.logger.Info("attempt started", "run_id", a.claim.RunID, "attempt_id", a.id(), "script", a.claim.Script.Name, "target", a.claim.Target.Name)
	defer a.stop(nil)
	return c.config.Executor.Run(a.run, Work{
		AttemptID: a.id(), ScriptName: a.claim.Script.Name, Script: script, SHA256: a.claim.Script.SHA256,
		Parameters: a.claim.Parameters, Timeout: time.Duration(a.claim.TimeoutSeconds) * time.Second,
		Target: target, TargetName: a.claim.Target.Name,
	}, c.emit(a))
}

// emit writes records to the journal. The first one that the disk does not take ends the script.
func (c *crew) emit(a *attempt) func(api.Record) {
	broken := false
	return func(r api.Record) {
		if broken {
			return
		}
		if err := a.journal.append(a.run, r); err != nil {
			broken = true
			c.logger.Error("record not written to the disk; the script is ended", "attempt_id", a.id(), "error", err)
			a.stop(errSpool)
		}
	}
}

// recover takes up what an earlier process left. Scripts that had begun are reported as unknown and never run again.
func (c *crew) recover(journals []*journal) {
	for _, j := range journals {
		a := newAttempt(c.life, api.Claim{}, j, c.config.Clock.Now())
		logger := c.logger.With("run_id", j.head.RunID, "attempt_id", j.head.AttemptID)
		switch {
		case j.status().result != nil:
			logger.Info("attempt of an earlier process: its result is sent")
		case !j.started():
			logger.Info("attempt of an earlier process dropped: its script had not begun; it goes back to the queue when its lease ends")
			c.dispatcher.forget(a)
			continue
		default:
			logger.Warn("attempt of an earlier process: the agent ended while its script ran; it is reported as unknown")
			if err := c.abandon(j); err != nil {
				logger.Error("attempt not reported", "error", err)
				continue
			}
		}
		c.table.add(a, false)
		c.upload(a)
	}
}

// abandon closes the log of a script that nobody watched to its end.
func (c *crew) abandon(j *journal) error {
	const message = "the agent ended while the script ran; how far it came is not known"
	note := api.Record{Seq: j.status().last + 1, Time: c.config.Clock.Now().UTC(), Stream: api.StreamSystem, Text: message}
	return errors.Join(
		j.append(c.life, note),
		j.saveResult(failure(api.StateUnknown, api.CodeAgentRestarted, message)),
	)
}
