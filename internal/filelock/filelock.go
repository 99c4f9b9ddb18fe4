// Package filelock takes advisory locks on files, which the kernel gives back when the process ends, however it ends.
// It is a leaf: the locks of agent, executor and PostgreSQL's data folder and the user's session use it, it imports nothing of EPO. A Lock may be
// released from any goroutine, once.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrHeld says that another process holds the lock.
var ErrHeld = errors.New("held by another process")

// retryEvery is how often Wait asks again; the kernel's blocking form could not be cancelled.
const retryEvery = 10 * time.Millisecond

// Lock is a held lock.
type Lock struct{ file *os.File }

// Try takes the lock at path (made with mode 0600 when missing) or returns ErrHeld at once.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{file: f}, nil
}

// Wait takes the lock at path as soon as it is free, or returns the error of ctx.
func Wait(ctx context.Context, path string) (*Lock, error) {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		l, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		case <-ticker.C:
		}
	}
}

// Release gives the lock back. The file stays: removing it would let two processes hold a lock on two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
