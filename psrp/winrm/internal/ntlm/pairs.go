package ntlm

import (
	"encoding/binary"
	"slices"
)

// AVID names an attribute of the target information, 2.2.2.1.
type AVID uint16

// The attributes that matter here.
const (
	AVEnd            AVID = 0
	AVComputer       AVID = 1
	AVDomain         AVID = 2
	AVFlags          AVID = 6
	AVTimestamp      AVID = 7 // FILETIME: 100 ns since 1601
	AVTargetName     AVID = 9
	AVChannelBinding AVID = 10 // MD5 of the channel bindings

	flagMIC = 2 // in AVFlags: the message carries a MIC
)

// An AVPair is one attribute of the target information.
type AVPair struct {
	ID    AVID
	Value []byte
}

func parsePairs(data []byte) ([]AVPair, error) {
	var pairs []AVPair
	for len(data) > 0 {
		if len(data) < 4 {
			return nil, messageError("target information ends within an attribute")
		}
		id := AVID(binary.LittleEndian.Uint16(data))
		size := int(binary.LittleEndian.Uint16(data[2:]))
		if id == AVEnd {
			return pairs, nil
		}
		if len(data) < 4+size {
			return nil, messageError("attribute %d is cut off", id)
		}
		pairs = append(pairs, AVPair{ID: id, Value: data[4 : 4+size : 4+size]})
		data = data[4+size:]
	}
	if pairs != nil {
		return nil, messageError("target information without an end")
	}
	return nil, nil
}

// appendPairs writes the attributes and their end.
func appendPairs(dst []byte, pairs []AVPair) []byte {
	for _, p := range pairs {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(p.ID))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p.Value)))
		dst = append(dst, p.Value...)
	}
	return append(dst, 0, 0, 0, 0)
}

// find gives the value of an attribute, nil without.
func find(pairs []AVPair, id AVID) []byte {
	for _, p := range pairs {
		if p.ID == id {
			return p.Value
		}
	}
	return nil
}

// with replaces or adds an attribute in a copy.
func with(pairs []AVPair, id AVID, value []byte) []AVPair {
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p AVPair) bool { return p.ID == id })
	return append(pairs, AVPair{ID: id, Value: value})
}
