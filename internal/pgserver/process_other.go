//go:build unix && !linux

package pgserver

import (
	"syscall"

	"github.com/epo-dev/epo/internal/account"
)

func childAttributes(as *account.Account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential(as)}
}
