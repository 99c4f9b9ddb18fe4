//go:build unix

package pgserver

import (
	"errors"
	"os"
	"syscall"

	"github.com/epo-dev/epo/internal/account"
)

func credential(as *account.Account) *syscall.Credential {
	if as == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(as.UID), Gid: uint32(as.GID)}
}

// stopFast asks for a clean shutdown that ends sessions; stopNow for one that leaves recovery to the next start.
func (p *process) stopFast(string, string) error { return p.signal(syscall.SIGINT) }
func (p *process) stopNow(string, string) error  { return p.signal(syscall.SIGQUIT) }

func (p *process) signal(s os.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

func isRoot() bool { return os.Geteuid() == 0 }

func chown(path string, as *account.Account) error {
	if as == nil {
		return nil
	}
	return os.Lchown(path, as.UID, as.GID)
}
