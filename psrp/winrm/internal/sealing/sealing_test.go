package sealing

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mirror is a sealer that turns bits around and signs with the length.
type mirror struct{ opened int }

func (*mirror) Seal(plain []byte) ([]byte, []byte, error) {
	return []byte{1, 2, 3, byte(len(plain))}, flip(plain), nil
}

func (m *mirror) Unseal(signature, sealed []byte) ([]byte, error) {
	m.opened++
	if signature[3] != byte(len(sealed)) {
		return nil, errors.New("wrong signature")
	}
	return flip(sealed), nil
}

func flip(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0xff
	}
	return out
}

// TestForm is the form of [MS-WSMV] byte for byte.
func TestForm(t *testing.T) {
	t.Parallel()
	body, err := Encode(SPNEGO, &mirror{}, []byte("<s/>"))
	require.NoError(t, err)
	require.Equal(t, "--Encrypted Boundary\r\n"+
		"\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"+
		"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=4\r\n"+
		"--Encrypted Boundary\r\n"+
		"\tContent-Type: application/octet-stream\r\n"+
		"\x04\x00\x00\x00\x01\x02\x03\x04\xc3\x8c\xd0\xc1"+
		"--Encrypted Boundary--\r\n", string(body))
	require.Equal(t, `multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"`, ContentType(SPNEGO))
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, plain := range []string{"", "x", "--Encrypted Boundary--\r\n", "\r\n--Encrypted Boundary\r\n", strings.Repeat("\x00\r\n", 80)} {
		body, err := Encode(Kerberos, &mirror{}, []byte(plain))
		require.NoError(t, err)
		got, err := Decode(body, &mirror{})
		require.NoError(t, err)
		require.Equal(t, plain, string(got))
		// ciphertext that looks like the frame
		body, err = Encode(Kerberos, &mirror{}, flip([]byte(plain)))
		require.NoError(t, err)
		got, err = Decode(body, &mirror{})
		require.NoError(t, err)
		require.Equal(t, plain, string(flip(got)))
	}
}

// TestVariants: what real servers do differently.
func TestVariants(t *testing.T) {
	t.Parallel()
	body, err := Encode(SPNEGO, &mirror{}, []byte("<s/>"))
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"Exchange's space":    {"--Encrypted", "-- Encrypted"},
		"no last line end":    {"--\r\n", "--"},
		"no tabs":             {"\t", ""},
		"blanks in the value": {";Length", "; Length"},
		"case of names":       {"OriginalContent", "originalcontent"},
	} {
		got, err := Decode(bytes.ReplaceAll(body, []byte(change[0]), []byte(change[1])), &mirror{})
		require.NoError(t, err, name)
		require.Equal(t, "<s/>", string(got), name)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	body, err := Encode(SPNEGO, &mirror{}, []byte("<s/>"))
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"plain text":        {string(body), "<s:Envelope/>"},
		"nothing":           {string(body), ""},
		"other length":      {"Length=4", "Length=5"},
		"negative length":   {"Length=4", "Length=-4"},
		"no length":         {";Length=4", ""},
		"no binary part":    {"application/octet-stream", "text/plain"},
		"no end":            {"--Encrypted Boundary--", ""},
		"huge signature":    {"\x04\x00\x00\x00", "\xff\xff\xff\x7f"},
		"long signature":    {"\x04\x00\x00\x00", "\x40\x00\x00\x00"},
		"no signature":      {"\x04\x00\x00\x00\x01\x02\x03\x04\xc3\x8c\xd0\xc1", ""},
		"no start":          {"--Encrypted Boundary\r\n\tContent-Type: application/HTTP", "application/HTTP"},
		"description alone": {string(body[60:]), ""},
	} {
		_, err := Decode([]byte(strings.Replace(string(body), change[0], change[1], 1)), &mirror{})
		var bad *FormatError
		require.ErrorAs(t, err, &bad, name)
	}
}

func TestIsSealed(t *testing.T) {
	t.Parallel()
	protocol, ok := IsSealed(`multipart/encrypted; protocol="` + SPNEGO + `"; boundary="Encrypted Boundary"`)
	require.True(t, ok)
	require.Equal(t, SPNEGO, protocol)
	for _, other := range []string{"", "text/html", SOAP, "multipart/encrypted", "multipart/x-multi-encrypted;protocol=x", ";;"} {
		_, ok := IsSealed(other)
		require.False(t, ok, other)
	}
}

func FuzzDecode(f *testing.F) {
	body, err := Encode(SPNEGO, &mirror{}, []byte("<s/>"))
	require.NoError(f, err)
	f.Add(body)
	f.Add(bytes.ReplaceAll(body, []byte("--Encrypted"), []byte("-- Encrypted")))
	f.Add([]byte("--Encrypted Boundary\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		plain, err := Decode(body, lenient{})
		if err == nil {
			again, err := Encode(SPNEGO, lenient{}, plain)
			require.NoError(t, err)
			got, err := Decode(again, lenient{})
			require.NoError(t, err)
			require.Equal(t, len(plain), len(got))
		}
	})
}

type lenient struct{}

func (lenient) Seal(plain []byte) ([]byte, []byte, error) { return nil, plain, nil }
func (lenient) Unseal(_, sealed []byte) ([]byte, error)   { return sealed, nil }
