//go:build unix

package serverctl

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errRunning says that another `epo up` holds the data folder.
var errRunning = errors.New("EPO is already running on this data folder")

// lock takes the folder for this process; the kernel gives it back when the process ends, however it ends.
func (r DataRoot) lock() (*os.File, error) {
	f, err := os.OpenFile(r.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errRunning
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return f, nil
}

func terminate(p *os.Process) error { return p.Signal(unix.SIGTERM) }
