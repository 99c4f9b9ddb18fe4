package pgserver

import (
	"os"
	"os/exec"
	"runtime"

	"github.com/epo-dev/epo/internal/account"
)

// process is a running child. On Linux it gets SIGINT when we die.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and err is set
	err  error
}

// launch starts a program with both of its output streams on log. The goroutine that waits for it keeps its thread,
// because the kernel ties the child's death signal to the thread that started it.
func launch(as *account.Account, log *os.File, path string, args ...string) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Dir = string(os.PathSeparator)
	cmd.Env = childEnv()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes(as)

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	return p, <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// childEnv is all a server needs; nothing of ours, secrets least of all, gets into its environment.
func childEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "SystemRoot", "TEMP", "TMP"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
