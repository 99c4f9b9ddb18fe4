// Package sshtest is OpenSSH's server for tests, on a free port of 127.0.0.1,
// with host keys of its own and a real PowerShell as subsystem "powershell":
//
//	s := sshtest.Start(t, sshtest.Options{PowerShell: []string{"pwsh"}})
//	session, err := ssh.Dial(ctx, s.Client("ed25519"))
//
// It lets in the user who runs the tests, with the keys of [UserKeys], and can
// be a jump host as well. Only tests import it.
package sshtest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/epo-dev/epo/psrp/ssh"
)

// Options are for [Start].
type Options struct {
	// PowerShell is the program with its arguments before "-sshs"; none means that
	// there is no subsystem but those in Lines.
	PowerShell []string
	// Env is added to the environment of PowerShell, as NAME=value without blanks.
	Env []string
	// Lines go into the configuration of the server, before what Start writes.
	Lines []string
}

// A Server serves until the end of its test. A process of it is started for each
// connection, as inetd would, so there is no daemon and no fixed port.
type Server struct {
	Address  string // host:port
	User     string
	HostKeys []xssh.PublicKey // one of each of KeyTypes
	Dir      string           // of its files; ends with the test

	t    testing.TB
	mu   sync.Mutex
	log  bytes.Buffer
	work sync.WaitGroup
}

// Start starts a server. Tests do not skip: without sshd the test fails.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, Dir: t.TempDir()}
	who, err := user.Current()
	s.must("find the user", err)
	s.User = who.Username
	s.configure(o)
	program := findServer(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must("listen", err)
	s.Address = listener.Addr().String()
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
			t.Logf("sshd: %s", s.Log())
		}
	})
	return s
}

func (s *Server) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("sshtest: %s: %v", what, err)
	}
}

func findServer(t testing.TB) string {
	t.Helper()
	for _, path := range []string{"sshd", "/usr/sbin/sshd"} {
		if found, err := exec.LookPath(path); err == nil && filepath.IsAbs(found) {
			return found
		}
	}
	t.Fatal("no sshd; install openssh-server")
	return ""
}

func (s *Server) configure(o Options) {
	config := slices.Clone(o.Lines)
	for _, kind := range KeyTypes {
		k := NewKey(s.t, kind, "")
		config = append(config, "HostKey "+s.write("host_"+kind, k.PEM))
		s.HostKeys = append(s.HostKeys, k.Signer.PublicKey())
	}
	var authorized []byte
	for _, k := range UserKeys(s.t) {
		authorized = append(authorized, xssh.MarshalAuthorizedKey(k.Signer.PublicKey())...)
	}
	config = append(config, "AuthorizedKeysFile "+s.write("authorized_keys", authorized), "StrictModes no", "UsePAM no", "PidFile none",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "LogLevel VERBOSE")
	if len(o.PowerShell) > 0 {
		config = append(config, "Subsystem "+ssh.DefaultSubsystem+" "+commandLine(o))
	}
	s.write("sshd_config", []byte(strings.Join(config, "\n")+"\n"))
	if os.Getuid() == 0 {
		s.must("make the folder where root's sshd locks itself up", os.MkdirAll("/run/sshd", 0o755))
	}
}

// commandLine is that of the subsystem.
func commandLine(o Options) string {
	words := []string{"/usr/bin/env", "HOME=" + os.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "TERM=dumb",
		"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_DIAGNOSTICS_OPTOUT=1", "DOTNET_EnableDiagnostics=0"}
	words = append(append(words, o.Env...), o.PowerShell...)
	return strings.Join(append(words, "-sshs", "-NoLogo"), " ")
}

// write makes a file that only the user can read.
func (s *Server) write(name string, content []byte) (path string) {
	s.t.Helper()
	path = filepath.Join(s.Dir, name)
	s.must("write "+name, os.WriteFile(path, content, 0o600))
	return path
}

func (s *Server) serve(program string, conn *net.TCPConn) {
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := exec.Command(program, "-i", "-e", "-f", filepath.Join(s.Dir, "sshd_config"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, (*logger)(s)
	_ = cmd.Run() // its log is shown when a test fails
}

// logger takes the log of a server.
type logger Server

func (l *logger) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

// Log is what the server has logged so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Client is a configuration that gets in, with one of the user's keys and a
// known_hosts file.
func (s *Server) Client(kind string) ssh.Config {
	s.t.Helper()
	return ssh.Config{
		Address: s.Address, User: s.User,
		Auth:     ssh.Auth{Keys: []ssh.PrivateKey{{PEM: UserKeys(s.t)[kind].PEM}}},
		HostKeys: ssh.HostKeys{Files: []string{s.KnownHosts(s.HostKeys...)}},
	}
}

// HostKeyLines are the server's keys as a target names them: "ssh-ed25519 AAAA…".
func (s *Server) HostKeyLines() []string {
	var lines []string
	for _, k := range s.HostKeys {
		lines = append(lines, strings.TrimSpace(string(xssh.MarshalAuthorizedKey(k))))
	}
	return lines
}

// KnownHosts writes a known_hosts file with the server under these keys.
func (s *Server) KnownHosts(keys ...xssh.PublicKey) (path string) {
	s.t.Helper()
	var text strings.Builder
	text.WriteString("# known to the tests\n")
	for _, k := range keys {
		text.WriteString(knownhosts.Line([]string{s.Address}, k) + "\n")
	}
	return s.File(text.String())
}

// File writes a file of this content, for known_hosts.
func (s *Server) File(text string) (path string) {
	s.t.Helper()
	f, err := os.CreateTemp(s.Dir, "known_hosts")
	s.must("make a file", err)
	defer f.Close()
	_, err = f.WriteString(text)
	s.must("write a file", err)
	return f.Name()
}
