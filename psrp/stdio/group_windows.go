package stdio

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// group is a job object: all its processes die with its last handle, which is
// in this process, so also when this process dies.
type group struct {
	mu  sync.Mutex
	job syscall.Handle
}

func newGroup() (*group, error) {
	job, err := createJob()
	if err != nil {
		return nil, fmt.Errorf("create job object: %w", err)
	}
	return &group{job: job}, nil
}

// start starts cmd and puts it into the job. An engine starts nothing of its
// own before it gets input, so nothing escapes in between.
func (g *group) start(cmd *exec.Cmd, attr *syscall.SysProcAttr) error {
	var own syscall.SysProcAttr
	if attr != nil {
		own = *attr
	}
	own.HideWindow = true
	own.CreationFlags |= createNewProcessGroup
	cmd.SysProcAttr = &own
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := g.assign(uint32(cmd.Process.Pid)); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("assign process to job: %w", err)
	}
	return nil
}

func (g *group) assign(pid uint32) error {
	process, err := syscall.OpenProcess(processSetQuota|processTerminate, false, pid)
	if err != nil {
		return err
	}
	defer syscall.CloseHandle(process)
	return assignToJob(g.job, process)
}

func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		_ = terminateJob(g.job)
	}
}

// close kills what is left in the job.
func (g *group) close() {
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		_ = syscall.CloseHandle(g.job)
		g.job = 0
	}
}

func signalName(*os.ProcessState) string { return "" }
