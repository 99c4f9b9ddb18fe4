package ssh

import (
	"io"
	"sync"

	xssh "golang.org/x/crypto/ssh"
)

// input is the standard input of the subsystem. Its end must not be sent while
// something is being written, and must not wait for that either: a write lasts
// as long as the server takes nothing.
type input struct {
	channel xssh.Channel

	mu      sync.Mutex
	writing bool
	closed  bool
}

// Write writes and then ends the input, if Close was called meanwhile.
func (i *input) Write(b []byte) (int, error) {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return 0, io.ErrClosedPipe
	}
	i.writing = true
	i.mu.Unlock()
	n, err := i.channel.Write(b)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.writing = false
	if i.closed {
		_ = i.channel.CloseWrite() // lost already is fine
	}
	return n, err
}

// Close ends the input only.
func (i *input) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.writing {
		i.closed = true
		return nil
	}
	i.closed = true
	return i.channel.CloseWrite()
}
