package executor

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// canaryScript prints a secret that it knows, in every form, on every stream.
const canaryScript = `param([string]$S)
$u8 = [Text.Encoding]::UTF8.GetBytes($S); $u16 = [Text.Encoding]::Unicode.GetBytes($S)
$forms = @(
  $S, "x=$S;", [Convert]::ToBase64String($u8), [Convert]::ToBase64String([byte[]](1) + $u8 + 7), [Convert]::ToBase64String([byte[]](1, 2) + $u8 + 7),
  [Convert]::ToBase64String($u16), [BitConverter]::ToString($u8), [Convert]::ToHexString($u8).ToLower(), [Convert]::ToHexString($u16),
  [Uri]::EscapeDataString($S), [Net.WebUtility]::UrlEncode($S), (ConvertTo-Json $S), (ConvertTo-Json @{ a = @{ b = $S } } -Compress),
  [Security.SecurityElement]::Escape($S), [Net.WebUtility]::HtmlEncode($S), [Management.Automation.PSSerializer]::Serialize($S),
  [Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($S), -join [char[]]$u16,
  ($S | ConvertTo-SecureString -AsPlainText -Force | ConvertFrom-SecureString)
)
foreach ($f in $forms) {
  $f; Write-Host $f; Write-Warning $f; Write-Verbose $f -Verbose; Write-Debug $f -Debug; Write-Information $f -Tags $f
  Write-Error -Message $f -ErrorId $f -TargetObject $f -CategoryActivity $f; Write-Progress -Activity $f -Status $f -CurrentOperation $f
  [pscustomobject]@{ Form = $f; $f = 1; List = @($f, @{ $f = $f }) }
  /bin/sh -c 'printf "%s\n" "$1"; printf "%s\n" "$1" >&2' sh $f
}
for ($i = 1; $i -lt $S.Length; $i++) { Write-Host -NoNewline $S.Substring(0, $i); Write-Host $S.Substring($i) }
Write-Host ('y' * 65530 + $S + 'z' * 65530) -NoNewline
$u8; , $u8; $u16
throw "ended by $S"`

// secretForms are what must be nowhere, by other means than package masking.
func secretForms(secret string) []string {
	var wide []byte
	for _, r := range secret { // of one unit each
		wide = append(wide, byte(r), byte(r>>8))
	}
	quoted, _ := json.Marshal(secret)
	forms := []string{
		secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString(wide)), hex.EncodeToString(wide), url.QueryEscape(secret), url.PathEscape(secret),
		string(quoted[1 : len(quoted)-1]), strings.ReplaceAll(secret, "'", "''"), strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(secret),
	}
	for _, b := range [][]byte{[]byte(secret), wide} {
		for offset := range 3 {
			text := base64.StdEncoding.EncodeToString(append(make([]byte, offset), b...))
			forms = append(forms, strings.TrimRight(text, "=")[4:len(text)-4])
		}
	}
	for _, form := range forms { // as JSON, and as JSON in JSON
		b, _ := json.Marshal(form)
		forms = append(forms, string(b[1:len(b)-1]))
	}
	return forms
}

// TestSecretsAreHidden: whatever a script does with the password of an identity,
// no record, no result and no line of the most verbose log has it.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	const canary = `Kv7'x"<&$é+q9Zt`
	given, err := json.Marshal(map[string]string{"S": canary})
	require.NoError(t, err)
	for name, at := range map[string]func(t *testing.T) *site{
		"local": func(*testing.T) *site { return &site{identities: map[string]map[string]any{}} },
		"ssh":   func(t *testing.T) *site { return sshSite(t) },
		"winrm": func(t *testing.T) *site { return winrmSite(t, winrmtest.NTLM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := at(t)
			s.identities["somebody else"] = map[string]any{"user": "x", "password": canary}
			log := &lockedBuffer{}
			e := s.executor(t, Config{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			o := runScript(t, e, canaryScript, Request{Parameters: given, Target: s.target})
			require.Equal(t, api.CodeScriptError, o.code(), "%+v", o.result.Error)
			require.Equal(t, "ended by ***", o.result.Error.Message)
			require.Greater(t, len(o.records), 250)
			var wire bytes.Buffer
			for _, r := range o.records {
				line, err := json.Marshal(r)
				require.NoError(t, err)
				require.True(t, json.Valid(r.Object) || len(r.Object) == 0)
				wire.Write(append(line, '\n'))
			}
			result, err := json.Marshal(o.result)
			require.NoError(t, err)
			wire.Write(result)
			for _, form := range secretForms(canary) {
				require.False(t, bytes.Contains(wire.Bytes(), []byte(form)), "%q is in the records: %s", form, around(wire.String(), form))
				require.False(t, strings.Contains(log.String(), form), "%q is in the log", form)
			}
		})
	}
}

func around(text, form string) string {
	i := strings.Index(text, form)
	if i < 0 {
		return ""
	}
	return text[max(0, i-200):min(len(text), i+len(form)+100)]
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestShortSecretIsNotHidden, and the log says so.
func TestShortSecretIsNotHidden(t *testing.T) {
	t.Parallel()
	s := winrmSite(t, winrmtest.NTLM)
	s.identities["default"]["passphrase"] = "12345"
	o := runScript(t, s.executor(t, Config{}), "'12345'", Request{Target: s.target})
	require.Equal(t, []string{"warning: the passphrase of identity default is shorter than 6 characters and cannot be hidden in this log"}, o.texts(api.StreamSystem))
	require.Equal(t, []string{"12345"}, o.texts(api.StreamOutput))
}

func TestSecretParametersAreFound(t *testing.T) {
	t.Parallel()
	list := secretsOf(nil, []psrp.Parameter{
		{Name: "-Token", Value: psrp.NewSecret("token-text")}, {Name: "Plain", Value: "plain-text"},
		{Name: "Login", Value: psrp.Credential{UserName: "u", Password: psrp.NewSecret("login-text")}}, {Name: "List", Value: newArray([]any{psrp.NewSecret("inner-text")})},
	})
	var found []string
	for _, s := range list {
		found = append(found, s.Name+" "+s.Text)
	}
	require.Equal(t, []string{"parameter Token token-text", "parameter Login login-text", "parameter List inner-text"}, found)
}

// BenchmarkMaskedFlood compares recording with and without secrets to hide.
func BenchmarkMaskedFlood(b *testing.B) {
	line := strings.Repeat("2026-11-26T15:33:18 INFO service started in 15 ms on host web-17 with 3 workers ", 2)
	object := psrp.OutputEvent{Value: line}
	text := psrp.HostCallEvent{Method: psrp.HostWriteLine2, Args: []any{outputMark + line}}
	for name, secrets := range map[string]identities{
		"without":  nil,
		"password": {"a": {name: "a", Password: `Kv7'x"<&$é+q9Zt`}},
	} {
		b.Run(name, func(b *testing.B) {
			k := &maskers{}
			r := &recorder{emit: func(api.Record) {}, now: time.Now}
			r.mask, _ = k.of(secretsOf(secrets, nil))
			b.SetBytes(int64(2 * len(line)))
			for b.Loop() {
				r.event(text)
				r.event(object)
			}
		})
	}
}
