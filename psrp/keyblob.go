package psrp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/epo-dev/epo/psrp/clixml"
)

const (
	keyBits    = 2048
	aesKeySize = 32
)

// simpleBlobHeader begins an encrypted session key: SIMPLEBLOB, version 2,
// CALG_AES_256, key exchange with CALG_RSA_KEYX.
const simpleBlobHeader = "\x01\x02\x00\x00\x10\x66\x00\x00\x00\xa4\x00\x00"

// publicKeyBlob gives a key as PUBLICKEYBLOB of the Windows CryptoAPI, which
// keeps its integers little-endian ([MS-PSRP] 2.2.2.3).
func publicKeyBlob(k *rsa.PublicKey) []byte {
	blob := []byte("\x06\x02\x00\x00\x00\xa4\x00\x00RSA1")
	blob = binary.LittleEndian.AppendUint32(blob, uint32(k.N.BitLen()))
	blob = binary.LittleEndian.AppendUint32(blob, uint32(k.E))
	modulus := k.N.FillBytes(make([]byte, k.Size()))
	slices.Reverse(modulus)
	return append(blob, modulus...)
}

// encodePublicKey makes the body of PUBLIC_KEY.
func encodePublicKey(k *rsa.PublicKey) *clixml.Object {
	return clixml.NewBag(clixml.Property{
		Name: "PublicKey", Value: base64.StdEncoding.EncodeToString(publicKeyBlob(k)),
	})
}

// decodeSessionKey reads the body of ENCRYPTED_SESSION_KEY and gives the key in
// it ([MS-PSRP] 2.2.2.4).
func decodeSessionKey(body []byte, k *rsa.PrivateKey) (sessionCipher, error) {
	v, err := clixml.Decode(body, clixml.DecodeOptions{})
	if err != nil {
		return sessionCipher{}, fmt.Errorf("decode session key: %w", err)
	}
	blob, err := base64.StdEncoding.DecodeString(strings.TrimSpace(textOf(member(v, "EncryptedSessionKey"))))
	if err != nil || !bytes.HasPrefix(blob, []byte(simpleBlobHeader)) {
		return sessionCipher{}, protocolError("session key", "not an AES-256 key in a SIMPLEBLOB")
	}
	encrypted := slices.Clone(blob[len(simpleBlobHeader):])
	slices.Reverse(encrypted)
	//lint:ignore SA1019 the padding that the protocol prescribes; there is no oracle, since a failure ends the exchange
	key, err := rsa.DecryptPKCS1v15(nil, k, encrypted)
	if err != nil || len(key) != aesKeySize {
		return sessionCipher{}, protocolError("session key", "not encrypted for this client")
	}
	return sessionCipher{key: key}, nil
}

// sessionCipher is how the text of SecureStrings looks on the wire. Without a
// key, as protocol version 2.4 has it, that is UTF-16 as it is.
//
// With a key it is AES-256-CBC. The protocol fixes the initial vector at zero,
// so that equal texts have equal ciphers, and authenticates nothing: it protects
// against whoever reads along, and only as far as the transport keeps others
// from taking part in the exchange.
type sessionCipher struct{ key []byte }

func (c sessionCipher) seal(text string) (clixml.SecureString, error) {
	data := toUTF16(text)
	if c.key == nil {
		return clixml.SecureString{Cipher: data}, nil
	}
	block, err := aes.NewCipher(c.key)
	if err != nil {
		return clixml.SecureString{}, err
	}
	padding := aes.BlockSize - len(data)%aes.BlockSize
	data = append(data, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, data)
	return clixml.SecureString{Cipher: data}, nil
}

func (c sessionCipher) open(s clixml.SecureString) (string, error) {
	if c.key == nil {
		if len(s.Cipher)%2 != 0 {
			return "", ErrForeignSecret
		}
		return fromUTF16(s.Cipher), nil
	}
	block, err := aes.NewCipher(c.key)
	if err != nil {
		return "", err
	}
	if len(s.Cipher) == 0 || len(s.Cipher)%aes.BlockSize != 0 {
		return "", ErrForeignSecret
	}
	data := make([]byte, len(s.Cipher))
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, s.Cipher)
	padding := int(data[len(data)-1])
	if padding == 0 || padding > aes.BlockSize || padding%2 != 0 {
		return "", ErrForeignSecret
	}
	text, tail := data[:len(data)-padding], data[len(data)-padding:]
	if !bytes.Equal(tail, bytes.Repeat([]byte{byte(padding)}, padding)) {
		return "", ErrForeignSecret
	}
	return fromUTF16(text), nil
}
