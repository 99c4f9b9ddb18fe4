package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/psrptest"
	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
	"github.com/epo-dev/epo/psrp/stdio"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	var free sessions
	t.Cleanup(free.end)
	psrptest.Run(t, func(t testing.TB) psrp.Transport { return free.transport(t, server.Client("ed25519")) })
}

// sessions are kept from one pool for the next: a start takes much longer.
type sessions struct {
	mu   sync.Mutex
	free []*ssh.Session
}

func (f *sessions) transport(t testing.TB, c ssh.Config) psrp.Transport {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.free) == 0 {
		s, err := ssh.Dial(ctx(t), c)
		require.NoError(t, err)
		f.free = append(f.free, s)
	}
	s := f.free[0]
	f.free = f.free[1:]
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.free = append(f.free, s)
	})
	return s.Transport()
}

func (f *sessions) end() {
	for _, s := range f.free {
		_ = s.Close(context.Background())
	}
}

func TestSession_UndecodablePipelineFailsByWhatTheEngineSays(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	pool, err := psrp.Open(ctx(t), dial(t, server.Client("ed25519")).Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("param($x) 1", psrp.Parameter{Name: "x", Value: clixml.XML("<not closed")}))
	if err == nil { // the engine may have been slower than its acknowledgement
		_, err = run.Next(ctx(t))
		require.NoError(t, run.Close(ctx(t)))
	}
	var remote *stdio.RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, []any{"next"}, outputs(t, pool, "'next'"))
	require.NoError(t, pool.Close(ctx(t)))
}

func TestSession_CarriesPoolsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	s := dial(t, server.Client("ed25519"))
	hello(t, s)
	hello(t, s)
	require.NoError(t, s.Close(ctx(t)), "160 after the pool was closed is success")
	require.NoError(t, s.Close(ctx(t)))
	_, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.Error(t, err)
}

func TestKeys_OfEveryKindLetIn(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	for _, kind := range sshtest.KeyTypes {
		c := server.Client(kind)
		c.Subsystem = "fake"
		hello(t, dial(t, c))
	}
}

func TestKeys_Passphrase(t *testing.T) {
	t.Parallel()
	locked := sshtest.NewKey(t, "ed25519", "open sesame")
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	c := server.Client("ed25519")
	c.Subsystem = "fake"
	for _, phrase := range []string{"", "wrong"} {
		c.Auth.Keys = []ssh.PrivateKey{{PEM: locked.PEM, Passphrase: psrp.NewSecret(phrase)}}
		_, err := ssh.Dial(ctx(t), c)
		require.ErrorIs(t, err, ssh.ErrPassphrase)
		var bad *ssh.KeyError
		require.ErrorAs(t, err, &bad)
	}
	c.Auth.Keys = []ssh.PrivateKey{{PEM: locked.PEM, Passphrase: psrp.NewSecret("open sesame")}}
	_, err := ssh.Dial(ctx(t), c)
	var refused *ssh.AuthError
	require.ErrorAs(t, err, &refused, "the key is read, but not one the server knows")
}

func TestKeys_WhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	c := ssh.Config{Address: "127.0.0.1:1", User: "u", HostKeys: ssh.HostKeys{Pinned: []string{"SHA256:" + strings.Repeat("A", 43)}}}
	c.Auth.Keys = []ssh.PrivateKey{{PEM: sshtest.NewKey(t, "small rsa", "").PEM}}
	_, err := ssh.Dial(ctx(t), c)
	require.ErrorIs(t, err, ssh.ErrKeyType)
	c.Auth.Keys = []ssh.PrivateKey{{PEM: sshtest.UserKeys(t)["rsa"].PEM}, {PEM: []byte("no key, but a s3cret")}}
	_, err = ssh.Dial(ctx(t), c)
	require.ErrorContains(t, err, "private key 2")
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Auth.Keys), "s3cret")
}

func TestAuth_RefusedUserHearsWhatWasTried(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.Client("ed25519")
	other := sshtest.NewKey(t, "ecdsa", "")
	c.Auth = ssh.Auth{Keys: []ssh.PrivateKey{{PEM: other.PEM}}, Password: new(psrp.NewSecret("s3cret"))}
	_, err := ssh.Dial(ctx(t), c)
	var refused *ssh.AuthError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"key " + xssh.FingerprintSHA256(other.Signer.PublicKey()), "password"}, refused.Tried)
	require.NotContains(t, err.Error(), "s3cret")
}

func TestAgent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	for _, kind := range sshtest.KeyTypes {
		private, err := xssh.ParseRawPrivateKey(sshtest.UserKeys(t)[kind].PEM)
		require.NoError(t, err)
		c := server.Client(kind)
		c.Subsystem = "fake"
		c.Auth = ssh.Auth{Agent: startAgent(t, agent.AddedKey{PrivateKey: private})}
		hello(t, dial(t, c))
	}
	c := server.Client("ed25519")
	c.Auth = ssh.Auth{Agent: startAgent(t)}
	_, err := ssh.Dial(ctx(t), c)
	require.ErrorContains(t, err, "the agent has no keys")
	c.Auth = ssh.Auth{Agent: filepath.Join(t.TempDir(), "nobody")}
	_, err = ssh.Dial(ctx(t), c)
	require.ErrorContains(t, err, "ask the agent")
}

// startAgent is an ssh-agent with these keys.
func startAgent(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		require.NoError(t, ring.Add(k))
	}
	dir, err := os.MkdirTemp("", "agent")
	require.NoError(t, err)
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer conn.Close()
				_ = agent.ServeAgent(ring, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
		_ = os.RemoveAll(dir)
	})
	return socket
}

func TestPassword(t *testing.T) {
	t.Parallel()
	address, hostKey := passwordServer(t, "s3cret")
	c := ssh.Config{Address: address, User: "u", Auth: ssh.Auth{Password: new(psrp.NewSecret("s3cret"))},
		HostKeys: ssh.HostKeys{Pinned: []string{hostKey}}}
	_, err := ssh.Dial(ctx(t), c)
	var session *ssh.ConnectError
	require.ErrorAs(t, err, &session, "it let the user in and has no sessions")
	require.Contains(t, session.Stage, "session")
	c.Auth.Password = new(psrp.NewSecret("wrong"))
	_, err = ssh.Dial(ctx(t), c)
	var refused *ssh.AuthError
	require.ErrorAs(t, err, &refused)
}

// passwordServer lets in who knows the password and refuses every channel.
func passwordServer(t *testing.T, password string) (address, hostKey string) {
	t.Helper()
	k := sshtest.NewKey(t, "ed25519", "")
	config := &xssh.ServerConfig{PasswordCallback: func(_ xssh.ConnMetadata, p []byte) (*xssh.Permissions, error) {
		if string(p) != password {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	config.AddHostKey(k.Signer)
	address = serve(t, func(conn net.Conn) {
		_, channels, requests, err := xssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		go xssh.DiscardRequests(requests)
		for c := range channels {
			_ = c.Reject(xssh.Prohibited, "none here")
		}
	})
	return address, string(xssh.MarshalAuthorizedKey(k.Signer.PublicKey()))
}

// serve calls handle for each connection, until the end of the test.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			work.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	return listener.Addr().String()
}

func TestHostKey_Unknown(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	c := server.Client("ed25519")
	c.Subsystem = "fake"
	file := server.File("other.example " + strings.TrimSpace(string(xssh.MarshalAuthorizedKey(server.HostKeys[0]))) + "\n")
	c.HostKeys = ssh.HostKeys{Files: []string{file}}
	_, err := ssh.Dial(ctx(t), c)
	var unknown *ssh.UnknownHostKeyError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{file}, unknown.Files)
	require.Contains(t, err.Error(), unknown.Line, "it says what to do")

	c.HostKeys.Files = []string{server.File(unknown.Line + "\n")}
	hello(t, dial(t, c)) // and that is enough
	c.HostKeys = ssh.HostKeys{Pinned: []string{unknown.Fingerprint}}
	hello(t, dial(t, c)) // or that
}

func TestHostKey_Changed(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	other := sshtest.NewKey(t, "ed25519", "").Signer.PublicKey()
	for name, keys := range map[string]ssh.HostKeys{
		"in known_hosts":                 {Files: []string{server.KnownHosts(other)}},
		"pinned key":                     {Pinned: []string{string(xssh.MarshalAuthorizedKey(other))}},
		"pinned fingerprint":             {Pinned: []string{xssh.FingerprintSHA256(other)}},
		"pinned, and not in known_hosts": {Pinned: []string{xssh.FingerprintSHA256(other)}, Files: []string{server.File("")}},
	} {
		c := server.Client("ed25519")
		c.HostKeys = keys
		_, err := ssh.Dial(ctx(t), c)
		var changed *ssh.ChangedHostKeyError
		require.ErrorAs(t, err, &changed, name)
		require.Equal(t, xssh.FingerprintSHA256(other), changed.Known[0].Fingerprint)
		require.Contains(t, err.Error(), "NOT the known one")
	}
}

func TestHostKey_Revoked(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.Client("ed25519")
	text := "@revoked * " + string(xssh.MarshalAuthorizedKey(server.HostKeys[0]))
	c.HostKeys = ssh.HostKeys{Files: []string{server.File(knownhosts.Line([]string{server.Address}, server.HostKeys[0]) + "\n" + text)}}
	_, err := ssh.Dial(ctx(t), c)
	var revoked *ssh.RevokedHostKeyError
	require.ErrorAs(t, err, &revoked)
}

// A host has keys of three kinds. Whichever is known is asked for.
func TestHostKey_OfAnyKindIsEnough(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	for _, k := range server.HostKeys {
		c := server.Client("ed25519")
		c.Subsystem = "fake"
		c.HostKeys = ssh.HostKeys{Files: []string{server.KnownHosts(k)}}
		hello(t, dial(t, c))
		c.HostKeys = ssh.HostKeys{Pinned: []string{string(xssh.MarshalAuthorizedKey(k))}}
		hello(t, dial(t, c))
	}
}

func TestHostKey_HashedNames(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	c := server.Client("ed25519")
	c.Subsystem = "fake"
	name := knownhosts.HashHostname(knownhosts.Normalize(server.Address))
	c.HostKeys.Files = []string{server.File(name + " " + string(xssh.MarshalAuthorizedKey(server.HostKeys[1])))}
	hello(t, dial(t, c))
}

func TestHostKey_Certificate(t *testing.T) {
	t.Parallel()
	authority := sshtest.NewKey(t, "ed25519", "")
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	certificate := &xssh.Certificate{Key: server.HostKeys[0], CertType: xssh.HostCert, KeyId: "host",
		ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: xssh.CertTimeInfinity}
	require.NoError(t, certificate.SignCert(strings.NewReader(strings.Repeat("r", 64)), authority.Signer))
	file := filepath.Join(server.Dir, "cert")
	require.NoError(t, os.WriteFile(file, xssh.MarshalAuthorizedKey(certificate), 0o600))
	text, err := os.ReadFile(filepath.Join(server.Dir, "sshd_config"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(server.Dir, "sshd_config"), append(text, []byte("HostCertificate "+file+"\n")...), 0o600))

	c := server.Client("ed25519")
	c.Subsystem = "fake"
	hello(t, dial(t, c)) // the plain key is known: no certificate is asked for
	host, port, err := net.SplitHostPort(server.Address)
	require.NoError(t, err)
	c.HostKeys.Files = []string{server.File(fmt.Sprintf("@cert-authority [%s]:%s %s", host, port, xssh.MarshalAuthorizedKey(authority.Signer.PublicKey())))}
	hello(t, dial(t, c))
	other := sshtest.NewKey(t, "ed25519", "")
	c.HostKeys.Files = []string{server.File(fmt.Sprintf("@cert-authority [%s]:%s %s", host, port, xssh.MarshalAuthorizedKey(other.Signer.PublicKey())))}
	_, err = ssh.Dial(ctx(t), c)
	require.ErrorContains(t, err, "not accepted")
}

func TestJump(t *testing.T) {
	t.Parallel()
	gate := startSSHD(t, "Banner none")
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	c := server.Client("ed25519")
	c.Subsystem = "fake"
	first := gate.Client("ecdsa")
	second := gate.Client("rsa")
	second.Jump = &first
	c.Jump = &second
	hello(t, dial(t, c))
	require.Contains(t, gate.Log(), "Accepted publickey")

	stranger := sshtest.NewKey(t, "ed25519", "")
	first.HostKeys = ssh.HostKeys{Files: []string{gate.KnownHosts(stranger.Signer.PublicKey())}}
	_, err := ssh.Dial(ctx(t), c)
	var changed *ssh.ChangedHostKeyError
	require.ErrorAs(t, err, &changed, "the gate is checked as strictly")
	require.Equal(t, knownhosts.Normalize(gate.Address), changed.Host)

	first.HostKeys = gate.Client("ecdsa").HostKeys
	c.Address = "127.0.0.1:1"
	_, err = ssh.Dial(ctx(t), c)
	var unreachable *ssh.ConnectError
	require.ErrorAs(t, err, &unreachable)
	require.Equal(t, "127.0.0.1:1", unreachable.Host)
}

func TestJump_EndToEnd(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.Client("ed25519")
	jump := server.Client("rsa")
	c.Jump = &jump
	s := dial(t, c)
	hello(t, s)
	require.NoError(t, s.Close(ctx(t)))
}

func TestCheck47_BannersAndNoiseAreTolerated(t *testing.T) {
	t.Parallel()
	banner := filepath.Join(t.TempDir(), "banner")
	require.NoError(t, os.WriteFile(banner, []byte("Property of nobody\n"), 0o600))
	server := startSSHD(t, "Banner "+banner, subsystem(t, "noisy", "noisy"))
	var mu sync.Mutex
	var heard []string
	hear := func(text string) {
		mu.Lock()
		heard = append(heard, strings.TrimSpace(text))
		mu.Unlock()
	}
	for _, c := range []ssh.Config{server.Client("ed25519"), startGoServer(t)} {
		c.Subsystem = "noisy"
		c.Banner, c.Stderr, c.Noise = hear, hear, func(b []byte) { hear(string(b)) }
		s := dial(t, c)
		hello(t, s)
		require.NoError(t, s.Close(ctx(t)))
	}
	for _, text := range []string{"Property of nobody", "** Authorized use only **", "Welcome", "to the", "machine room"} {
		require.Contains(t, heard, text)
	}
}

func TestCheck47_WrongSubsystem(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "silent", "silent"), subsystem(t, "echo", "echo"), subsystem(t, "gone", "gone"),
		subsystem(t, "chatty", "chatty"))
	for name, want := range map[string]func(t *testing.T, err error){
		"none": func(t *testing.T, err error) {
			var e *ssh.SubsystemError
			require.ErrorAs(t, err, &e)
			require.Contains(t, err.Error(), "sshd_config")
		},
		"silent": func(t *testing.T, err error) { require.ErrorIs(t, err, ssh.ErrSilent) },
		"echo":   func(t *testing.T, err error) { var e *psrp.ProtocolError; require.ErrorAs(t, err, &e) },
		"chatty": func(t *testing.T, err error) { require.ErrorIs(t, err, stdio.ErrNoise) },
		"gone": func(t *testing.T, err error) {
			var e *stdio.ExitError
			require.ErrorAs(t, err, &e)
			require.Equal(t, 127, e.Code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := server.Client("ed25519")
			c.Subsystem, c.ConnectTimeout = name, 10*time.Second
			if name == "silent" {
				c.ConnectTimeout = 3 * time.Second
			}
			begin := time.Now()
			s, err := ssh.Dial(ctx(t), c)
			if err == nil {
				_, err = psrp.Open(ctx(t), s.Transport(), psrp.Config{})
				s.Kill()
				_ = s.Wait()
			}
			want(t, err)
			require.Less(t, time.Since(begin), 50*time.Second) // the limit of ctx is a minute
		})
	}
}

func TestSession_EngineErrorsEndThePipeline(t *testing.T) {
	t.Parallel()
	c := startGoServer(t)
	c.Subsystem = "peer"
	for _, text := range []string{"refuse", "refuse on stderr"} {
		pool, err := psrp.Open(ctx(t), dial(t, c).Transport(), psrp.Config{})
		require.NoError(t, err)
		run, err := pool.Start(ctx(t), psrp.Script(text))
		require.NoError(t, err)
		_, err = run.Next(ctx(t))
		var refused *stdio.RemoteError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "cannot read it", refused.Text)
		require.NoError(t, run.Close(ctx(t)))
		require.Equal(t, []any{"next"}, outputs(t, pool, "'next'"), "the pool is usable")
		require.NoError(t, pool.Close(ctx(t)))
	}
}

func TestSession_DeathOfTheEngine(t *testing.T) {
	t.Parallel()
	c := startGoServer(t)
	c.Subsystem = "peer"
	c.Redact = func(text string) string { return strings.ReplaceAll(text, "last", "[masked]") }
	s := dial(t, c)
	pool, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("die"))
	require.NoError(t, err)
	_, err = run.Next(ctx(t))
	var exit *stdio.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.Code)
	require.Equal(t, "[masked] words", exit.Stderr)
	require.ErrorAs(t, s.Wait(), &exit)
	_ = pool.Close(ctx(t))
}

func TestSession_WhatStandardErrorSaidLast(t *testing.T) {
	t.Parallel()
	c := startGoServer(t)
	c.Subsystem = "gone"
	s := dial(t, c)
	_, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	var exit *stdio.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, "no such program [hidden]", exit.Stderr)
}

func TestSession_KillEndsEverything(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	s := dial(t, server.Client("ed25519"))
	pool, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("$PID; sleep 600"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	pid := fmt.Sprint(event.(psrp.OutputEvent).Value)
	s.Kill()
	_, err = run.Next(ctx(t))
	require.ErrorIs(t, err, ssh.ErrClosed)
	require.ErrorIs(t, s.Wait(), ssh.ErrClosed)
	_ = pool.Close(ctx(t))
	require.Eventually(t, func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	}, time.Minute, 20*time.Millisecond, "the engine on the host lives on")
}

// A host that vanishes is noticed, although TCP says nothing.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	cut := make(chan struct{})
	address := serve(t, func(conn net.Conn) { forward(conn, server.Address, cut) })
	c := server.Client("ed25519")
	c.Subsystem, c.KeepAlive, c.KeepAliveTries = "fake", 20*time.Millisecond, 2
	c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	s := dial(t, c)
	pool, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx(t), psrp.Script("sleep"))
	require.NoError(t, err)
	close(cut)
	_, err = run.Next(ctx(t))
	require.ErrorIs(t, err, ssh.ErrKeepAlive)
	require.ErrorIs(t, s.Wait(), ssh.ErrKeepAlive)
	_ = pool.Close(ctx(t))
}

// forward passes bytes both ways until cut; then it takes them and is silent.
func forward(conn net.Conn, address string, cut <-chan struct{}) {
	out, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer out.Close()
	pass := func(to io.Writer, from io.Reader) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			select {
			case <-cut:
			default:
				_, _ = to.Write(buffer[:n])
			}
		}
	}
	var work sync.WaitGroup
	work.Go(func() {
		pass(conn, out)
	})
	pass(out, conn)
	_ = out.Close()
	work.Wait()
}

func TestDial_EndsInTime(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // never speaks
	c := ssh.Config{Address: address, User: "u", Auth: ssh.Auth{Password: new(psrp.NewSecret("x"))},
		HostKeys: ssh.HostKeys{Pinned: []string{"SHA256:" + strings.Repeat("A", 43)}}, ConnectTimeout: 50 * time.Millisecond}
	_, err := ssh.Dial(ctx(t), c)
	require.ErrorIs(t, err, ssh.ErrConnectTimeout)
	c.ConnectTimeout = time.Minute
	ended, cancel := context.WithCancel(ctx(t))
	stop := time.AfterFunc(20*time.Millisecond, cancel)
	defer stop.Stop()
	_, err = ssh.Dial(ended, c)
	require.ErrorIs(t, err, context.Canceled)
}

func TestConfig_WhatIsMissing(t *testing.T) {
	t.Parallel()
	whole := ssh.Config{Address: "h", User: "u", Auth: ssh.Auth{Password: new(psrp.NewSecret("x"))},
		HostKeys: ssh.HostKeys{Pinned: []string{"SHA256:" + strings.Repeat("A", 43)}}}
	for want, change := range map[string]func(c *ssh.Config){
		"no address":            func(c *ssh.Config) { c.Address = "" },
		"no user":               func(c *ssh.Config) { c.User = "" },
		"no known_hosts":        func(c *ssh.Config) { c.HostKeys = ssh.HostKeys{} },
		"no key, agent":         func(c *ssh.Config) { c.Auth = ssh.Auth{} },
		"negative":              func(c *ssh.Config) { c.ConnectTimeout = -1 },
		"no user for gate":      func(c *ssh.Config) { c.Jump = &ssh.Config{Address: "gate"} },
		"neither a fingerprint": func(c *ssh.Config) { c.HostKeys.Pinned = []string{"SHA256:short"} },
		"read known hosts":      func(c *ssh.Config) { c.HostKeys.Files = []string{"/does/not/exist"} },
	} {
		c := whole
		change(&c)
		_, err := ssh.Dial(ctx(t), c)
		require.ErrorContains(t, err, want)
	}
}
