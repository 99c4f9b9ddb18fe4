package executor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/filelock"
	"github.com/epo-dev/epo/internal/runtime"
)

// Executor runs scripts. It may be used from any number of goroutines; each
// Run has a process of its own. It must be closed.
type Executor struct {
	config Config
	engine runtime.Engine // as the account reaches it
	name   string         // of dir and of the forest
	dir    string         // below WorkDir, for this executor only
	lock   *filelock.Lock // tells others that dir is in use
	forest *forest
	warm   *warmPool

	inspectors inspectors // keeps the process that parses

	maskers maskers

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	active    sync.WaitGroup // Runs and starting processes
	closeOnce sync.Once

	mu     sync.Mutex
	closed bool
}

// sessionPrefix begins the names of executors' directories.
const sessionPrefix = "x-"

// New prepares the work directory, clears away what executors that are gone
// left there, and begins to warm processes.
func New(c Config) (*Executor, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Executor{config: c, engine: c.Engine}
	if err := e.makeDir(); err != nil {
		return nil, fmt.Errorf("prepare work directory: %w", err)
	}
	if err := e.reachEngine(); err != nil {
		e.removeDir()
		return nil, err
	}
	e.forest = newForest(e.name)
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.warm = newWarmPool(e)
	e.warm.fill()
	return e, nil
}

func (e *Executor) makeDir() error {
	work, err := filepath.Abs(e.config.WorkDir)
	if err != nil {
		return err
	}
	e.config.WorkDir = work
	// Others may pass through to what is theirs, but not look around.
	if err := os.MkdirAll(work, 0o711); err != nil {
		return err
	}
	if e.config.Account != nil {
		if err := os.Chmod(work, 0o711); err != nil {
			return err
		}
	}
	removeStaleSessions(work)
	e.name = sessionPrefix + randomName()
	e.dir = filepath.Join(work, e.name)
	if e.lock, err = filelock.Try(e.dir + ".lock"); err != nil {
		return err
	}
	if err := os.Mkdir(e.dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(e.dir, 0o755) // whatever the umask
}

// removeStaleSessions clears away directories and processes of executors that
// ended without doing so. It tells whether others use the directory.
func removeStaleSessions(workDir string) (used bool) {
	entries, _ := os.ReadDir(workDir)
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".lock")
		if !ok || !strings.HasPrefix(name, sessionPrefix) {
			continue
		}
		path := filepath.Join(workDir, entry.Name())
		lock, err := filelock.Try(path)
		if err != nil {
			used = true
			continue
		}
		removeStale(name)
		if err := removeAll(strings.TrimSuffix(path, ".lock")); err == nil {
			_ = os.Remove(path)
		}
		_ = lock.Release()
	}
	return used
}

// reachEngine makes the engine readable for the account.
func (e *Executor) reachEngine() error {
	a := e.config.Account
	if a == nil || !e.engine.Found() {
		return nil
	}
	if err := a.Reach(e.dir); err != nil {
		return fmt.Errorf("work directory %s: %w", e.config.WorkDir, err)
	}
	paths := append([]string{e.engine.Path}, e.engine.Args...)
	if e.engine.Home != "" {
		paths = append(paths, filepath.Join(e.engine.Home, "Modules"))
	}
	for _, p := range paths {
		if a.Reach(p) != nil {
			staged, err := runtime.Stage(e.engine, e.config.WorkDir)
			e.engine = staged
			return err
		}
	}
	return nil
}

// Isolation tells whether scripts run as an account of their own: "account" or
// "none".
func (e *Executor) Isolation() string {
	if e.config.Account != nil {
		return "account"
	}
	return "none"
}

// Warm tells how many processes are ready at this moment.
func (e *Executor) Warm() int { return e.warm.ready() }

// Close stops what still runs, waits for it, and removes every directory and
// process of the executor.
func (e *Executor) Close() {
	e.closeOnce.Do(func() {
		e.mu.Lock()
		e.closed = true
		e.mu.Unlock()
		e.cancel()
		e.warm.close()
		e.active.Wait()
		e.forest.remove()
		e.removeDir()
	})
}

func (e *Executor) removeDir() {
	if err := removeAll(e.dir); err != nil {
		e.config.Logger.Warn("executor: directory is left behind", "dir", e.dir, "error", err)
		_ = e.lock.Release()
		return
	}
	_ = os.Remove(e.dir + ".lock")
	_ = e.lock.Release()
}

// Request is one attempt.
type Request struct {
	AttemptID  string // for logs
	ScriptName string // becomes the name of the file; ".ps1" is added
	Script     []byte
	SHA256     string // hex; "" means it is not checked
	Parameters []byte // a JSON object, or empty
	Timeout    time.Duration
	Target     api.TargetSpec // the zero value is this machine
	TargetName string         // chooses an identity
	// MaxOutput ends the script with output_overflow when text and objects
	// together become larger, in bytes. 0: no limit.
	MaxOutput int64
	// MaxStream is how many bytes each stream may have. What is more is left out,
	// as a system record then says; the script goes on. 0: no limit.
	MaxStream int64
}

// Run runs a script and returns how it ended, when every process it started is
// gone. When ctx ends the script is stopped and the result is cancelled, unless
// it ended by itself at that moment. Run does not panic.
func (e *Executor) Run(ctx context.Context, r Request, emit Emit) (result api.Result) {
	defer func() {
		if p := recover(); p != nil {
			e.config.Logger.Error("executor: panic", "attempt_id", r.AttemptID, "panic", p, "stack", string(debug.Stack()))
			result = failure(api.CodeInternal, "the executor failed; its log tells more")
		}
	}()
	if !e.begin() {
		return failure(api.CodeInternal, "the executor is closed")
	}
	defer e.active.Done()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(e.ctx, stop)()
	a := &attempt{
		executor: e, request: r, wrap: wrapScript,
		recorder: &recorder{
			emit: emit, now: e.config.Now, limit: r.MaxOutput, caps: streamCaps{limit: r.MaxStream},
			throttle: progressThrottle{interval: e.config.ProgressInterval},
		},
	}
	return a.recorder.result(a.run(ctx))
}

// begin counts a Run, unless the executor is closed.
func (e *Executor) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.active.Add(1)
	}
	return !e.closed
}

func failure(code, message string) api.Result {
	return api.Result{State: api.StateFailed, Error: &api.ErrorInfo{Code: code, Message: message}}
}

func randomName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
