package stdio_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

const plainText = "hunter2-ünïcode-€-😀"

// tap is a transport that keeps everything that passes.
type tap struct {
	psrp.Transport

	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *tap) note(data []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.Write(data)
	return data
}

func (w *tap) OpenPool(ctx context.Context, first []byte) error {
	return w.Transport.OpenPool(ctx, w.note(first))
}

func (w *tap) OpenPipeline(ctx context.Context, id psrp.GUID, first []byte) error {
	return w.Transport.OpenPipeline(ctx, id, w.note(first))
}

func (w *tap) Send(ctx context.Context, target psrp.GUID, stream psrp.Stream, data []byte) error {
	return w.Transport.Send(ctx, target, stream, w.note(data))
}

func (w *tap) Receive() (psrp.Packet, error) {
	p, err := w.Transport.Receive()
	w.note(p.Data)
	return p, err
}

// requireUnseen: the text has passed in no form, neither as it is nor in the
// encodings that the protocol has.
func (w *tap) requireUnseen(t *testing.T, text string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var wide bytes.Buffer
	require.NoError(t, binary.Write(&wide, binary.LittleEndian, utf16.Encode([]rune(text))))
	escaped, err := clixml.Encode(text)
	require.NoError(t, err)
	require.Contains(t, w.seen.String(), "<SS", "the tap works")
	for _, form := range [][]byte{
		[]byte(text), wide.Bytes(), bytes.TrimSuffix(bytes.TrimPrefix(escaped, []byte("<S>")), []byte("</S>")),
		[]byte(base64.StdEncoding.EncodeToString(wide.Bytes())[:24]), []byte(base64.StdEncoding.EncodeToString([]byte(text))[:16]),
	} {
		require.False(t, bytes.Contains(w.seen.Bytes(), form), "the secret was to be seen")
	}
}

// tapped is a pool whose traffic is kept.
func tapped(t *testing.T, c psrp.Config) (*psrp.Pool, *tap) {
	t.Helper()
	w := &tap{Transport: newEngine(t).Transport()}
	pool, err := psrp.Open(ctx(t), w, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close(context.Background()) })
	return pool, w
}

func TestCheck14_SecretReachesTheScriptAlone(t *testing.T) {
	t.Parallel()
	pool, wire := tapped(t, psrp.Config{})
	r := script(t, pool, `param([securestring] $s)
		$s.Length
		$text = [pscredential]::new('u', $s).GetNetworkCredential().Password
		[Convert]::ToHexString([Security.Cryptography.SHA256]::HashData([Text.Encoding]::UTF8.GetBytes($text)))`,
		psrp.Parameter{Name: "s", Value: psrp.NewSecret(plainText)})
	require.Equal(t, []any{int32(len(utf16.Encode([]rune(plainText)))), fmt.Sprintf("%X", sha256.Sum256([]byte(plainText)))}, r.outputs())
	wire.requireUnseen(t, plainText)
}

func TestCheck15_SecretOfTheEngineComesFirst(t *testing.T) {
	t.Parallel()
	pool, wire := tapped(t, psrp.Config{MaxQueueBytes: 192 << 10})
	run, err := pool.Start(ctx(t), psrp.Script(`$s = [securestring]::new(); foreach ($c in 'abc'.ToCharArray()) { $s.AppendChar($c) }; $s; 1..2000`))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	secret, err := pool.Decrypt(ctx(t), event.(psrp.OutputEvent).Value.(clixml.SecureString))
	require.NoError(t, err, "also by the goroutine that should read on")
	require.Equal(t, "abc", secret.Reveal())
	r := drain(t, run)
	require.NoError(t, run.Close(ctx(t)))
	require.Len(t, r.outputs(), 2000)
	for i, v := range r.outputs() {
		require.Equal(t, int32(i+1), v)
	}
	require.Contains(t, wire.seen.String(), "EncryptedSessionKey")
}

func TestCheck16_CredentialsBothWays(t *testing.T) {
	t.Parallel()
	pool, wire := tapped(t, psrp.Config{})
	for _, c := range []psrp.Credential{
		{UserName: `DOM\user`, Password: psrp.NewSecret(plainText)},
		{UserName: "Grüßer 😀", Password: psrp.NewSecret("")},
	} {
		r := script(t, pool, "param([pscredential] $c) $c.UserName; $c.Password.Length; $c", psrp.Parameter{Name: "c", Value: c})
		got := r.outputs()
		require.Equal(t, []any{c.UserName, int32(len(utf16.Encode([]rune(c.Password.Reveal()))))}, got[:2])
		back, err := pool.DecryptCredential(ctx(t), got[2])
		require.NoError(t, err)
		require.Equal(t, c.UserName, back.UserName)
		require.Equal(t, c.Password.Reveal(), back.Password.Reveal())
	}
	wire.requireUnseen(t, plainText)
}

// TestCheck17_EngineOf24: PowerShell 7.6 speaks 2.4, exchanges keys with a
// client that declares 2.3, and does not with one that declares 2.4.
func TestCheck17_EngineOf24(t *testing.T) {
	t.Parallel()
	for version, exchanges := range map[string]int{"": 1, "2.4": 0} {
		w := &tap{Transport: newEngine(t).Transport()}
		var transport psrp.Transport = w
		if version != "" {
			transport = confidentialTap{w}
		}
		pool, err := psrp.Open(ctx(t), transport, psrp.Config{ProtocolVersion: version})
		require.NoError(t, err)
		r := script(t, pool, "param([securestring] $s) $s.Length; $s", psrp.Parameter{Name: "s", Value: psrp.NewSecret("four")})
		got := r.outputs()
		require.Equal(t, int32(4), got[0])
		secret, err := pool.Decrypt(ctx(t), got[1].(clixml.SecureString))
		require.NoError(t, err)
		require.Equal(t, "four", secret.Reveal())
		require.Equal(t, exchanges, bytes.Count(w.seen.Bytes(), []byte("EncryptedSessionKey")), "declared %q", version)
		require.NoError(t, pool.Close(ctx(t)))
	}
	_, err := psrp.Open(ctx(t), &tap{Transport: newEngine(t).Transport()}, psrp.Config{ProtocolVersion: "2.4"})
	require.ErrorIs(t, err, psrp.ErrPlainTransport, "a transport that does not vouch for itself")
}

// confidentialTap says what the pipe below would.
type confidentialTap struct{ *tap }

func (confidentialTap) Confidential() bool { return true }
