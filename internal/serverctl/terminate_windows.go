package serverctl

import "os"

// terminate ends a process; Windows has no way to ask one of another console.
func terminate(p *os.Process) error { return p.Kill() }
