package agent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A segment is one file of a journal: frames, one per record. A frame is the payload's length (4 bytes, little endian),
// its CRC-32C (4 bytes), and the payload: the record as one line of JSON. A frame that is cut short or whose sum differs
// ends the segment: a process that was killed, or a machine that lost power, left it.
const (
	frameHeader = 8
	// maxFrame bounds a frame's payload; a longer length in a file is damage, not a record.
	maxFrame = 4 << 20
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errTorn    = errors.New("the frame is cut short or damaged")
)

// appendFrame adds the frame of a payload to dst.
func appendFrame(dst, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// frameReader reads the frames of a segment in order.
type frameReader struct {
	r      *bufio.Reader
	offset int64 // of the next frame
}

func newFrameReader(r io.Reader, offset int64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10), offset: offset}
}

// next appends the next payload to dst. io.EOF means a clean end, errTorn that the rest is not to be trusted.
func (f *frameReader) next(dst []byte) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(f.r, header[:]); err != nil {
		return dst, tornUnlessEOF(err)
	}
	size := binary.LittleEndian.Uint32(header[:4])
	if size == 0 || size > maxFrame {
		return dst, errTorn
	}
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	if _, err := io.ReadFull(f.r, dst[start:]); err != nil {
		return dst[:start], tornUnlessReal(err)
	}
	if crc32.Checksum(dst[start:], castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return dst[:start], errTorn
	}
	f.offset += frameHeader + int64(size)
	return dst, nil
}

func tornUnlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return tornUnlessReal(err)
}

func tornUnlessReal(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// measure counts the whole frames at the start of a segment and the bytes they take; torn tells whether more follows.
func measure(r io.Reader) (frames, size int64, torn bool, err error) {
	f := newFrameReader(r, 0)
	var buf []byte
	for {
		buf, err = f.next(buf[:0])
		switch {
		case errors.Is(err, io.EOF):
			return frames, f.offset, false, nil
		case errors.Is(err, errTorn):
			return frames, f.offset, true, nil
		case err != nil:
			return frames, f.offset, false, err
		}
		frames++
	}
}

// repair measures the segment at path and cuts off what is torn.
func repair(path string) (frames, size int64, torn bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, 0, false, fmt.Errorf("open segment: %w", err)
	}
	defer file.Close()
	frames, size, torn, err = measure(file)
	if err == nil && torn {
		err = file.Truncate(size)
	}
	if err != nil {
		return 0, 0, false, fmt.Errorf("repair segment %s: %w", path, err)
	}
	return frames, size, torn, nil
}
