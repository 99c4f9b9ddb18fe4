package executor

import (
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// states gives what came of each step, in short.
func states(r api.ConnectionResult) string {
	var list []string
	for _, c := range r.Checks {
		if c.State != api.CheckSkipped {
			list = append(list, c.Name+" "+c.State)
		}
	}
	return strings.Join(list, ", ")
}

func inspectTarget(t *testing.T, e *Executor, target api.TargetSpec) api.ConnectionResult {
	t.Helper()
	r, failed := e.InspectTarget(t.Context(), target, "")
	require.Nil(t, failed)
	return r
}

func TestConnectionThatWorks(t *testing.T) {
	t.Parallel()
	for name, at := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := at(t)
			r := inspectTarget(t, s.executor(t, Config{}), s.target)
			require.True(t, r.OK, "%+v", r)
			require.Empty(t, r.Cause)
			require.Equal(t, "Core", r.Edition)
			require.Regexp(t, `^7\.`, r.Version)
			require.Len(t, r.Checks, len(steps))
			want := "dns ok, port ok, host_key ok, authentication ok, session ok, edition ok, language_mode ok, execution_policy ok"
			if s.winrm != nil {
				want = strings.Replace(want, " host_key ok,", "", 1)
			}
			if s.target.Options.CA != "" {
				want = strings.Replace(want, "port ok,", "port ok, tls ok,", 1)
			}
			require.Equal(t, want, states(r))
		})
	}
}

// closedPort is one that nothing listens on.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestConnectionFaults breaks one thing after the other. Each has one named
// cause, the step it belongs to, advice, and the code that a run gives.
func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	onSSH := func(t testing.TB) *site { return sshSite(t) }
	onTLS := func(t testing.TB) *site { return winrmSite(t, winrmtest.Basic) }
	for name, c := range map[string]struct {
		at          func(t testing.TB) *site
		spoil       func(t *testing.T, s *site)
		step, code  string
		cause, tell string
	}{
		"unknown name": {onSSH, func(_ *testing.T, s *site) { s.target.Options.Address = "no-such-host.invalid" }, stepDNS, api.CodeTargetUnreachable, "no-such-host.invalid cannot be resolved", "name server"},
		"closed port":  {onTLS, func(t *testing.T, s *site) { s.target.Options.Port = closedPort(t) }, stepPort, api.CodeTargetUnreachable, "connection refused", "firewall"},
		"wrong host key": {onSSH, func(t *testing.T, s *site) {
			s.target.Options.HostKeys = []string{strings.TrimSpace(keyLine(t))}
		}, stepHostKey, api.CodeHostKeyMismatch, "is NOT the known one", "replace the target's host_key"},
		"no host key":                   {onSSH, func(_ *testing.T, s *site) { s.target.Options.HostKeys = nil }, stepHostKey, api.CodeHostKeyUnknown, "no key of host", "host_key"},
		"wrong CA":                      {onTLS, func(t *testing.T, s *site) { s.target.Options.CA = string(winrmtest.NewKeyPair(t).PEM) }, stepTLS, api.CodeCertificateUntrusted, "certificate", "option ca"},
		"no TLS there":                  {func(t testing.TB) *site { return winrmSite(t, winrmtest.NTLM) }, func(_ *testing.T, s *site) { s.target.Options.Scheme = "https" }, stepTLS, api.CodeTargetUnsupported, "no TLS on this port", ""},
		"other name in the certificate": {onTLS, func(_ *testing.T, s *site) { s.target.Options.ServerName = "other.example" }, stepTLS, api.CodeCertificateUntrusted, "other.example", "server_name"},
		"wrong password":                {onTLS, func(_ *testing.T, s *site) { s.identities["default"]["password"] = "not the password" }, stepAuthentication, api.CodeAuthenticationFailed, "refused the credentials", "check user and identity"},
		"wrong password, NTLM": {func(t testing.TB) *site { return winrmSite(t, winrmtest.NTLM) }, func(_ *testing.T, s *site) {
			s.identities["default"]["password"] = "not the password"
		}, stepAuthentication, api.CodeAuthenticationFailed, "refused the credentials", "check user and identity"},
		"wrong key": {onSSH, func(t *testing.T, s *site) {
			s.identities["default"]["key"] = string(sshtest.NewKey(t, "ed25519", "").PEM)
		}, stepAuthentication, api.CodeAuthenticationFailed, "does not let user", "check user and identity"},
		"locked key": {onSSH, func(t *testing.T, s *site) {
			s.identities["default"]["key"] = string(sshtest.NewKey(t, "ed25519", "open sesame").PEM)
		}, stepAuthentication, api.CodeIdentityUnusable, "passphrase is missing or wrong", "identities.json"},
		"no identity":     {onSSH, func(_ *testing.T, s *site) { s.target.Options.Identity = "nobody" }, stepAuthentication, api.CodeIdentityMissing, `no identity "nobody"`, "identities.json"},
		"wrong subsystem": {onSSH, func(_ *testing.T, s *site) { s.target.Options.Subsystem = "sftp2" }, stepSession, api.CodeTargetUnsupported, `refuses the subsystem "sftp2"`, "Subsystem powershell"},
		"no pwsh": {func(t testing.TB) *site { return sshSite(t, "Subsystem broken /no/such/pwsh -sshs") }, func(_ *testing.T, s *site) {
			s.target.Options.Subsystem = "broken"
		}, stepSession, api.CodeTargetUnsupported, "", "Subsystem powershell"},
		"no SSH server": {onSSH, func(t *testing.T, s *site) { s.target.Options.Port = deafPort(t) }, stepPort, api.CodeTargetUnreachable, "no SSH server", "port"},
		"no WinRM":      {onTLS, func(_ *testing.T, s *site) { s.target.Options.Path = "/other" }, stepSession, api.CodeTargetUnsupported, "HTTP status 404", "path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.at(t)
			c.spoil(t, s)
			e := s.executor(t, Config{OpenTimeout: 20 * time.Second})
			r := inspectTarget(t, e, s.target)
			require.False(t, r.OK)
			failed := slices.IndexFunc(r.Checks, func(c api.ConnectionCheck) bool { return c.State == api.CheckFailed })
			require.Equal(t, c.step, r.Checks[failed].Name, "%+v", r)
			require.Equal(t, r.Cause, r.Checks[failed].Detail)
			require.Contains(t, r.Cause, c.cause)
			require.Contains(t, r.Checks[failed].Advice, c.tell)
			for _, later := range r.Checks[failed+1:] {
				require.Equal(t, api.CheckSkipped, later.State, "%+v", r)
			}
			run := runScript(t, e, "1", Request{Target: s.target})
			require.Equal(t, api.StateFailed, run.result.State)
			require.Equal(t, c.code, run.result.Error.Code, "%+v", run.result.Error)
			require.NotEmpty(t, api.Advice(run.result.Error.Code))
			require.Empty(t, run.records)
		})
	}
}

// keyLine is the public key of somebody else.
func keyLine(t *testing.T) string {
	t.Helper()
	k := sshtest.NewKey(t, "ed25519", "").Signer.PublicKey()
	return k.Type() + " " + base64.StdEncoding.EncodeToString(k.Marshal())
}

// deafPort accepts connections and hangs up.
func deafPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}
