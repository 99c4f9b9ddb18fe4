package winrm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/internal/ntlm"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// TestCheck42_UnsealedAnswerIsRefused: on plain HTTP an answer that is not sealed is
// never looked at, whatever it says, and at whatever time.
func TestCheck42_UnsealedAnswerIsRefused(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"Create", "Command", "Receive"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			b := serve(t, sealed, scripted(t, echo), func(c *winrmtest.Config) {
				c.Before = func(w http.ResponseWriter, _ *http.Request, op winrmtest.Operation) bool {
					return op.Name == operation && (operation == "Create" || op.Command != "") && fault(w, 2150858793)
				}
			})
			pool, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
			if operation == "Create" {
				require.ErrorIs(t, err, winrm.ErrUnsealed)
				return
			}
			require.NoError(t, err)
			defer func() { _ = pool.Close(context.Background()) }()
			run, err := pool.Start(ctx(t), psrp.Script("x"))
			if operation == "Receive" {
				require.NoError(t, err)
				_, err = run.Next(ctx(t))
			}
			require.ErrorIs(t, err, winrm.ErrUnsealed)
		})
	}
}

// TestCheck42_TamperedAnswerBreaksThePool: one bit is enough, and it is not tried again.
func TestCheck42_TamperedAnswerBreaksThePool(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(body []byte) []byte{
		"ciphertext": func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
		"signature":  func(b []byte) []byte { i := bytes.Index(b, []byte("stream\r\n")); b[i+8+4+6] ^= 1; return b },
		"length":     func(b []byte) []byte { return bytes.Replace(b, []byte("Length="), []byte("Length=1"), 1) },
		"frame":      func(b []byte) []byte { return b[:len(b)-10] },
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			b := serve(t, sealed, scripted(t, echo), func(c *winrmtest.Config) {
				c.Tamper = func(op winrmtest.Operation, contentType string, body []byte) (string, []byte) {
					if op.Name == "Receive" && op.Command != "" {
						body = change(body)
					}
					return contentType, body
				}
			})
			pool := b.open(t, psrp.Config{})
			run, err := pool.Start(ctx(t), psrp.Script("x"))
			require.NoError(t, err)
			_, err = run.Next(ctx(t))
			var broken *psrp.BrokenError
			var form *sealing.FormatError
			require.ErrorAs(t, err, &broken)
			if name == "length" || name == "frame" {
				require.ErrorAs(t, err, &form)
			} else {
				require.ErrorIs(t, err, ntlm.ErrTampered)
			}
			receives := 0
			for _, op := range b.Operations() {
				if op.Name == "Receive" && op.Command != "" {
					receives++
				}
			}
			require.Equal(t, 1, receives)
		})
	}
}

// TestNothingPlainOnTheWire: what crosses plain HTTP does not contain the
// script, its output or the password.
func TestNothingPlainOnTheWire(t *testing.T) {
	t.Parallel()
	wire := new(syncBuffer)
	b := serve(t, sealed, scripted(t, echo), nil)
	b.config.Dial = recordingDial(wire)
	pool := b.open(t, psrp.Config{})
	const script = "secret-script-text"
	events, _ := collect(t, pool, psrp.Script(script))
	require.Equal(t, []any{script}, outputs(events))
	require.NoError(t, pool.Close(ctx(t)))
	text := wire.String()
	require.Contains(t, text, "session-encrypted", "the recording works")
	for _, plain := range []string{script, password, "Envelope", "soap-envelope", base64.StdEncoding.EncodeToString([]byte(password))} {
		require.NotContains(t, text, plain)
	}
}

// noSealing is an authenticator that forgets to seal.
type noSealing struct{}

func (noSealing) Authenticate(context.Context, winrm.Channel, winrm.Exchange) (winrm.Security, error) {
	return winrm.Security{Authorization: "Anything"}, nil
}

// TestNoFallback: whatever authenticates, nothing is sent unsealed over HTTP.
func TestNoFallback(t *testing.T) {
	t.Parallel()
	b := serve(t, sealed, scripted(t, echo), func(c *winrmtest.Config) { c.NTLM = nil })
	b.config.Auth = noSealing{}
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	require.ErrorIs(t, err, winrm.ErrUnsealed)
	require.Empty(t, b.Operations())
}

// TestCheck43_ServerCertificate: one that cannot be verified is refused.
func TestCheck43_ServerCertificate(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), nil)
	b.config.TLS = nil
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	var unverified *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unverified)
	require.Empty(t, b.Operations())
}

// TestCheck43_ChannelBinding: a handshake that was relayed through another certificate
// is refused by a server that looks.
func TestCheck43_ChannelBinding(t *testing.T) {
	t.Parallel()
	b := serve(t, "NTLM bound to TLS", scripted(t, echo), func(c *winrmtest.Config) {
		c.ChannelBinding = []byte("tls-server-end-point:of another certificate")
	})
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	var refused *winrm.AuthError
	require.ErrorAs(t, err, &refused)
}

// TestCheck44_SecretsAreNotLogged: at the most verbose level, through success and every
// kind of failure.
func TestCheck44_SecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	const script = "secret-script-text"
	var all strings.Builder
	for _, name := range variants {
		b := serve(t, name, scripted(t, echo), nil)
		pool := b.open(t, psrp.Config{Logger: b.config.Logger})
		collect(t, pool, psrp.Script(script))
		b.DropShells()
		<-pool.Done()
		fmt.Fprintf(&all, "%v\n%+v\n%#v\n", pool.Err(), b.config.Auth, b.config.Auth)
		b.config.Logger.Info("config", slog.Any("auth", b.config.Auth))
		all.WriteString(b.log.String())
	}
	for _, wrong := range []winrm.Authenticator{winrm.NTLM{User: "u", Password: password}, winrm.NTLM{}} {
		b := serve(t, sealed, scripted(t, echo), nil)
		b.config.Auth = wrong
		_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
		require.Error(t, err)
		fmt.Fprintln(&all, err, b.log.String())
	}
	text := all.String()
	require.Contains(t, text, "operation=Receive")
	for _, secret := range []string{
		password, "Pässw", script, "Envelope", "NTLMSSP", "TlRMTVNT", "Basic ",
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
	} {
		require.NotContains(t, text, secret)
	}
}

func TestPasswordHasNoText(t *testing.T) {
	t.Parallel()
	p := winrm.Password("hunter2")
	encoded, err := json.Marshal(map[string]any{"p": p, "n": winrm.NTLM{User: "u", Password: p}})
	require.NoError(t, err)
	log := new(bytes.Buffer)
	slog.New(slog.NewJSONHandler(log, nil)).Info("x", "p", p, "b", winrm.Basic{User: "u", Password: p})
	text := fmt.Sprintf("%v %s %+v %#v %q %x %s %s", p, p, p, p, p, p, encoded, log)
	require.NotContains(t, text, "hunter2")
	require.NotContains(t, text, fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, text, "[redacted]")
}

// TestRefusedLater: credentials that are refused in the middle of a session are
// not tried again, which might lock the account.
func TestRefusedLater(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), before("Receive", true, func(w http.ResponseWriter, _ *http.Request, _ winrmtest.Operation) bool {
		w.Header().Set("WWW-Authenticate", "Basic realm=x")
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}))
	pool := b.open(t, psrp.Config{})
	run, err := pool.Start(ctx(t), psrp.Script("x"))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	var refused *winrm.AuthError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"Basic"}, refused.Offers)
	receives := 0
	for _, op := range b.Operations() {
		if op.Name == "Receive" && op.Command != "" {
			receives++
		}
	}
	require.Equal(t, 1, receives)
}

// TestUnrelatedAnswer: an answer to another request is not taken for this one.
func TestUnrelatedAnswer(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), func(c *winrmtest.Config) {
		c.Tamper = func(op winrmtest.Operation, contentType string, body []byte) (string, []byte) {
			if op.Name == "Command" {
				body = bytes.Replace(body, []byte("<a:RelatesTo>uuid:"), []byte("<a:RelatesTo>uuid:0"), 1)
			}
			return contentType, body
		}
	})
	pool := b.open(t, psrp.Config{})
	_, err := pool.Start(ctx(t), psrp.Script("x"))
	require.ErrorContains(t, err, "another request")
}
