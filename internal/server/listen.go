package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// errPlain says why a server does not start.
var errPlain = errors.New("plain HTTP is served on loopback only; give a certificate and key, or listen on 127.0.0.1 or ::1")

// listen opens the address of c, with TLS where there is a certificate. Plain HTTP beyond loopback is refused.
func (c *Config) listen() (net.Listener, error) {
	l := c.Listener
	if l == nil {
		var err error
		l, err = net.Listen("tcp", c.Listen)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on %s: the address is taken; choose another with --listen: %w", c.Listen, err)
		}
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
		}
	}
	if c.TLSCert == "" {
		if !isLoopback(l.Addr()) {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", l.Addr(), errPlain), l.Close())
		}
		return l, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read certificate: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}), nil
}

// isLoopback looks at the address that is really bound: a name may mean anything.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
