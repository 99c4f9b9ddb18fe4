// Package tail keeps the last of what an engine writes to its standard error,
// without what should not be shown. The transports that have such a stream use
// it.
package tail

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
)

// size is how many bytes are kept.
const size = 2000

// Lines are the last lines that were added, up to 2,000 bytes. The zero value
// is empty and ready. It may be used by several goroutines.
type Lines struct {
	mu    sync.Mutex
	lines []string
	bytes int
}

// Add adds a line.
func (l *Lines) Add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text = text[max(0, len(text)-size):]
	l.lines = append(l.lines, text)
	l.bytes += len(text)
	for l.bytes > size && len(l.lines) > 1 {
		l.bytes -= len(l.lines[0])
		l.lines = l.lines[1:]
	}
}

// Text gives the lines redacted, by Redact and then by more, which may be nil.
func (l *Lines) Text(more func(string) string) string {
	l.mu.Lock()
	text := Redact(strings.Join(l.lines, "\n"))
	l.mu.Unlock()
	if more != nil {
		text = more(text)
	}
	return text
}

var packet = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/]{64,}={0,2}`) })

// Redact hides what may be packet content or an encrypted value.
func Redact(text string) string { return packet().ReplaceAllString(text, "[hidden]") }

// Read calls line for each line of r that is not empty, without its end, until
// r ends. Lines of more than 64 KiB come in pieces.
func Read(r io.Reader, line func(text string)) {
	reader := bufio.NewReaderSize(r, 64<<10)
	for {
		part, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		if text := strings.TrimRight(string(part), "\r\n"); text != "" {
			line(text)
		}
		if err != nil {
			return
		}
	}
}
