package ssh_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
)

// TestMain runs the tests, or plays a subsystem.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playSubsystem(role))
	}
	goleak.VerifyTestMain(m)
}

// sshd is OpenSSH's server on a port of 127.0.0.1. A process of it is started
// for each connection, as inetd would, so there is no daemon and no fixed port.
type sshd struct {
	t        testing.TB
	dir      string
	address  string
	hostKeys []xssh.PublicKey // ed25519, ecdsa, rsa
	user     string

	mu   sync.Mutex
	log  bytes.Buffer
	work sync.WaitGroup
}

var keyTypes = []string{"ed25519", "ecdsa", "rsa"}

// key is a new key and its OpenSSH form.
type key struct {
	signer xssh.Signer
	pem    []byte
}

func newKey(t testing.TB, kind, passphrase string) key {
	t.Helper()
	var private crypto.PrivateKey
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "small rsa":
		private, err = rsa.GenerateKey(rand.Reader, 1024)
	}
	require.NoError(t, err)
	block, err := xssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = xssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	require.NoError(t, err)
	signer, err := xssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return key{signer: signer, pem: pem.EncodeToMemory(block)}
}

// userKeys are the keys that every server of the tests lets in.
var userKeys = sync.OnceValue(func() map[string]key {
	keys := map[string]key{}
	for _, kind := range keyTypes {
		keys[kind] = newKey(&testing.T{}, kind, "")
	}
	return keys
})

// startSSHD serves until the end of the test. Further lines go into its
// configuration before the rest.
func startSSHD(t testing.TB, lines ...string) *sshd {
	t.Helper()
	who, err := user.Current()
	require.NoError(t, err)
	s := &sshd{t: t, dir: t.TempDir(), user: who.Username}
	s.configure(lines)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	program := findSSHD(t)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(program, conn.(*net.TCPConn)) })
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		s.work.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", s.logged())
		}
	})
	return s
}

// findSSHD finds the server. Tests do not skip: without one they fail.
func findSSHD(t testing.TB) string {
	t.Helper()
	for _, path := range []string{"sshd", "/usr/sbin/sshd"} {
		if found, err := exec.LookPath(path); err == nil && filepath.IsAbs(found) {
			return found
		}
	}
	require.Fail(t, "no sshd; install openssh-server")
	return ""
}

func (s *sshd) configure(lines []string) {
	config := append([]string{}, lines...)
	for _, kind := range keyTypes {
		k := newKey(s.t, kind, "")
		file := filepath.Join(s.dir, "host_"+kind)
		require.NoError(s.t, os.WriteFile(file, k.pem, 0o600))
		config = append(config, "HostKey "+file)
		s.hostKeys = append(s.hostKeys, k.signer.PublicKey())
	}
	var authorized []byte
	for _, k := range userKeys() {
		authorized = append(authorized, xssh.MarshalAuthorizedKey(k.signer.PublicKey())...)
	}
	file := filepath.Join(s.dir, "authorized_keys")
	require.NoError(s.t, os.WriteFile(file, authorized, 0o600))
	config = append(config, "AuthorizedKeysFile "+file, "StrictModes no", "UsePAM no", "PidFile none",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
		"Subsystem powershell "+powershell(), "LogLevel VERBOSE", "")
	require.NoError(s.t, os.WriteFile(s.path(), []byte(strings.Join(config, "\n")), 0o600))
	if os.Getuid() == 0 {
		require.NoError(s.t, os.MkdirAll("/run/sshd", 0o755)) // where root's sshd locks itself up
	}
}

func (s *sshd) path() string { return filepath.Join(s.dir, "sshd_config") }

func (s *sshd) serve(program string, conn *net.TCPConn) {
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := exec.Command(program, "-i", "-e", "-f", s.path())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, &writer{s}
	_ = cmd.Run() // its log is shown when a test fails
}

// writer is the log of a server.
type writer struct{ s *sshd }

func (w *writer) Write(b []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.log.Write(b)
}

func (s *sshd) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// config connects with one of the user's keys and the right host keys.
func (s *sshd) config(kind string) ssh.Config {
	return ssh.Config{
		Address: s.address, User: s.user,
		Auth:     ssh.Auth{Keys: []ssh.PrivateKey{{PEM: userKeys()[kind].pem}}},
		HostKeys: ssh.HostKeys{Files: []string{s.knownHosts(s.hostKeys...)}},
	}
}

// knownHosts writes a known_hosts file with the server under these keys.
func (s *sshd) knownHosts(keys ...xssh.PublicKey) string {
	var text strings.Builder
	text.WriteString("# known to the tests\n")
	for _, k := range keys {
		text.WriteString(knownhosts.Line([]string{s.address}, k) + "\n")
	}
	return s.write(text.String())
}

func (s *sshd) write(text string) string {
	file, err := os.CreateTemp(s.dir, "known_hosts")
	require.NoError(s.t, err)
	defer file.Close()
	_, err = file.WriteString(text)
	require.NoError(s.t, err)
	return file.Name()
}

// powershell is the command line of the subsystem.
func powershell() string {
	engine, err := foundEngine()
	if err != nil {
		panic(err)
	}
	words := []string{"/usr/bin/env", "HOME=" + os.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "TERM=dumb",
		"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_DIAGNOSTICS_OPTOUT=1", "DOTNET_EnableDiagnostics=0", engine.Path}
	return strings.Join(append(append(words, engine.Args...), "-sshs", "-NoLogo"), " ")
}

var foundEngine = sync.OnceValues(func() (runtime.Engine, error) { return runtime.Find(context.Background()) })

// roleVariable makes the test binary play a subsystem.
const roleVariable = "EPO_SSH_TEST_ROLE"

// subsystem is a configuration line that makes this binary play a role.
func subsystem(t testing.TB, name, role string) string {
	self, err := os.Executable()
	require.NoError(t, err)
	return fmt.Sprintf("Subsystem %s /usr/bin/env %s=%s %s", name, roleVariable, role, self)
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return c
}

// dial makes a session that ends with the test.
func dial(t testing.TB, c ssh.Config) *ssh.Session {
	t.Helper()
	s, err := ssh.Dial(ctx(t), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Kill()
		_ = s.Wait()
	})
	return s
}

// hello opens a pool, runs a script in it and closes it.
func hello(t testing.TB, s *ssh.Session) {
	t.Helper()
	pool, err := psrp.Open(ctx(t), s.Transport(), psrp.Config{})
	require.NoError(t, err)
	require.Equal(t, []any{"hello"}, outputs(t, pool, "'hello'"))
	require.NoError(t, pool.Close(ctx(t)))
}

func outputs(t testing.TB, pool *psrp.Pool, script string) []any {
	t.Helper()
	run, err := pool.Start(ctx(t), psrp.Script(script))
	require.NoError(t, err)
	var values []any
	for event, err := range run.Events(ctx(t)) {
		require.NoError(t, err)
		if o, ok := event.(psrp.OutputEvent); ok {
			values = append(values, o.Value)
		}
	}
	require.NoError(t, run.Close(ctx(t)))
	return values
}
