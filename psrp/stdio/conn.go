package stdio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/tail"
)

const (
	// maxLine is the longest line that is accepted. Engines send fragments of
	// 32 KiB, 44 KB in base64.
	maxLine = 4 << 20
	// maxNoise is how much that is not protocol may come before the first packet.
	maxNoise = 64 << 10
	// brokenInput is how long a connection that cannot be written to any more
	// may still be read, to learn why.
	brokenInput = time.Second
)

// ConnConfig configures a Conn.
type ConnConfig struct {
	// In is where lines are written; closing it ends the server.
	In io.WriteCloser
	// Out is where lines are read. The Conn reads until its end.
	Out io.Reader
	// Noise, if set, is told each piece of output that is not protocol, at most
	// 4 MiB of it. It must return soon.
	Noise func(text []byte)
	// EndError, if set, tells why Out has ended.
	EndError func() error
	// MaxFragment is the size of fragments sent; 0 means 32 KiB.
	MaxFragment int
	// Confidential says that nobody else can read In and Out on their way: pipes
	// to a local process, or an encrypted connection.
	Confidential bool
	Logger       *slog.Logger // nil: nothing is logged
}

// A Conn is one connection in the line framing of PowerShell's server modes
// ([MS-PSRP] has none; `pwsh -s` and the SSH subsystem speak it): one XML
// element per line. It carries one pool after the other.
//
// A Conn has two goroutines: one writes, one reads. The reader waits when
// nobody takes what it has read, which in time stops the server.
type Conn struct {
	config ConnConfig
	lines  chan []byte
	ended  chan struct{} // closed when the reader has ended or was given up
	inDone chan struct{} // closed when nothing can be written any more

	mu      sync.Mutex
	current *transport
	spoiled bool // a pool was left without closing it
	err     error
	endOnce sync.Once
	inOnce  sync.Once
}

// NewConn starts to read and write.
func NewConn(c ConnConfig) *Conn {
	if c.MaxFragment <= 0 {
		c.MaxFragment = 32 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	conn := &Conn{
		config: c,
		lines:  make(chan []byte),
		ended:  make(chan struct{}),
		inDone: make(chan struct{}),
	}
	go conn.writeAll()
	go conn.readAll()
	return conn
}

// Transport gives the transport for the next pool. Where there can be none, its
// first use says so.
func (c *Conn) Transport() psrp.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := newTransport(c)
	switch {
	case c.err != nil:
		t.refuse(c.err)
	case c.current != nil || c.spoiled:
		t.refuse(ErrBusy)
	default:
		c.current = t
	}
	return t
}

// Clean tells whether no pool is open and none was left open.
func (c *Conn) Clean() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current == nil && !c.spoiled
}

// Close ends the input of the server. The reader ends with Out.
func (c *Conn) Close() {
	c.inOnce.Do(func() {
		close(c.inDone)
		_ = c.config.In.Close() // its end is all that matters
	})
}

// Done is closed when reading has ended.
func (c *Conn) Done() <-chan struct{} { return c.ended }

// Fail reports an error that came another way, about what was sent last and has
// not been answered. It tells whether there was any such thing.
func (c *Conn) Fail(err error) bool {
	c.mu.Lock()
	t := c.current
	c.mu.Unlock()
	return t != nil && t.failLast(err)
}

func (c *Conn) writeAll() {
	for {
		select {
		case line := <-c.lines:
			if _, err := c.config.In.Write(line); err != nil {
				c.writeFailed(err)
				return
			}
		case <-c.inDone:
			return
		}
	}
}

// writeFailed leaves the reader a moment to tell why.
func (c *Conn) writeFailed(err error) {
	c.Close()
	select {
	case <-c.ended:
	case <-time.After(brokenInput):
		c.endOnce.Do(func() { c.end(fmt.Errorf("write to engine: %w", err), false) })
	}
}

func (c *Conn) readAll() {
	reader := bufio.NewReaderSize(c.config.Out, 64<<10)
	var seen []byte // what came before the first packet
	err := c.readLines(reader, &seen)
	if err == io.EOF && c.config.EndError != nil {
		err = c.config.EndError()
	}
	err = early(seen, err)
	c.endOnce.Do(func() { c.end(err, true) })
	_, _ = io.Copy(io.Discard, reader) // a server that cannot write does not end
}

// end is the end of the connection for whoever uses it. The inbox of a transport
// is closed by the reader, which alone sends to it.
func (c *Conn) end(err error, reader bool) {
	err = endOfInput(err)
	c.mu.Lock()
	c.err = err
	t := c.current
	c.mu.Unlock()
	if t != nil && reader {
		t.lose(err)
	}
	close(c.ended)
}

// readLines reads to the end or to a line that must not be. What is not
// protocol is limited before the first packet, when it says that there will
// not be one, and skipped afterwards: scripts can write to the stream.
func (c *Conn) readLines(reader *bufio.Reader, seen *[]byte) error {
	var buffer []byte
	packets := false
	for {
		line, err := readLine(reader, buffer[:0])
		if err != nil {
			return err
		}
		buffer = line
		l, noise, ok, err := ParseLine(line)
		if err != nil {
			return err
		}
		if len(noise) > 0 {
			c.noise(noise)
		}
		if len(noise) > 0 && !packets {
			*seen = append(append(*seen, noise...), '\n')
		}
		if len(*seen) > maxNoise {
			return ErrNoise
		}
		if ok {
			packets, *seen = true, nil
			c.dispatch(l)
		}
	}
}

// early adds to the end of a connection that brought no packet what it brought.
func early(seen []byte, err error) error {
	if len(seen) == 0 {
		return err
	}
	const most = 500
	text := tail.Redact(string(bytes.ToValidUTF8(seen[:min(most, len(seen))], []byte("?"))))
	if errors.Is(err, ErrNoise) {
		return fmt.Errorf("%w: %q", ErrNoise, text)
	}
	return fmt.Errorf("%w, but %q: %w", ErrNoise, text, endOfInput(err))
}

// endOfInput is err, where io.EOF would mean an orderly end.
func endOfInput(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *Conn) noise(text []byte) {
	c.config.Logger.Debug("stdio: output that is not protocol", slog.Int("bytes", len(text)))
	if c.config.Noise != nil {
		c.config.Noise(bytes.Clone(text))
	}
}

// readLine reads one line into buffer. A last line without an end is lost: it
// cannot be complete.
func readLine(reader *bufio.Reader, buffer []byte) ([]byte, error) {
	for {
		part, err := reader.ReadSlice('\n')
		if len(buffer)+len(part) > maxLine {
			return nil, lineError("line is longer than %d bytes", maxLine)
		}
		buffer = append(buffer, part...)
		if err == nil {
			return buffer, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// dispatch hands a line to the pool that is open. After the ack of its Close
// the process is free for the next pool.
func (c *Conn) dispatch(l Line) {
	c.mu.Lock()
	t := c.current
	last := t != nil && l.Kind == CloseAck && l.Target.IsZero() && t.closingPool()
	if last {
		c.current = nil
	}
	c.mu.Unlock()
	if t == nil {
		c.config.Logger.Debug("stdio: line without a pool", slog.String("kind", string(l.Kind)))
		return
	}
	t.deliver(l)
	if last {
		t.lose(io.EOF)
	}
}

// spoil gives up a pool that was not closed. The server cannot be used again,
// so its input ends.
func (c *Conn) spoil(t *transport) {
	c.mu.Lock()
	mine := c.current == t
	if mine {
		c.current, c.spoiled = nil, true
	}
	c.mu.Unlock()
	if mine {
		c.Close()
	}
}
