package serverctl

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"time"
)

// childConfig describes a process that `epo up` keeps running.
type childConfig struct {
	Name   string
	Path   string
	Args   []string
	Env    []string  // nil is our own environment
	Output io.Writer // both of its output streams; it must be safe for concurrent use
	Logger *slog.Logger
	// Backoff is the pause before a start that follows an unexpected end; it doubles up to MaxBackoff while the child
	// does not stay up for MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Grace is how long the child may take to end by itself once it is told to.
	Grace time.Duration
}

// keepRunning starts the child again whenever it ends, until ctx ends; then it tells it to stop and waits for it. Only a
// start that is impossible (a missing file) is an error.
//
// It keeps its thread: on Linux the kernel ends the child when the thread that started it dies.
func keepRunning(ctx context.Context, c childConfig) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pause := c.Backoff
	for {
		started := time.Now()
		cmd := c.command(ctx)
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start %s: %w", c.Name, err)
		}
		err := cmd.Wait()
		if ctx.Err() != nil {
			return nil
		}
		c.Logger.Warn("child ended, starting it again", "child", c.Name, "error", err, "pause", pause)
		if time.Since(started) > c.MaxBackoff {
			pause = c.Backoff
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, c.MaxBackoff)
	}
}

func (c childConfig) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, c.Output, c.Output
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = c.Grace
	return cmd
}
