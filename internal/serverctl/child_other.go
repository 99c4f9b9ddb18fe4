//go:build !linux

package serverctl

import "syscall"

// childAttributes has nothing to add here; the child notices our end by its own means.
func childAttributes() *syscall.SysProcAttr { return nil }
