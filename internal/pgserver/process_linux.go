package pgserver

import (
	"syscall"

	"github.com/epo-dev/epo/internal/account"
)

// childAttributes keeps the terminal's ^C away from the child (we end it in our own order) and has the kernel ask it for
// a fast, clean shutdown when we are gone, however that came about.
func childAttributes(as *account.Account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT, Credential: credential(as)}
}
