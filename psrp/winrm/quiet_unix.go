//go:build unix

package winrm

import (
	"net"
	"syscall"
)

// quiet tells whether there is nothing to read on a connection, not even its
// end. It does not wait. What it may have read is lost: the connection is then
// not to be used.
func quiet(c net.Conn) bool {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		nothing = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && nothing
}
