package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// batch is what one append_log carries.
type batch struct {
	first int64
	count int
	chunk []byte
}

// next reads the records after the last confirmed one: at least one if there is any, then as many as fit.
func (j *journal) next(maxBytes, maxRecords int) (batch, error) {
	j.mu.Lock()
	last, from := j.last, j.read
	j.mu.Unlock()
	b := batch{first: from.seq}
	for from.seq <= last && b.count < maxRecords && len(b.chunk) < maxBytes {
		more, err := j.readSegment(&from, &b, last, maxBytes, maxRecords)
		if err != nil {
			return batch{}, fmt.Errorf("read journal: %w", err)
		}
		if !more {
			break
		}
	}
	j.mu.Lock()
	j.ahead = from
	j.mu.Unlock()
	return b, nil
}

// readSegment adds records of the segment that c lies in; true when the batch has room and the next segment begins at c.
func (j *journal) readSegment(c *cursor, b *batch, last int64, maxBytes, maxRecords int) (bool, error) {
	file, err := os.Open(j.segmentPath(c.first))
	if err != nil {
		return false, err
	}
	defer file.Close()
	frames := newFrameReader(io.NewSectionReader(file, c.offset, 1<<62), c.offset)
	for c.seq <= last && b.count < maxRecords {
		size := len(b.chunk)
		b.chunk, err = frames.next(b.chunk)
		if errors.Is(err, io.EOF) {
			c.first, c.offset = c.seq, 0
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if len(b.chunk) > maxBytes && b.count > 0 {
			b.chunk = b.chunk[:size]
			return false, nil
		}
		c.seq, c.offset = c.seq+1, frames.offset
		b.count++
	}
	return false, nil
}

// confirm says that the server has stored everything before next; it may lie ahead of what was sent, or behind it. What
// is stored is removed from the disk, segment by segment. An error means that records the server wants are gone.
func (j *journal) confirm(next int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segments) > 0 && next < j.segments[0].first {
		return fmt.Errorf("the server wants record %d, and the journal begins with %d", next, j.segments[0].first)
	}
	if next > j.last+1 {
		j.skipTo(next)
	}
	j.sent = next - 1
	if err := j.seek(next); err != nil {
		return fmt.Errorf("seek record %d: %w", next, err)
	}
	j.count()
	j.dropStored()
	close(j.drained)
	j.drained = make(chan struct{})
	return nil
}

// skipTo makes seq the next record: the server knows more than a journal that lost its tail in a power cut.
func (j *journal) skipTo(seq int64) {
	if j.out != nil {
		j.out.Close()
		j.out = nil
	}
	for _, s := range j.segments {
		os.Remove(j.segmentPath(s.first))
	}
	j.segments, j.ahead, j.last = nil, cursor{}, seq-1
}

// seek puts the read cursor on the record seq; most of the time that is where the last batch ended.
func (j *journal) seek(seq int64) error {
	i := j.segmentOf(seq)
	if i < 0 {
		j.read = cursor{seq: seq, first: seq}
		return nil
	}
	first := j.segments[i].first
	if j.ahead.seq == seq && j.ahead.first == first {
		j.read = j.ahead
		return nil
	}
	c := j.read
	if c.first != first || c.seq > seq {
		c = cursor{seq: first, first: first}
	}
	if err := j.skip(&c, seq); err != nil {
		return err
	}
	j.read = c
	return nil
}

// count adds up anew what waits behind the read cursor.
func (j *journal) count() {
	j.unsent = 0
	for _, s := range j.segments {
		if s.first > j.read.first {
			j.unsent += s.bytes
		} else if s.first == j.read.first {
			j.unsent += max(s.bytes-j.read.offset, 0)
		}
	}
}

// skip reads c forward to the record seq.
func (j *journal) skip(c *cursor, seq int64) error {
	if c.seq == seq {
		return nil
	}
	file, err := os.Open(j.segmentPath(c.first))
	if err != nil {
		return err
	}
	defer file.Close()
	frames := newFrameReader(io.NewSectionReader(file, c.offset, 1<<62), c.offset)
	var buf []byte
	for c.seq < seq {
		if buf, err = frames.next(buf[:0]); errors.Is(err, io.EOF) {
			c.first, c.offset, c.seq = seq, 0, seq
			return nil
		} else if err != nil {
			return err
		}
		c.seq, c.offset = c.seq+1, frames.offset
	}
	return nil
}

// segmentOf returns the index of the segment that holds seq, or would hold it next; -1 when there is none.
func (j *journal) segmentOf(seq int64) int {
	for i := len(j.segments) - 1; i >= 0; i-- {
		if j.segments[i].first <= seq {
			return i
		}
	}
	return -1
}

// dropStored removes closed segments whose every record is stored.
func (j *journal) dropStored() {
	for len(j.segments) > 1 && j.segments[1].first <= j.sent+1 {
		os.Remove(j.segmentPath(j.segments[0].first))
		j.segments = j.segments[1:]
	}
}
