package ntlm

import (
	"encoding/binary"
	"math/bits"
)

// md4Shifts are the rotations of each round, RFC 1320 section 3.4.
var md4Shifts = [3][4]int{{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}}

// md4Order is which word of the block each step of rounds 2 and 3 takes.
var md4Order = [3][16]int{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
	{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15},
}

// md4 is the MD4 digest (RFC 1320). NTLM hashes passwords with it and the
// standard library rightly has none.
func md4(data []byte) [16]byte {
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	for block := md4Pad(data); len(block) > 0; block = block[64:] {
		md4Block(&state, block[:64])
	}
	var sum [16]byte
	for i, word := range state {
		binary.LittleEndian.PutUint32(sum[4*i:], word)
	}
	return sum
}

// md4Pad appends a 1 bit, zeros and the length in bits.
func md4Pad(data []byte) []byte {
	padded := append(append([]byte(nil), data...), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	return binary.LittleEndian.AppendUint64(padded, uint64(len(data))*8)
}

func md4Block(state *[4]uint32, block []byte) {
	var x [16]uint32
	for i := range x {
		x[i] = binary.LittleEndian.Uint32(block[4*i:])
	}
	a, b, c, d := state[0], state[1], state[2], state[3]
	for round := range 3 {
		for i, word := range md4Order[round] {
			a = bits.RotateLeft32(a+md4Mix(round, b, c, d)+x[word], md4Shifts[round][i%4])
			a, b, c, d = d, a, b, c
		}
	}
	state[0] += a
	state[1] += b
	state[2] += c
	state[3] += d
}

// md4Mix is the function of a round with its constant.
func md4Mix(round int, x, y, z uint32) uint32 {
	switch round {
	case 0:
		return x&y | ^x&z
	case 1:
		return (x&y | x&z | y&z) + 0x5a827999
	}
	return (x ^ y ^ z) + 0x6ed9eba1
}
