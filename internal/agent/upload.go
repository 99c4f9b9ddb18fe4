package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// maxBatchRecords is below what the server takes in one call.
const maxBatchRecords = 5000

// uploader brings one attempt's records to the server: the first at once, then each interval, or sooner when much waits.
type uploader struct {
	attempt *attempt
	client  *api.Client
	clock   Clock
	link    *link
	logger  *slog.Logger

	interval time.Duration
	bytes    int
}

// run sends until every record is stored and the result is known, or the attempt's life ends. An error means that the
// records can never be stored.
func (u *uploader) run() error {
	ctx, j := u.attempt.life, u.attempt.journal
	var pause <-chan time.Time // nil: send at once
	for {
		s := j.status()
		switch {
		case s.done():
			return nil
		case s.sent >= s.last || (pause != nil && s.result == nil && s.unsent < int64(u.bytes)):
			if fired := u.idle(ctx, pause); fired {
				pause = nil
			}
		default:
			if err := u.send(ctx); err != nil {
				return err
			}
			pause = u.clock.After(u.interval)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// idle waits for something new, or for the pause to end, which it reports.
func (u *uploader) idle(ctx context.Context, pause <-chan time.Time) bool {
	select {
	case <-ctx.Done():
	case <-u.attempt.journal.changed:
	case <-pause:
		return true
	}
	return false
}

// send stores one batch, however long the server is away.
func (u *uploader) send(ctx context.Context) error {
	j := u.attempt.journal
	limit := u.bytes
	for failures := 0; ctx.Err() == nil; {
		b, err := j.next(limit, maxBatchRecords)
		if err != nil {
			return err
		}
		next, err := u.client.AppendLog(ctx, api.Append{
			Fence: u.attempt.fence(), FirstSeq: b.first, RecordCount: b.count, Chunk: string(b.chunk),
		})
		if err == nil {
			u.link.report("append_log", nil)
			return j.confirm(next)
		}
		if done, err := u.failed(ctx, err); done {
			return err
		}
		failures++
		u.waitAgain(ctx, failures)
	}
	return nil
}

// failed decides what an error means: done with nil when the next batch may be read, done with an error when there is no
// hope, and not done when the same may succeed later.
func (u *uploader) failed(ctx context.Context, err error) (done bool, _ error) {
	switch expected := api.ExpectedSeq(err); {
	case ctx.Err() != nil:
		return true, nil
	case expected > 0:
		return true, u.attempt.journal.confirm(expected)
	case api.Is(err, api.CodeLeaseLost):
		u.attempt.lose(errLost)
		return true, nil
	case api.Temporary(err) || needsToken(err):
		u.link.report("append_log", err)
		return false, nil
	}
	return true, fmt.Errorf("append log: %w", err)
}

// needsToken reports whether the call was turned down for its token: another service of the agent settles that.
func needsToken(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeAgentRevoked, api.CodeAssertionInvalid, api.CodePrincipalDisabled:
		return true
	}
	return api.Status(err) == 401
}

// waitAgain pauses before another try. What has to wait is brought to the disk first.
func (u *uploader) waitAgain(ctx context.Context, failures int) {
	if err := u.attempt.journal.flush(); err != nil {
		u.logger.Warn("journal not flushed", "attempt_id", u.attempt.id(), "error", err)
	}
	select {
	case <-ctx.Done():
	case <-u.clock.After(backoff(failures)):
	}
}

// backoff is the pause after so many failures in a row.
func backoff(failures int) time.Duration {
	return api.Retry{Base: 100 * time.Millisecond, Max: 3 * time.Second}.Wait(failures)
}
