package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// site is a target of the tests, and what the agent knows about it.
type site struct {
	target     api.TargetSpec
	identities map[string]map[string]any
	ssh        *sshtest.Server
	winrm      *winrmtest.Endpoint
}

func powershell(t testing.TB) []string {
	t.Helper()
	engine, err := runtime.Find(context.Background())
	require.NoError(t, err)
	return append([]string{engine.Path}, engine.Args...)
}

// remoteHome is a variable: the home of the account on a target.
func remoteHome(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "epo-remote-home")
	require.NoError(t, os.Mkdir(dir, 0o755))
	return "HOME=" + dir
}

// sshSite is a real sshd with a real PowerShell behind it.
func sshSite(t testing.TB, lines ...string) *site {
	t.Helper()
	s := sshtest.Start(t, sshtest.Options{PowerShell: powershell(t), Env: []string{"TZ=UTC", remoteHome(t)}, Lines: lines})
	p := &site{ssh: s, target: api.TargetSpec{Kind: api.TargetSSH, Options: api.TargetOptions{User: s.User, HostKeys: s.HostKeyLines()}}}
	p.address(t, s.Address)
	p.identities = map[string]map[string]any{"default": {"key": string(sshtest.UserKeys(t)["ed25519"].PEM)}}
	return p
}

// winrmSite is a WS-Man service that bridges to a real PowerShell.
func winrmSite(t testing.TB, access winrmtest.Access) *site {
	t.Helper()
	e := winrmtest.Start(t, winrmtest.Options{Access: access, PowerShell: powershell(t), Env: []string{remoteHome(t)}})
	o := api.TargetOptions{User: e.User, CA: string(e.CA), Auth: api.AuthNTLM}
	id := map[string]any{"password": e.Password}
	switch access {
	case winrmtest.NTLM:
		o.Scheme = api.SchemeHTTP
	case winrmtest.Basic:
		o.Auth = api.AuthBasic
	case winrmtest.Certificate:
		o.Auth, o.User = api.AuthCertificate, ""
		id = map[string]any{"certificate": string(e.ClientCertificate), "key": string(e.ClientKey)}
	}
	p := &site{winrm: e, target: api.TargetSpec{Kind: api.TargetWinRM, Options: o}}
	p.address(t, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(e.URL(), "/wsman"), "https://"), "http://"))
	p.identities = map[string]map[string]any{"default": id}
	return p
}

func (p *site) address(t testing.TB, hostPort string) {
	t.Helper()
	host, port, err := net.SplitHostPort(hostPort)
	require.NoError(t, err)
	p.target.Options.Address = host
	p.target.Options.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
}

// identitiesFile writes what the agent knows, for its owner only.
func identitiesFile(t testing.TB, entries map[string]map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"identities": entries})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), IdentitiesFile)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// executor makes one that knows the site.
func (p *site) executor(t testing.TB, c Config) *Executor {
	t.Helper()
	c.Identities = identitiesFile(t, p.identities)
	return newTestExecutor(t, c)
}

// sites are all kinds of targets.
var sites = map[string]func(t testing.TB) *site{
	"ssh":                func(t testing.TB) *site { return sshSite(t) },
	"winrm, NTLM sealed": func(t testing.TB) *site { return winrmSite(t, winrmtest.NTLM) },
	"winrm, NTLM on TLS": func(t testing.TB) *site { return winrmSite(t, winrmtest.NTLMOverTLS) },
	"winrm, Basic":       func(t testing.TB) *site { return winrmSite(t, winrmtest.Basic) },
	"winrm, certificate": func(t testing.TB) *site { return winrmSite(t, winrmtest.Certificate) },
}

// bothSites are one of each transport.
var bothSites = map[string]func(t testing.TB) *site{"ssh": sites["ssh"], "winrm": sites["winrm, NTLM sealed"]}

// TestRemoteRunsAsLocally: the same records and the same results.
func TestRemoteRunsAsLocally(t *testing.T) {
	t.Parallel()
	script := `[CmdletBinding()]param([string]$Name, [int[]]$Numbers, [hashtable]$Map, [switch]$Loud)
'{0} {1} {2} {3}' -f $Name, $Numbers.GetType().Name, $Map.a, $Loud
Write-Host "host $(Split-Path -Leaf $PSCommandPath)"; Write-Warning w; Write-Verbose v -Verbose; Write-Information i
Write-Error bad
Write-Progress -Activity p -Status s -PercentComplete 50
(Get-ChildItem -Force).Count
[pscustomobject]@{ A = 1; B = 'x' }
exit 3`
	r := Request{ScriptName: "a [1] $b.ps1", Parameters: []byte(`{"name":"Grüße 'x'","Numbers":[1,2],"Map":{"a":"z"},"Loud":true}`)}
	want := comparable(runScript(t, sharedExecutor(t), script, r))
	require.Contains(t, want, "output Grüße 'x' Int32[] z True")
	for name, at := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := at(t)
			r := r
			r.Target = p.target
			got := runScript(t, p.executor(t, Config{}), script, r)
			require.Equal(t, want, comparable(got))
			require.Equal(t, 3, *got.result.ExitCode)
			if p.winrm != nil {
				require.Zero(t, p.winrm.Shells())
			}
		})
	}
}

// comparable leaves out what differs by site and time.
func comparable(o outcome) string {
	var b strings.Builder
	for _, r := range o.records {
		object := string(r.Object)
		if r.Stream == api.StreamError {
			var e api.ErrorInfo
			_ = json.Unmarshal(r.Object, &e)
			object = fmt.Sprint(e.Code, e.Line, e.ErrorID)
		}
		if r.Stream == api.StreamInformation {
			object = ""
		}
		fmt.Fprintf(&b, "%s %s %s\n", r.Stream, r.Text, object)
	}
	fmt.Fprintf(&b, "%+v", *o.result.Error)
	return b.String()
}

// TestRemoteDirectoryIsPrivateAndGone: while the script runs nobody else can
// enter its directory; afterwards it is gone, however the script ended.
func TestRemoteDirectoryIsPrivateAndGone(t *testing.T) {
	t.Parallel()
	for name, at := range bothSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := at(t)
			e := p.executor(t, Config{})
			for end, script := range map[string]string{
				"ends": "", "throws": "throw 'x'", "exits": "exit 1", "stays in it": "Set-Location $PSScriptRoot",
				"made it read-only": "chmod -R a-w $PSScriptRoot",
			} {
				o := runScript(t, e, `[string](Get-Item (Split-Path $PSScriptRoot)).UnixFileMode; Split-Path $PSScriptRoot; (Get-FileHash $PSCommandPath).Hash
`+script, Request{Target: p.target})
				texts := o.texts(api.StreamOutput)
				require.GreaterOrEqual(t, len(texts), 3, "%s: %+v", end, o)
				require.Equal(t, "UserExecute, UserWrite, UserRead", texts[0], end)
				require.NoDirExists(t, texts[1], end)
			}
			ctx, seen := whenSeen(t, "go")
			var dir string
			result := e.Run(ctx, Request{Script: []byte("Split-Path $PSScriptRoot; 'go'; Start-Sleep 600"), Target: p.target}, func(r api.Record) {
				if strings.HasPrefix(r.Text, os.TempDir()) {
					dir = r.Text
				}
				seen(r)
			})
			require.Equal(t, api.StateCancelled, result.State)
			require.NotEmpty(t, dir)
			require.NoDirExists(t, dir)
		})
	}
}

// TestRemoteCancel: a script that can be stopped is, within two seconds.
func TestRemoteCancel(t *testing.T) {
	t.Parallel()
	for name, at := range bothSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := at(t)
			e := p.executor(t, Config{})
			ctx, seen := whenSeen(t, "go")
			var told time.Time
			o := outcome{}
			o.result = e.Run(ctx, Request{Script: []byte("try { 'go'; Start-Sleep 600 } finally { Write-Host 'tidied' }"), Target: p.target}, func(r api.Record) {
				o.records = append(o.records, r)
				if r.Text == "go" {
					told = time.Now()
				}
				seen(r)
			})
			took := time.Since(told)
			require.Equal(t, api.StateCancelled, o.result.State, "%+v", o.result.Error)
			require.Equal(t, api.CodeCancelled, o.result.Error.Code, o.result.Error.Message)
			require.Contains(t, o.texts(api.StreamHost), "tidied")
			t.Logf("cancelled in %v", took)
			require.Less(t, took, 50*time.Second) // below 1 s on a machine that does nothing else
		})
	}
}

// TestJumpHost: the way goes through another host, with an identity and a host
// key of its own.
func TestJumpHost(t *testing.T) {
	t.Parallel()
	gate, s := sshSite(t), sshSite(t)
	s.identities["default"]["jump"] = "gate"
	s.identities["gate"] = gate.identities["default"]
	s.target.Options.Jump = gate.target.Options.User + "@" + gate.target.HostPort()
	s.target.Options.JumpHostKeys = gate.target.Options.HostKeys
	e := s.executor(t, Config{})
	o := runScript(t, e, "$env:SSH_CONNECTION.Split(' ')[0]", Request{Target: s.target})
	require.Equal(t, []string{"127.0.0.1"}, o.strings(), "%+v", o.result.Error)
	require.Contains(t, gate.ssh.Log(), "Accepted publickey")

	target := s.target
	target.Options.JumpHostKeys = nil
	o = runScript(t, e, "1", Request{Target: target})
	require.Equal(t, api.CodeHostKeyUnknown, o.code())
	target.Options.JumpHostKeys = s.target.Options.HostKeys // those of the other host
	o = runScript(t, e, "1", Request{Target: target})
	require.Equal(t, api.CodeHostKeyMismatch, o.code(), o.result.Error.Message)

	s.identities["default"]["jump"] = "nobody"
	o = runScript(t, s.executor(t, Config{}), "1", Request{Target: s.target})
	require.Equal(t, api.CodeIdentityUnusable, o.code())
	require.Contains(t, o.result.Error.Message, `names "nobody" for the jump host`)
}
