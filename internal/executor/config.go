package executor

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/runtime"
)

// Config configures an Executor. Engine and WorkDir are needed.
type Config struct {
	// Engine is the PowerShell to run. Without one, every attempt ends with
	// runtime_missing.
	Engine runtime.Engine
	// WorkDir is where attempts get their directories; it is made if missing.
	// Several executors may share one.
	WorkDir string
	// Account is whom scripts run as; nil means as this process. It takes root.
	Account *account.Account
	// Env is added to the fixed environment of the engine, as NAME=value.
	Env []string

	// WarmMin and WarmMax bound how many processes are kept ready. In between
	// the number follows demand. Both 0: none, every attempt starts cold.
	WarmMin, WarmMax int
	// WarmIdle is after how long without demand one process fewer is kept.
	WarmIdle time.Duration // 0: 5 minutes

	// StopGrace is how long a script may take to end after it was told to.
	StopGrace time.Duration // 0: 10 s
	// OpenTimeout is how long a process may take until a script can start.
	OpenTimeout time.Duration // 0: 60 s
	// Identities is the file that tells whom to be on remote targets, and whose
	// secrets are hidden in everything that is recorded. "" means none.
	Identities string
	// KnownHosts are known_hosts files for SSH targets; those that do not exist are
	// left out.
	KnownHosts []string
	// ProgressInterval is how often the progress of one activity is recorded at
	// most; its end always is. Less than 0: always.
	ProgressInterval time.Duration // 0: 200 ms

	// Width is how many columns formatted text has.
	Width int // 0: 120

	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.WorkDir == "":
		return c, errors.New("executor: WorkDir is not set")
	case c.WarmMin < 0 || c.WarmMax < 0:
		return c, errors.New("executor: negative number of warm processes")
	}
	c.WarmMax = max(c.WarmMax, c.WarmMin)
	c.WarmIdle = cmp.Or(c.WarmIdle, 5*time.Minute)
	c.StopGrace = cmp.Or(c.StopGrace, 10*time.Second)
	c.OpenTimeout = cmp.Or(c.OpenTimeout, 60*time.Second)
	c.Width = cmp.Or(c.Width, 120)
	c.ProgressInterval = cmp.Or(c.ProgressInterval, 200*time.Millisecond)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
