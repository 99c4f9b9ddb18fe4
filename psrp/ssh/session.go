package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/tail"
	"github.com/epo-dev/epo/psrp/stdio"
)

const (
	// exitWait is how long the end of the output waits for the exit status.
	exitWait = 800 * time.Millisecond
	// errorPrefix begins the lines on standard output with which the engine's
	// SSH mode tells of its own errors, and of its end.
	errorPrefix = "__NamedPipeError__:"
	// remoteErrorPrefix begins what it says about input it cannot read.
	remoteErrorPrefix = "Remote transport error:"
)

// A Session is a PowerShell that runs as subsystem of an SSH server. It carries
// one pool after the other.
type Session struct {
	config  Config
	clients chain
	channel xssh.Channel
	conn    *stdio.Conn
	work    sync.WaitGroup
	tail    tail.Lines

	ready  chan struct{} // closed when conn is set
	exited chan struct{} // closed when the channel has ended
	done   chan struct{} // closed when everything has ended

	mu     sync.Mutex
	code   int
	signal string
	status bool  // code or signal were told
	lost   error // why the connection was given up
}

// Dial connects, authenticates both sides and starts the subsystem. ctx is for
// that only.
func Dial(ctx context.Context, c Config) (*Session, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.ConnectTimeout, ErrConnectTimeout)
	defer cancel()
	clients, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	channel, requests, err := openSubsystem(ctx, clients, c)
	if err != nil {
		clients.close()
		return nil, timely(ctx, err)
	}
	s := &Session{
		config: c, clients: clients, channel: channel,
		ready: make(chan struct{}), exited: make(chan struct{}), done: make(chan struct{}),
	}
	s.start(requests)
	return s, nil
}

// openSubsystem opens a channel and asks for the subsystem in it.
func openSubsystem(ctx context.Context, clients chain, c Config) (xssh.Channel, <-chan *xssh.Request, error) {
	stop := context.AfterFunc(ctx, func() { _ = clients[0].Close() })
	defer stop()
	channel, requests, err := clients.last().OpenChannel("session", nil)
	if err != nil {
		return nil, nil, &ConnectError{Host: c.hostPort(), Stage: "open a session on", Err: err}
	}
	name := struct{ Name string }{c.Subsystem}
	ok, err := channel.SendRequest("subsystem", true, xssh.Marshal(&name))
	switch {
	case err != nil:
		return nil, nil, &ConnectError{Host: c.hostPort(), Stage: "start the subsystem on", Err: err}
	case !ok:
		return nil, nil, &SubsystemError{Host: c.hostPort(), Subsystem: c.Subsystem}
	}
	return channel, requests, nil
}

// start starts what runs beside.
func (s *Session) start(requests <-chan *xssh.Request) {
	s.conn = stdio.NewConn(stdio.ConnConfig{
		In: &input{channel: s.channel}, Out: s.channel, Noise: s.noise, EndError: s.endError,
		Confidential: true, Logger: s.config.Logger,
	})
	close(s.ready)
	s.work.Go(func() { tail.Read(s.channel.Stderr(), s.stderrLine) })
	if s.config.KeepAlive > 0 {
		s.work.Go(func() {
			keepAlive(s.clients.last(), s.config.KeepAlive, s.config.KeepAliveTries, s.exited, func() { s.lose(ErrKeepAlive) })
		})
	}
	go func() {
		defer close(s.done)
		s.readRequests(requests)
		close(s.exited)
		<-s.conn.Done()
		s.conn.Close()
		s.work.Wait()
		s.clients.close()
	}()
}

// readRequests takes the requests of the channel, which tell how the subsystem
// has ended, until the channel ends.
func (s *Session) readRequests(requests <-chan *xssh.Request) {
	for r := range requests {
		s.mu.Lock()
		switch r.Type {
		case "exit-status":
			var status struct{ Code uint32 }
			if xssh.Unmarshal(r.Payload, &status) == nil {
				s.code, s.status = int(status.Code), true
			}
		case "exit-signal":
			var signal struct {
				Name           string
				Core           bool
				Error, Languag string
			}
			if xssh.Unmarshal(r.Payload, &signal) == nil {
				s.code, s.signal, s.status = -1, signal.Name, true
			}
		}
		s.mu.Unlock()
		if r.WantReply {
			_ = r.Reply(false, nil) // a lost connection shows elsewhere
		}
	}
}

func (s *Session) stderrLine(text string) {
	s.tail.Add(text)
	if s.failed(text) || s.config.Stderr == nil {
		return
	}
	s.config.Stderr(text)
}

// noise takes what came on standard output and is not protocol.
func (s *Session) noise(text []byte) {
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(bytes.TrimSpace(line)), errorPrefix); ok {
			s.tail.Add(rest)
			if s.failed(rest) {
				return
			}
		}
	}
	if s.config.Noise != nil {
		s.config.Noise(text)
	}
}

// failed hands an error of the engine to what was sent last.
func (s *Session) failed(text string) bool {
	rest, ok := strings.CutPrefix(text, remoteErrorPrefix)
	<-s.ready
	return ok && s.conn.Fail(&stdio.RemoteError{Text: tail.Redact(strings.TrimSpace(rest))})
}

// lose gives the connection up.
func (s *Session) lose(err error) {
	s.mu.Lock()
	if s.lost == nil {
		s.lost = err
	}
	s.mu.Unlock()
	_ = s.clients[0].Close() // ends all that goes through it
	_ = s.clients.last().Close()
}

// endError is why the output has ended.
func (s *Session) endError() error {
	timer := time.NewTimer(exitWait)
	defer timer.Stop()
	select {
	case <-s.exited:
	case <-timer.C:
	}
	if err := s.result(false); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// result tells how the session has ended. PowerShell ends with 160 (4000 where
// exit codes are not bytes) at the end of its input, which is success when no
// pool was open.
func (s *Session) result(clean bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case clean && (!s.status || s.code == 0 || s.code == 160 || s.code == 4000) && (s.lost == nil || errors.Is(s.lost, ErrClosed)):
		return nil
	case s.lost != nil:
		return s.lost
	case !s.status:
		return fmt.Errorf("ssh: connection lost: %w", io.ErrUnexpectedEOF)
	}
	return &stdio.ExitError{Code: s.code, Signal: s.signal, Stderr: s.tail.Text(s.config.Redact)}
}

// Transport gives the transport for the next pool: the first one, or another
// after the pool before was closed.
func (s *Session) Transport() psrp.Transport {
	return &transport{Transport: s.conn.Transport(), session: s, heard: make(chan struct{})}
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Wait waits for Done and tells how the session ended: nil when no pool was open
// and it ended in order.
func (s *Session) Wait() error {
	<-s.done
	return s.result(s.conn.Clean())
}

// Close ends the input of the subsystem, which then ends by itself, and drops
// the connection after Config.CloseGrace or when ctx ends. It gives what Wait
// does.
func (s *Session) Close(ctx context.Context) error {
	s.conn.Close()
	timer := time.NewTimer(s.config.CloseGrace)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		s.Kill()
	case <-ctx.Done():
		s.Kill()
	}
	return s.Wait()
}

// Kill drops the connection at once and does not wait. The server then ends the
// input of the subsystem.
func (s *Session) Kill() { s.lose(ErrClosed) }
