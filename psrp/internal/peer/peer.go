// Package peer is the server side of PowerShell remoting over the line
// framing, for tests only: a scripted `pwsh -s` that is stricter than the real
// one. It ends at the first thing a client must not do, and says what it was.
//
// Only _test files may import it.
package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/stdio"
)

// ErrEOF is the end of a server whose input ended; a real one exits with 160.
var ErrEOF = errors.New("end of input")

// A Handler plays one pipeline. When it returns without having sent a state,
// Completed follows, or Stopped if it was signalled.
type Handler func(p *Pipeline)

// Config scripts a server.
type Config struct {
	In     io.Reader
	Out    io.Writer
	Stderr io.Writer // nil: discarded

	Handle Handler

	Version  string        // protocol version it answers with; "" means min(2.3, client's)
	Fragment int           // size of its fragments; 0 means 32 KiB
	Cut      int           // bytes of fragments per Data line; 0 means one fragment per line
	AckDelay time.Duration // holds each ack back, which shows what does not wait for it

	// OnOpen replaces the answer to INIT_RUNSPACEPOOL.
	OnOpen func(s *Server)
	// OnMessage sees each message of the pool first; true means it was dealt with.
	OnMessage func(s *Server, m psrp.Message) bool
	// NoMemory keeps the server from recording what it receives.
	NoMemory bool

	// OnLine sees each line first; true means it was dealt with.
	OnLine func(s *Server, l stdio.Line) bool
}

// A Server is one scripted server.
type Server struct {
	config Config
	ids    atomic.Uint64
	wg     sync.WaitGroup

	outMu sync.Mutex
	out   *bufio.Writer

	mu        sync.Mutex
	pool      psrp.GUID
	inbox     psrp.Defragmenter
	pipelines map[psrp.GUID]*Pipeline
	unacked   map[psrp.GUID]bool
	closed    map[psrp.GUID]bool
	received  []psrp.Message
	lines     []stdio.Line
	violation error
	key       sessionKey
}

// New makes a server; Serve runs it.
func New(c Config) *Server {
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Fragment == 0 {
		c.Fragment = 32 << 10
	}
	s := &Server{config: c, out: bufio.NewWriterSize(c.Out, 64<<10)}
	s.reset()
	return s
}

func (s *Server) reset() {
	s.inbox = psrp.Defragmenter{}
	s.pipelines = make(map[psrp.GUID]*Pipeline)
	s.unacked = make(map[psrp.GUID]bool)
	s.closed = make(map[psrp.GUID]bool)
	s.key = sessionKey{}
}

// Serve reads to the end. It returns ErrEOF or the client's mistake.
func (s *Server) Serve() error {
	defer s.wg.Wait()
	defer s.stopAll()
	reader := bufio.NewReaderSize(s.config.In, 64<<10)
	for {
		text, err := reader.ReadString('\n')
		if err != nil || len(text) <= 1 {
			s.closeState()
			return ErrEOF
		}
		l, noise, ok, err := stdio.ParseLine([]byte(text))
		if err != nil || !ok || len(noise) > 0 {
			return fmt.Errorf("not a line of the protocol: %.80q", text)
		}
		if err := s.line(l); err != nil {
			return err
		}
	}
}

func (s *Server) line(l stdio.Line) error {
	s.mu.Lock()
	if !s.config.NoMemory {
		s.lines = append(s.lines, stdio.Line{Kind: l.Kind, Target: l.Target, Stream: l.Stream})
	}
	violation := s.violation
	s.mu.Unlock()
	if violation != nil {
		return violation
	}
	if s.config.OnLine != nil && s.config.OnLine(s, l) {
		return nil
	}
	switch l.Kind {
	case stdio.Data:
		return s.data(l)
	case stdio.Command:
		return s.command(l.Target)
	case stdio.Signal:
		return s.signal(l.Target)
	case stdio.Close:
		return s.close(l.Target)
	}
	return fmt.Errorf("client sent %s", l.Kind)
}

// Ack sends an acknowledgement, after AckDelay in the background.
func (s *Server) Ack(kind stdio.Kind, target psrp.GUID, before func()) {
	send := func() {
		if before != nil {
			before()
		}
		s.Write(stdio.Line{Kind: kind, Target: target})
	}
	if s.config.AckDelay == 0 {
		send()
		return
	}
	s.wg.Go(func() {
		<-time.After(s.config.AckDelay)
		send()
	})
}

// Write writes a line.
func (s *Server) Write(l stdio.Line) { s.WriteRaw(stdio.AppendLine(nil, l)) }

// WriteRaw writes bytes as they are and flushes.
func (s *Server) WriteRaw(b []byte) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	_, _ = s.out.Write(b)
	_ = s.out.Flush()
}

// Send sends a message whose body is v, or empty for nil.
func (s *Server) Send(t psrp.MessageType, pipeline psrp.GUID, v any) {
	body := []byte("\xef\xbb\xbf")
	if v != nil {
		var err error
		if body, err = clixml.Append(body, v); err != nil {
			panic(err)
		}
	}
	s.SendBody(t, pipeline, body)
}

// SendBody sends a message with that body.
func (s *Server) SendBody(t psrp.MessageType, pipeline psrp.GUID, body []byte) {
	m := psrp.Message{Destination: psrp.ToClient, Type: t, Pipeline: pipeline, Body: body}
	if t != psrp.MsgSessionCapability {
		m.Pool = s.pool
	}
	var wire []byte
	for _, f := range psrp.Split(s.ids.Add(1), psrp.AppendMessage(nil, m), s.config.Fragment) {
		if s.config.Cut == 0 {
			wire = stdio.AppendLine(wire, stdio.Line{Kind: stdio.Data, Target: pipeline, Data: f})
			continue
		}
		for len(f) > 0 {
			n := min(s.config.Cut, len(f))
			wire = stdio.AppendLine(wire, stdio.Line{Kind: stdio.Data, Target: pipeline, Data: f[:n]})
			f = f[n:]
		}
	}
	s.outMu.Lock()
	defer s.outMu.Unlock()
	_, _ = s.out.Write(wire)
	if t != psrp.MsgPipelineOutput || s.out.Buffered() > 32<<10 {
		_ = s.out.Flush()
	}
}

// Flush writes out what output is buffered.
func (s *Server) Flush() { s.WriteRaw(nil) }

// State sends a pool state.
func (s *Server) State(n int32) {
	s.Send(psrp.MsgRunspacePoolState, psrp.GUID{}, clixml.NewBag(clixml.Property{Name: "RunspaceState", Value: n}))
}

// Received gives the messages received so far.
func (s *Server) Received() []psrp.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]psrp.Message{}, s.received...)
}

// Lines gives the lines received so far, without data.
func (s *Server) Lines() []stdio.Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]stdio.Line{}, s.lines...)
}
