package ntlm

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"strings"
)

// key is 16 bytes of secret. It has no text form.
type key [16]byte

func (key) String() string   { return "[redacted]" }
func (key) GoString() string { return "[redacted]" }

func hmacMD5(k []byte, parts ...[]byte) key {
	h := hmac.New(md5.New, k)
	for _, p := range parts {
		h.Write(p)
	}
	return key(h.Sum(nil))
}

// responseKey is NTOWFv2, 3.3.2: what server and client both know.
func responseKey(user, domain, password string) key {
	hash := md4(toUTF16(password))
	return hmacMD5(hash[:], toUTF16(strings.ToUpper(user)+domain))
}

// clientChallenge makes "temp" of 3.3.2, NTLMv2_CLIENT_CHALLENGE.
func clientChallenge(timestamp uint64, nonce [8]byte, info []byte) []byte {
	b := []byte{1, 1, 0, 0, 0, 0, 0, 0}
	b = binary.LittleEndian.AppendUint64(b, timestamp)
	b = append(b, nonce[:]...)
	b = append(b, 0, 0, 0, 0)
	b = append(b, info...)
	return append(b, 0, 0, 0, 0)
}

// proof gives the NT response and the base of the session key.
func (k key) proof(server [8]byte, temp []byte) (response []byte, base key) {
	p := hmacMD5(k[:], server[:], temp)
	return append(p[:], temp...), hmacMD5(k[:], p[:])
}

// lmProof gives the LMv2 response, which is sent to servers without a clock.
func (k key) lmProof(server, client [8]byte) []byte {
	p := hmacMD5(k[:], server[:], client[:])
	return append(p[:], client[:]...)
}

// exchange encrypts or decrypts the random session key with the base.
func (k key) exchange(data []byte) []byte {
	out := make([]byte, len(data))
	k.cipher().XORKeyStream(out, data)
	return out
}

func (k key) cipher() *rc4.Cipher {
	c, _ := rc4.NewCipher(k[:]) // fails for wrong lengths only
	return c
}

// derive is SIGNKEY and SEALKEY of 3.4.5 for 128 bit keys.
func (k key) derive(client bool, use string) key {
	way := "server-to-client "
	if client {
		way = "client-to-server "
	}
	return md5.Sum([]byte(string(k[:]) + "session key to " + way + use + " key magic constant\x00"))
}
