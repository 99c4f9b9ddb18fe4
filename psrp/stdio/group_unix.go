//go:build unix

package stdio

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// watchdogScript waits for the end of its input, which comes when the process
// that started it is gone. The engine then has a moment to stop what it runs,
// which also reaches native children that left the group; then the group dies.
const watchdogScript = `read -r _; sleep 2; kill -9 0`

// group is the process group of one engine. Its leader is a small shell, the
// watchdog, which kills the group should this process die. (A parent death
// signal would end the engine at once and leave its native children running.)
// As long as the leader is not reaped the number of the group cannot be reused,
// so kill never hits a stranger.
type group struct {
	watchdog *exec.Cmd
	life     *os.File // its end is the end of this process

	mu     sync.Mutex
	closed bool
}

func newGroup() (*group, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.Command("/bin/sh", "-c", watchdogScript)
	cmd.Stdin = read
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	return &group{watchdog: cmd, life: write}, nil
}

// start starts cmd inside the group.
func (g *group) start(cmd *exec.Cmd, attr *syscall.SysProcAttr) error {
	var own syscall.SysProcAttr
	if attr != nil {
		own = *attr
	}
	own.Setpgid, own.Pgid = true, g.watchdog.Process.Pid
	cmd.SysProcAttr = &own
	return cmd.Start()
}

// kill kills every process of the group.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	for {
		err := syscall.Kill(-g.watchdog.Process.Pid, syscall.SIGKILL)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// close kills what is left of the group and reaps the watchdog.
func (g *group) close() {
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	_ = g.watchdog.Wait() // it was killed
	_ = g.life.Close()
}

func signalName(s *os.ProcessState) string {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal().String()
	}
	return ""
}
