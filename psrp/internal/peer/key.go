package peer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"unicode/utf16"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// sessionKey is the server's half of the key exchange. It is written apart from
// the client's, so that the two prove each other.
type sessionKey struct {
	aes   []byte
	given bool // the client has it
	plain bool // protocol version 2.4
}

// checkSecrets refuses a SecureString that the client cannot have encrypted. A
// real server would wait for the key for ever, with its whole pool.
func (s *Server) checkSecrets(m psrp.Message) error {
	if s.key.given || s.key.plain || !bytes.Contains(m.Body, []byte("<SS")) {
		return nil
	}
	return errors.New("mistake: a SecureString before the exchange of keys")
}

// exchange answers PUBLIC_KEY.
func (s *Server) exchange(m psrp.Message) (func(), error) {
	public, err := readPublicKey(m.Body)
	if err != nil {
		return nil, err
	}
	s.makeKey()
	//lint:ignore SA1019 the padding that the protocol prescribes
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, public, s.key.aes)
	if err != nil {
		return nil, err
	}
	slices.Reverse(encrypted)
	blob := append([]byte{1, 2, 0, 0, 0x10, 0x66, 0, 0, 0, 0xa4, 0, 0}, encrypted...)
	s.key.given = true
	return func() {
		s.Send(psrp.MsgEncryptedSessionKey, psrp.GUID{}, clixml.NewBag(clixml.Property{
			Name: "EncryptedSessionKey", Value: base64.StdEncoding.EncodeToString(blob)}))
	}, nil
}

func readPublicKey(body []byte) (*rsa.PublicKey, error) {
	v, err := clixml.Decode(body, clixml.DecodeOptions{})
	if err != nil {
		return nil, err
	}
	o, _ := v.(*clixml.Object)
	text, _ := o.Get("PublicKey")
	encoded, _ := text.(string)
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(blob) != 276 || !bytes.HasPrefix(blob, []byte("\x06\x02\x00\x00\x00\xa4\x00\x00RSA1\x00\x08\x00\x00")) {
		return nil, errors.New("not a public key of 2048 bits")
	}
	modulus := slices.Clone(blob[20:])
	slices.Reverse(modulus)
	return &rsa.PublicKey{E: int(binary.LittleEndian.Uint32(blob[16:])), N: new(big.Int).SetBytes(modulus)}, nil
}

// makeKey makes the key when it is first needed, as a real server does.
func (s *Server) makeKey() {
	if s.key.aes == nil {
		s.key.aes = make([]byte, 32)
		_, _ = rand.Read(s.key.aes)
	}
}

// Secret gives text as the server sends it, whether keys were exchanged or not.
func (s *Server) Secret(text string) clixml.SecureString {
	s.mu.Lock()
	defer s.mu.Unlock()
	var data []byte
	for _, u := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, u)
	}
	if s.key.plain {
		return clixml.SecureString{Cipher: data}
	}
	s.makeKey()
	padding := 16 - len(data)%16
	data = append(data, bytes.Repeat([]byte{byte(padding)}, padding)...)
	block, err := aes.NewCipher(s.key.aes)
	if err != nil {
		panic(err)
	}
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(data, data)
	return clixml.SecureString{Cipher: data}
}

// Reveal gives the text of a SecureString of the client.
func (s *Server) Reveal(v any) string {
	secret, ok := v.(clixml.SecureString)
	if !ok {
		return "not a SecureString"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data := slices.Clone(secret.Cipher)
	if !s.key.plain {
		block, err := aes.NewCipher(s.key.aes)
		if err != nil || len(data) == 0 || len(data)%16 != 0 {
			return "not readable"
		}
		cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(data, data)
		data = data[:len(data)-int(data[len(data)-1])]
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}
