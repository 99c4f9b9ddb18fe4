package masking

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// canary has a character of every kind that some form escapes.
const canary = `Kv7'x"<&$` + "`" + `\/é +q9Zt`

// encodings are the forms that are promised, made by other means than forms.go
// where there are any. cut says how many characters at each end may stay: those
// of base64 that hold bits of neighbours too.
var encodings = map[string]func(secret string) string{
	"plain":              func(s string) string { return s },
	"base64 at 0":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 at 1":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte("a" + s + "yz")) },
	"base64 at 2":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte("ab" + s + "y")) },
	"base64 for URLs":    func(s string) string { return base64.URLEncoding.EncodeToString([]byte("user:" + s)) },
	"UTF-16LE":           utf16le,
	"base64 of UTF-16LE": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(utf16le("abc" + s))) },
	"hex":                func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hex, BitConverter":  func(s string) string { return strings.TrimSuffix(fmt.Sprintf("% X", s), " ") },
	"URL":                url.QueryEscape,
	"URL path":           url.PathEscape,
	"JSON":               func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"JSON in JSON":       func(s string) string { b, _ := json.Marshal(s); b, _ = json.Marshal(string(b)); return string(b) },
	"XML": func(s string) string {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s)
	},
	"PowerShell single quote": func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	"PowerShell double quote": func(s string) string {
		return `"` + strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"").Replace(s) + `"`
	},
}

// TestEveryFormIsHidden: nothing of a form is left that would give back more
// than its first or last character.
func TestEveryFormIsHidden(t *testing.T) {
	t.Parallel()
	m, refused := New([]Secret{{"canary", canary}})
	require.Empty(t, refused)
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := encode(canary)
			got := m.Text("before " + text + " after")
			require.Contains(t, got, Mask)
			require.NotContains(t, got, text)
			left := strings.Replace(strings.TrimSuffix(strings.TrimPrefix(got, "before "), " after"), Mask, "", 1)
			require.LessOrEqual(t, len(left), 12, "what is left: %q", left) // neighbours in base64, and quotes
			require.NotContains(t, got, "q9Zt")
		})
	}
}

// TestSplitAtEveryByte: over two writes, a stream leaves no form whole, and at
// most the smaller half of one.
func TestSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	m, _ := New([]Secret{{"canary", canary}})
	for name, encode := range encodings {
		form := encode(canary)
		for cut := 1; cut < len(form); cut++ {
			s := m.Stream()
			got := s.Text("<"+form[:cut]) + s.Text(form[cut:]+">")
			require.NotContains(t, got, form, "%s cut at %d", name, cut)
			require.Contains(t, got, Mask, "%s cut at %d", name, cut)
			left := strings.ReplaceAll(got, Mask, "")
			require.LessOrEqual(t, len(left), 2+12+len(form)/2, "%s cut at %d leaves %q", name, cut, left)
		}
	}
}

func TestJSONStaysJSON(t *testing.T) {
	t.Parallel()
	m, _ := New([]Secret{{"canary", canary}, {"number", "48151623"}, {"word", "string"}, {"quoted", `"type":`}})
	text, err := json.Marshal(map[string]any{
		"type": "x", "string": canary, "list": []any{48151623, "a " + canary + " b", true, nil, 1.5},
		"nested": string(must(json.Marshal(canary))), canary: 1,
	})
	require.NoError(t, err)
	got := m.JSON(text)
	var back map[string]any
	require.NoError(t, json.Unmarshal(got, &back), string(got))
	require.NotContains(t, string(got), jsonEscape(canary))
	require.NotContains(t, string(got), "q9Zt")
	require.NotContains(t, string(got), "48151623")
	require.Equal(t, []any{Mask, "a " + Mask + " b", true, nil, 1.5}, back["list"])
	require.Equal(t, "x", back["type"])
	require.Equal(t, `"`+Mask+`"`, back["nested"])

	same := json.RawMessage(`{"a":[1,2,"é\n"],"b":null}`)
	require.Equal(t, same, m.JSON(same))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestLinesOfSecrets(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN KEY-----\r\nMIIEpAIBAAKCAQEAn1\r\n  abcdefghijkl\r\nxy\r\n-----END KEY-----\r\n"
	m, refused := New([]Secret{{"key", key}})
	require.Empty(t, refused)
	require.Equal(t, "x *** y", m.Text("x MIIEpAIBAAKCAQEAn1 y"))
	require.Equal(t, "x *** y", m.Text("x abcdefghijkl y"))
	require.Equal(t, "xy", m.Text("xy"), "a line of two characters cannot be told from text")
	require.Equal(t, Mask, strings.ReplaceAll(m.Text(strings.ReplaceAll(key, "\r\n", "\n")), "\n", ""))
}

func TestShortSecretsAreRefused(t *testing.T) {
	t.Parallel()
	m, refused := New([]Secret{{"short", "12345"}, {"spaces", "  abc   "}, {"empty", ""}, {"six", "sixsix"}})
	require.Equal(t, []string{"short", "spaces"}, refused)
	require.Equal(t, "12345 "+Mask, m.Text("12345 sixsix"))
	none, _ := New(nil)
	require.Nil(t, none)
	require.Equal(t, "sixsix", none.Text("sixsix"))
	s := none.Stream()
	require.Equal(t, "sixsix", s.Text("sixsix"))
	require.Equal(t, json.RawMessage(`"sixsix"`), none.JSON(json.RawMessage(`"sixsix"`)))
}

// TestFormatterCuts: a value that a table cuts off is hidden as far as it is
// shown, if that is half of it or more.
func TestFormatterCuts(t *testing.T) {
	t.Parallel()
	m, _ := New([]Secret{{"a", "correct horse battery"}})
	require.Equal(t, "x *** y", m.Text("x correct horse battery y"))
	require.Equal(t, "x ***… y", m.Text("x correct horse… y"))
	require.Equal(t, "x corre… y", m.Text("x corre… y"))
	require.Equal(t, "***…"+Mask, m.Text("correct horse b…correct horse battery"))
}

func TestOverlapsAndCuts(t *testing.T) {
	t.Parallel()
	m, _ := New([]Secret{{"a", "secret-one"}, {"b", "one-secret"}, {"c", "secret"}})
	require.Equal(t, Mask, m.Text("secret-one-secret"))
	require.Equal(t, "a"+Mask+"b"+Mask, m.Text("asecretbsecret"))
	for text, want := range map[string]int{"nothing": 7, "here it sec": 8, "secret": 0, "secret!": 7, "": 0} {
		require.Equal(t, want, m.Cut(text), text)
	}
}

// FuzzStream: however a text is cut, a stream hides what Text hides.
func FuzzStream(f *testing.F) {
	f.Add("a secret-one b", 5)
	f.Add("secret-secret-one", 9)
	m, _ := New([]Secret{{"a", "secret-one"}, {"b", "other secret"}})
	f.Fuzz(func(t *testing.T, text string, cut int) {
		if cut < 0 || cut > len(text) {
			return
		}
		s := m.Stream()
		got := s.Text(text[:cut]) + s.Text(text[cut:])
		for _, secret := range []string{"secret-one", "other secret"} {
			require.NotContains(t, got, secret)
		}
		if raw, err := json.Marshal(text); err == nil {
			require.True(t, json.Valid(m.JSON(raw)))
		}
	})
}

func BenchmarkText(b *testing.B) {
	line := strings.Repeat("2026-11-26T15:33:18 INFO service started in 15 ms on host web-17 with 3 workers\n", 12)
	for name, secrets := range map[string][]Secret{
		"one password": {{"p", canary}},
		"a key too":    {{"p", canary}, {"k", strings.Repeat(base64.StdEncoding.EncodeToString([]byte(canary + canary + canary))[:64]+"\n", 38)}},
	} {
		m, _ := New(secrets)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if m.Text(line) != line {
					b.Fatal("hidden")
				}
			}
			b.ReportMetric(float64(len(m.words.nodes)), "nodes")
		})
	}
}
