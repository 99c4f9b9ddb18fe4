package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
)

// TestARunOverSSHKeepsTheAgentsSecretToItself: a script on a target prints the password of the identity that reached it, in
// several forms, while the server is away. The spool has every record, and neither it nor the agent's log nor the database has
// any of the forms.
func TestARunOverSSHKeepsTheAgentsSecretToItself(t *testing.T) {
	t.Parallel()
	s, a, l := newFaultStack(t)
	p := s.adminPerson()
	const secret = "Kanarienvogel-8842"
	options := sshTarget(t, a, map[string]any{"password": secret})
	local, err := api.One[api.Target](p.ctx, p.Client, api.ViewTargets, api.Where("name", "local"))
	require.NoError(t, err)
	created, err := p.CreateTarget(p.ctx, api.NewTarget{Name: "over-ssh", Kind: "ssh", PoolID: local.PoolID, Options: options})
	require.NoError(t, err)
	script := p.push("printer", `
$s = -join '`+reversed(secret)+`'[`+strconv.Itoa(len(secret)-1)+`..0]
'started'
while (-not [IO.File]::Exists('`+l.dir+`/gate-print')) { Start-Sleep -Milliseconds 20 }
$s
"in the middle $s of a line"
[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($s))
[Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes("xx$s"))
[Convert]::ToHexString([Text.Encoding]::UTF8.GetBytes($s)).ToLowerInvariant()
[pscustomobject]@{ Secret = $s; Nested = @{ $s = 1 } }
Write-Error $s
Write-Warning $s
Write-Host $s
'all printed'
throw $s`)
	run := p.start(script, nil, func(q *api.QueueRun) { q.TargetIDs = []string{created.ID} })
	p.started(run, "started")
	s.kill()
	l.open("print")
	until(t, "the last record in the spool", func() bool { return strings.Contains(below(t, a.state), "all printed") })

	hidden := []string{
		secret, base64.StdEncoding.EncodeToString([]byte(secret))[:20], hex.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString(utf16le("xx" + secret))[8:40],
	}
	nothing := func(where, text string) {
		t.Helper()
		for _, form := range hidden {
			require.NotContains(t, text, form, where)
		}
	}
	nothing("the agent's state folder", below(t, a.state, "identities.json"))
	s.start()
	require.Equal(t, "failed", p.finished(run).State)
	chunks, err := api.List[api.LogChunk](p.ctx, p.Client, api.ViewRunLogs, api.Where("run_id", run))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(chunks), "all printed")
	nothing("the stored log", fmt.Sprint(chunks))
	target, err := json.Marshal(p.theTarget(run))
	require.NoError(t, err)
	nothing("the stored result", string(target))
	nothing("the agent's log", a.log.String())
}

// sshTarget starts an sshd with PowerShell, gives the agent an identity that gets in, and returns the options of the target.
func sshTarget(t *testing.T, a *agent, more map[string]any) json.RawMessage {
	t.Helper()
	engine, err := runtime.Find(t.Context())
	require.NoError(t, err)
	server := sshtest.Start(t, sshtest.Options{PowerShell: append([]string{engine.Path}, engine.Args...)})
	identity := map[string]any{"key": string(sshtest.UserKeys(t)["ed25519"].PEM)}
	for name, value := range more {
		identity[name] = value
	}
	text, err := json.Marshal(map[string]any{"identities": map[string]any{"default": identity}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(a.state, "identities.json"), text, 0o600))
	host, port, err := net.SplitHostPort(server.Address)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	options, err := json.Marshal(map[string]any{"address": host, "port": number, "user": server.User, "host_key": server.HostKeyLines()})
	require.NoError(t, err)
	return options
}

// below is the content of all files of a folder but those named.
func below(t testing.TB, dir string, but ...string) string {
	t.Helper()
	var all strings.Builder
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		for _, name := range but {
			if err == nil && d.Name() == name {
				return nil
			}
		}
		if err == nil && d.Type().IsRegular() { // files come and go
			text, _ := os.ReadFile(path)
			all.Write(text)
		}
		return nil
	})
	return all.String()
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func utf16le(s string) (b []byte) {
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return b
}
