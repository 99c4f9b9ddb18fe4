package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

const lockFile = "agent.lock"

// ErrRunning says that another agent works on the same state folder.
var ErrRunning = errors.New("another agent is running")

// Work is one attempt as an Executor needs it.
type Work struct {
	AttemptID  string
	ScriptName string
	Script     []byte
	SHA256     string          // hex; the agent has compared it with Script
	Parameters json.RawMessage // an object, or empty
	Timeout    time.Duration   // 0: none
	Target     api.TargetSpec  // where it runs
	TargetName string          // names the identity where the target names none
}

// Executor runs scripts.
type Executor interface {
	// Run executes one script and returns when its whole process tree is gone. It calls emit in order, from one goroutine,
	// with seq 1, 2, … and never after it returned. The end of ctx is a request to stop. It never panics.
	Run(ctx context.Context, w Work, emit func(api.Record)) api.Result
	// InspectScript lets PowerShell's parser read a script and runs no line of it. With an Error in the result another agent
	// may try. Both inspections return when ctx ends, and never panic.
	InspectScript(ctx context.Context, script []byte) api.InspectedScript
	// InspectTarget tests the connection to a target. An error says that the test itself failed, and nothing is known.
	InspectTarget(ctx context.Context, target api.ClaimedTarget) (api.ConnectionResult, *api.ErrorInfo)
	// Describe fills in what the executor knows: isolation, engine version, warm processes.
	Describe(info *api.AgentInfo)
}

// Config is what an Agent needs. StateDir and Executor are required.
type Config struct {
	StateDir string
	Executor Executor

	Server   string       // empty: the one it was enrolled at
	HTTP     *http.Client // nil: api's own
	Capacity int          // attempts at once; 0 means two per CPU, between 2 and 16
	Logger   *slog.Logger // nil: slog.Default
	Clock    Clock        // nil: SystemClock

	Poll          time.Duration // how often to claim without a wake; 0 means 1 s
	WaitTimeout   time.Duration // of one call of /agent/wait; 0 means 25 s
	Heartbeat     time.Duration // longest pause between renewals; 0 means a third of the lease, at most 5 s while scripts run
	FlushInterval time.Duration // records are sent at least this often; 0 means 100 ms
	FlushBytes    int           // or when so many wait; 0 means 256 KiB
	SpoolBytes    int64         // a script waits when so many bytes of it wait for the server; 0 means 64 MiB
	DrainTimeout  time.Duration // how long a stop waits for scripts; 0 means 30 s, below 0 not at all
	FinishTimeout time.Duration // how long a stop then waits for their results to arrive; 0 means 10 s
}

func (c Config) withDefaults() (Config, error) {
	if c.StateDir == "" || c.Executor == nil {
		return c, errors.New("agent: state folder and executor are required")
	}
	if c.Capacity < 0 || c.Capacity > 1000 {
		return c, fmt.Errorf("agent: capacity %d: want 1 to 1000", c.Capacity)
	}
	setDefault(&c.Capacity, min(max(2*runtime.NumCPU(), 2), 16))
	setDefault(&c.Poll, time.Second)
	setDefault(&c.WaitTimeout, 25*time.Second)
	setDefault(&c.FlushInterval, 100*time.Millisecond)
	setDefault(&c.FlushBytes, 256<<10)
	setDefault(&c.SpoolBytes, 64<<20)
	setDefault(&c.DrainTimeout, 30*time.Second)
	setDefault(&c.FinishTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = SystemClock{}
	}
	return c, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Lives below the state folder.
func (c Config) spoolDir() string { return filepath.Join(c.StateDir, "spool") }
