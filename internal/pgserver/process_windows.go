package pgserver

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/epo-dev/epo/internal/account"
)

func childAttributes(*account.Account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// Windows has no signals; pg_ctl speaks to the server through its pipe.
func (p *process) stopFast(home, cluster string) error { return stop(home, cluster, "fast") }
func (p *process) stopNow(home, cluster string) error  { return stop(home, cluster, "immediate") }

func stop(home, cluster, mode string) error {
	return exec.Command(program(home, "pg_ctl"), "stop", "-D", cluster, "-m", mode, "-W").Run()
}

func isReadOnly(error) bool { return false }

func isRoot() bool { return false }

func chown(string, *account.Account) error { return nil }
