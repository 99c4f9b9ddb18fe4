package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// worker is one engine process with an open pool, for one attempt.
type worker struct {
	executor *Executor
	dir      directory
	tree     *tree
	process  *stdio.Process
	*session // lines are standard error, once attached

	attached chan struct{} // closed by attach
	prepared bool          // PRE ran already, for a script without parameters
}

// startWorker makes a worker whose process is sealed. ctx is for the start.
func (e *Executor) startWorker(ctx context.Context) (*worker, error) {
	name := "a-" + randomName()
	w := &worker{
		executor: e, tree: e.forest.newTree(e.name, name),
		session: newSession(), attached: make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.OpenTimeout)
	defer cancel()
	if err := w.start(ctx, filepath.Join(e.dir, name)); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *worker) start(ctx context.Context, root string) (err error) {
	if w.dir, err = makeDirectory(root, w.executor.config.Account); err != nil {
		return fmt.Errorf("make directory of the engine: %w", err)
	}
	if err := w.startProcess(ctx); err != nil {
		return err
	}
	if err := w.openPool(ctx); err != nil {
		return err
	}
	return w.seal(ctx)
}

func (w *worker) startProcess(ctx context.Context) (err error) {
	if w.process, err = w.tryProcess(ctx); err != nil && w.tree.contained() {
		w.tree.leaveCgroup()
		w.process, err = w.tryProcess(ctx)
	}
	return err
}

func (w *worker) tryProcess(ctx context.Context) (*stdio.Process, error) {
	e := w.executor
	attr := &attributes{}
	w.tree.attr(attr)
	if a := e.config.Account; a != nil {
		runAs(attr, a.UID, a.GID)
	}
	p, err := stdio.Start(ctx, stdio.Config{
		Path: e.engine.Path, Args: e.engine.Args, Dir: w.dir.work, Env: e.environment(w.dir, w.tree.mark),
		SysProcAttr: attr, Stderr: w.stderrLine, Logger: e.config.Logger,
	})
	if err == nil && e.config.Account != nil {
		giveStderr(p.Pid(), e.config.Account.UID)
	}
	return p, err
}

func (w *worker) openPool(ctx context.Context) (err error) {
	w.pool, err = psrp.Open(ctx, w.process.Transport(), psrp.Config{
		HostHandler: w, OpenTimeout: w.executor.config.OpenTimeout, Logger: w.executor.config.Logger,
	})
	return err
}

// seal takes descriptors 0 and 1 away from everything that scripts can reach. A
// process that cannot be sealed is not used.
func (w *worker) seal(ctx context.Context) error {
	if runtime.GOOS == "windows" {
		return nil // handles are not inherited there unless asked for
	}
	out, err := w.quiet(ctx, localScript(sealScript))
	if err != nil {
		return fmt.Errorf("seal the engine: %w", err)
	}
	if len(out) != 1 || textOf(out[0]) != "sealed" {
		return errors.New("seal the engine: it gave no answer")
	}
	return nil
}

// warmUp runs a script of ours as if it were an attempt, and then opens the
// pool anew: the next script finds everything loaded and nothing left behind.
func (w *worker) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.executor.config.OpenTimeout)
	defer cancel()
	path, err := w.dir.write("warm.ps1", []byte(warmScript), w.executor.config.Account)
	if err != nil {
		return fmt.Errorf("warm up the engine: %w", err)
	}
	a := &attempt{executor: w.executor, wrap: wrapScript, path: path, params: []psrp.Parameter{{Name: "Number", Value: int32(2)}}}
	if _, err := w.quiet(ctx, a.prePipeline(w.dir.work)); err != nil {
		return fmt.Errorf("warm up the engine: %w", err)
	}
	if _, err := w.quiet(ctx, a.mainPipeline()); err != nil {
		return fmt.Errorf("warm up the engine: %w", err)
	}
	if err := w.pool.Close(ctx); err != nil {
		return fmt.Errorf("close pool after warm-up: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("warm up the engine: %w", err)
	}
	if err := w.openPool(ctx); err != nil {
		return fmt.Errorf("open pool after warm-up: %w", err)
	}
	return w.ready(ctx)
}

// ready loads what every attempt needs into the session that it will get, and
// runs PRE, which only parameters make necessary once more.
func (w *worker) ready(ctx context.Context) error {
	if _, err := w.quiet(ctx, localScript(readyScript)); err != nil {
		return fmt.Errorf("prepare the session: %w", err)
	}
	a := &attempt{executor: w.executor}
	_, err := a.prepareSession(ctx, w.session, w.dir.work)
	w.prepared = err == nil
	return err
}

// attach begins to pass on what the process writes to standard error.
func (w *worker) attach() { close(w.attached) }

// stderrLine is called by the reader of standard error. It waits until the line
// is taken, which holds up whoever writes; closing the worker drains it.
func (w *worker) stderrLine(line string) {
	select {
	case <-w.attached:
		w.lines <- line
	default:
		w.executor.config.Logger.Debug("executor: engine wrote to standard error", "line", line)
	}
}

// alive tells whether the process and its pool can still be used.
func (w *worker) alive() bool {
	select {
	case <-w.process.Done():
		return false
	case <-w.pool.Done():
		return false
	default:
		return true
	}
}

// kill ends the process and everything that it started.
func (w *worker) kill() {
	if w.process == nil {
		return
	}
	if err := w.tree.kill(); err != nil {
		w.executor.config.Logger.Error("executor: processes of an attempt are left", "error", err)
	}
	w.process.Kill()
	<-w.process.Done()
}

// closeWait bounds the tidying of a pool whose process is dead.
const closeWait = 5 * time.Second

// close kills the process and removes its directory. Nobody may read w.lines
// any more.
func (w *worker) close() {
	done := make(chan struct{})
	go w.drain(done)
	w.kill()
	close(done)
	if w.pool != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait) // clean-up outlives its attempt
		defer cancel()
		_ = w.pool.Close(ctx) // broken with its process
	}
	w.tree.remove()
	if w.dir.root == "" {
		return
	}
	if err := removeAll(w.dir.root); err != nil {
		w.executor.config.Logger.Warn("executor: directory is left behind", "dir", w.dir.root, "error", err)
	}
}

func (w *worker) drain(done <-chan struct{}) {
	for {
		select {
		case <-w.lines:
		case <-done:
			return
		}
	}
}
