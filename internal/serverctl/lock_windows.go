package serverctl

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// errRunning says that another `epo up` holds the data folder.
var errRunning = errors.New("EPO is already running on this data folder")

// lock takes the folder for this process; the system gives it back when the process ends, however it ends.
func (r DataRoot) lock() (*os.File, error) {
	f, err := os.OpenFile(r.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	flags := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY)
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped)); err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, errRunning
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return f, nil
}

func terminate(p *os.Process) error { return p.Kill() }
