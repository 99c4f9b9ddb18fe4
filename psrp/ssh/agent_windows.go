package ssh

import (
	"context"
	"io"
	"os"
)

// dialAgent opens the named pipe of the Windows ssh-agent.
func dialAgent(_ context.Context, pipe string) (io.ReadWriteCloser, error) {
	return os.OpenFile(pipe, os.O_RDWR, 0)
}
