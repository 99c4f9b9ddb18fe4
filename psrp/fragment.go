package psrp

import "encoding/binary"

const (
	fragmentHeader = 21
	flagStart      = 0x01
	flagEnd        = 0x02

	// DefaultMaxObject is how large one received object may be by default.
	DefaultMaxObject = 64 << 20
)

// A Fragment is a slice of one object (a serialized message), [MS-PSRP] 2.2.4.
// Its header is 21 bytes, all integers big-endian.
type Fragment struct {
	ObjectID   uint64 // greater than 0, unique per sender
	FragmentID uint64 // 0 for the first fragment of an object, then +1
	Start, End bool   // first and last fragment of the object
	Blob       []byte
}

// AppendFragment appends f in wire form to dst.
func AppendFragment(dst []byte, f Fragment) []byte {
	var flags byte
	if f.Start {
		flags |= flagStart
	}
	if f.End {
		flags |= flagEnd
	}
	dst = binary.BigEndian.AppendUint64(dst, f.ObjectID)
	dst = binary.BigEndian.AppendUint64(dst, f.FragmentID)
	dst = append(dst, flags)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Blob)))
	return append(dst, f.Blob...)
}

// ParseFragment reads the fragment at the start of data and gives its length
// in wire form, 0 while data holds only a part of it. Blob points into data.
// Unknown flags are ignored.
func ParseFragment(data []byte) (f Fragment, n int, err error) {
	if len(data) < fragmentHeader {
		return f, 0, nil
	}
	size := uint64(binary.BigEndian.Uint32(data[17:]))
	f.ObjectID = binary.BigEndian.Uint64(data)
	f.FragmentID = binary.BigEndian.Uint64(data[8:])
	f.Start, f.End = data[16]&flagStart != 0, data[16]&flagEnd != 0
	if f.ObjectID == 0 {
		return f, 0, protocolError("fragment", "object id is 0")
	}
	if uint64(len(data)-fragmentHeader) < size {
		return f, 0, nil
	}
	n = fragmentHeader + int(size)
	f.Blob = data[fragmentHeader:n:n]
	return f, n, nil
}

// Split cuts one object into fragments of at most max bytes each, headers
// included. An empty object makes one empty fragment.
func Split(objectID uint64, object []byte, max int) [][]byte {
	room := max - fragmentHeader
	if room < 1 {
		room = 1
	}
	var parts [][]byte
	for i := uint64(0); ; i++ {
		blob := object[:min(room, len(object))]
		object = object[len(blob):]
		f := Fragment{ObjectID: objectID, FragmentID: i, Start: i == 0, End: len(object) == 0, Blob: blob}
		parts = append(parts, AppendFragment(make([]byte, 0, fragmentHeader+len(blob)), f))
		if f.End {
			return parts
		}
	}
}

// A Defragmenter puts the objects of one target and stream together again. It
// needs the bytes in order but not in any particular portions. It is strict: a
// gap, a repeat or an interleaved object is a *ProtocolError, after which it
// must not be fed again. It never holds more than MaxObject and a header.
type Defragmenter struct {
	MaxObject int // bytes of one object; 0 means DefaultMaxObject

	rest   []byte // begin of a fragment that is not complete yet
	object []byte // begin of an object that is not complete yet
	open   bool
	id     uint64
	next   uint64
}

// Feed takes the next bytes and calls emit for each complete object. The
// objects may point into data, which must not be changed afterwards.
func (d *Defragmenter) Feed(data []byte, emit func(object []byte) error) error {
	owned := len(d.rest) > 0
	if owned {
		d.rest = append(d.rest, data...)
		data = d.rest
	}
	total := len(data)
	for {
		if err := d.checkSize(data); err != nil {
			return err
		}
		f, n, err := ParseFragment(data)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		data = data[n:]
		object, done, err := d.add(f, owned)
		if err != nil {
			return err
		}
		if done {
			if err := emit(object); err != nil {
				return err
			}
		}
	}
	if !owned || len(data) < total {
		d.rest = append(d.rest[:0], data...)
	}
	return nil
}

// checkSize refuses a declared length over the limit before any of it is kept.
func (d *Defragmenter) checkSize(data []byte) error {
	limit := d.MaxObject
	if limit <= 0 {
		limit = DefaultMaxObject
	}
	if len(data) < fragmentHeader {
		return nil
	}
	size := uint64(binary.BigEndian.Uint32(data[17:]))
	if size+uint64(len(d.object)) > uint64(limit) {
		return protocolError("fragment", "object is larger than %d bytes", limit)
	}
	return nil
}

// add joins f to the open object. With owned, the blob lies in a buffer that is
// used again and must be copied.
func (d *Defragmenter) add(f Fragment, owned bool) (object []byte, done bool, err error) {
	if err := d.checkOrder(f); err != nil {
		return nil, false, err
	}
	if f.Start && f.End && !owned {
		return f.Blob, true, nil
	}
	d.object = append(d.object, f.Blob...)
	if !f.End {
		d.open, d.id, d.next = true, f.ObjectID, f.FragmentID+1
		return nil, false, nil
	}
	object, d.object, d.open = d.object, nil, false
	return object, true, nil
}

func (d *Defragmenter) checkOrder(f Fragment) error {
	switch {
	case !d.open && !f.Start:
		return protocolError("fragment", "object %d has no start", f.ObjectID)
	case !d.open && f.FragmentID != 0:
		return protocolError("fragment", "object %d starts with fragment %d", f.ObjectID, f.FragmentID)
	case !d.open:
		return nil
	case f.Start:
		return protocolError("fragment", "object %d starts inside object %d", f.ObjectID, d.id)
	case f.ObjectID != d.id:
		return protocolError("fragment", "object %d inside object %d", f.ObjectID, d.id)
	case f.FragmentID != d.next:
		return protocolError("fragment", "fragment %d of object %d, expected %d", f.FragmentID, d.id, d.next)
	}
	return nil
}
