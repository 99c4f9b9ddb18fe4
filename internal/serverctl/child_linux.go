package serverctl

import "syscall"

// childAttributes puts the child into a process group of its own, so that Ctrl-C reaches us alone and we stop things in
// order, and has the kernel end it when the thread that started it dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
