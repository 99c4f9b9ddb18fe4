package winrm_test

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// TestCheck17_Version24: secrets as they are only where the server was
// authenticated.
func TestCheck17_Version24(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), nil)
	b.config.TLS = &tls.Config{InsecureSkipVerify: true}
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{ProtocolVersion: "2.4"})
	require.ErrorIs(t, err, psrp.ErrPlainTransport)
	require.Empty(t, b.Operations(), "refused before anything is sent")
	_, err = winrm.New(winrm.Config{URL: "http://server.example", Auth: winrm.Basic{User: "u", Password: "p"}})
	require.ErrorIs(t, err, winrm.ErrPlainHTTP, "there is no transport without protection at all")
}

// TestCheck42_SignaturesAndSequence: the server has verified every message of a
// long conversation and counted along; it would refuse the first wrong one.
func TestCheck42_SignaturesAndSequence(t *testing.T) {
	t.Parallel()
	var sealed atomic.Int32
	b := serve(t, winrmtest.NTLM, scripted(t, echo), func(c *winrmtest.Config) {
		c.Tamper = func(_ winrmtest.Operation, contentType string, body []byte) (string, []byte) {
			sealed.Add(1)
			return contentType, body
		}
	})
	pool := b.open(t, psrp.Config{})
	for range 60 {
		events, _ := collect(t, pool, psrp.Script("x"))
		require.Equal(t, []any{"x"}, outputs(events))
	}
	require.Greater(t, len(b.Operations()), 150)
	require.Greater(t, sealed.Load(), int32(150))
	require.LessOrEqual(t, b.Handshakes(), 3, "so they were on few connections")
}

// TestCheck43_ClientCertificate: the certificate is shown in the handshake and
// announced in each request; without it nobody is let in.
func TestCheck43_ClientCertificate(t *testing.T) {
	t.Parallel()
	var plain atomic.Int32
	b := serve(t, winrmtest.Certificate, scripted(t, echo), func(c *winrmtest.Config) {
		c.Before = func(_ http.ResponseWriter, r *http.Request, _ winrmtest.Operation) bool {
			if r.Header.Get("Authorization") != "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual" || len(r.TLS.PeerCertificates) != 1 {
				plain.Add(1)
			}
			return false
		}
	})
	pool := b.open(t, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script("x"))
	require.Equal(t, []any{"x"}, outputs(events))
	require.Zero(t, plain.Load())

	b.config.Auth = winrm.Certificate{Certificate: winrmtest.NewKeyPair(t).Certificate}
	_, err := psrp.Open(ctx(t), b.transport(t), psrp.Config{})
	require.Error(t, err, "a certificate of somebody else")
}

// TestCheck44_BasicNeedsTLS: there is no switch for it.
func TestCheck44_BasicNeedsTLS(t *testing.T) {
	t.Parallel()
	for _, auth := range []winrm.Authenticator{winrm.Basic{User: "u", Password: "p"}, winrm.Certificate{}} {
		_, err := winrm.New(winrm.Config{URL: "http://server.example", Auth: auth})
		require.ErrorIs(t, err, winrm.ErrPlainHTTP)
	}
	var wire syncBuffer
	b := serve(t, basic, scripted(t, echo), nil)
	b.config.Dial = recordingDial(&wire)
	pool := b.open(t, psrp.Config{})
	collect(t, pool, psrp.Script("x"))
	require.NotEmpty(t, wire.String())
	require.False(t, bytes.Contains([]byte(wire.String()), []byte("Authorization")), "not readable on the wire")
}

// TestHostile_AnswersFetchNothing: a document type in an answer is refused.
func TestHostile_AnswersFetchNothing(t *testing.T) {
	t.Parallel()
	b := serve(t, basic, scripted(t, echo), func(c *winrmtest.Config) {
		c.Tamper = func(op winrmtest.Operation, contentType string, body []byte) (string, []byte) {
			if op.Name == "Command" {
				body = append([]byte(`<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>`), body...)
			}
			return contentType, body
		}
	})
	pool := b.open(t, psrp.Config{})
	_, err := pool.Start(ctx(t), psrp.Script("x"))
	require.ErrorContains(t, err, "bad answer")
}
