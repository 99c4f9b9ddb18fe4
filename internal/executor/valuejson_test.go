package executor

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp/clixml"
)

func TestObjectJSON(t *testing.T) {
	t.Parallel()
	text := "shown"
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, `{"type":null,"string":"","value":null}`},
		{int32(5), `{"type":"System.Int32","string":"5","value":5}`},
		{"a\"\x00\u2028é", `{"type":"System.String","string":"a\"\u0000\u2028é","value":"a\"\u0000\u2028é"}`},
		{int64(1) << 53, `{"type":"System.Int64","string":"9007199254740992","value":9007199254740992}`},
		{int64(1)<<53 + 1, `{"type":"System.Int64","string":"9007199254740993","value":"9007199254740993"}`},
		{uint64(math.MaxUint64), `{"type":"System.UInt64","string":"18446744073709551615","value":"18446744073709551615"}`},
		{clixml.Decimal("12.50"), `{"type":"System.Decimal","string":"12.50","value":"12.50"}`},
		{clixml.Decimal("12.5"), `{"type":"System.Decimal","string":"12.5","value":12.5}`},
		{math.NaN(), `{"type":"System.Double","string":"NaN","value":"NaN"}`},
		{math.Inf(-1), `{"type":"System.Double","string":"-Infinity","value":"-Inf"}`},
		{0.1, `{"type":"System.Double","string":"0.1","value":0.1}`},
		{1e15, `{"type":"System.Double","string":"1E+15","value":1e+15}`},
		{float32(0.1), `{"type":"System.Single","string":"0.1","value":0.1}`},
		{true, `{"type":"System.Boolean","string":"True","value":true}`},
		{[]byte{1, 255}, `{"type":"System.Byte[]","string":"1 255","value":"Af8="}`},
		{clixml.DateTime{Ticks: 637134336000000000, Kind: clixml.UTC}, `{"type":"System.DateTime","string":"01/01/2020 00:00:00","value":"2020-01-01T00:00:00Z"}`},
		{clixml.TimeSpan(-15_000_000), `{"type":"System.TimeSpan","string":"-00:00:01.5000000","value":"-00:00:01.5000000"}`},
		{clixml.SecureString{Cipher: []byte("secret")}, `{"type":"System.Security.SecureString","string":"System.Security.SecureString","value":"System.Security.SecureString"}`},
		{clixml.NewEnum("System.DayOfWeek", "Friday", 5), `{"type":"System.DayOfWeek","string":"Friday","value":5}`},
		{clixml.NewArrayList("a", nil), `{"type":"System.Collections.ArrayList","string":"a ","items":[{"type":"System.String","string":"a","value":"a"},{"type":null,"string":"","value":null}]}`},
		{clixml.NewHashtable(clixml.Entry{Key: int32(1), Value: "x"}), `{"type":"System.Collections.Hashtable","string":"System.Collections.Hashtable","entries":[{"key":{"type":"System.Int32","string":"1","value":1},"value":{"type":"System.String","string":"x","value":"x"}}]}`},
		{&clixml.Object{TypeNames: []string{"Deserialized.A.B"}, ToString: &text, Properties: []clixml.Property{{Name: "P", Value: "prop"}, {Name: "Q", Value: "q"}}, Extended: []clixml.Property{{Name: "p", Value: "note"}}},
			`{"type":"A.B","string":"shown","properties":{"Q":{"type":"System.String","string":"q","value":"q"},"p":{"type":"System.String","string":"note","value":"note"}}}`},
		{&clixml.Object{Value: int32(5), Extended: []clixml.Property{{Name: "n", Value: "x"}}}, `{"type":"System.Int32","string":"5","value":5,"properties":{"n":{"type":"System.String","string":"x","value":"x"}}}`},
	} {
		got := string(objectJSON(c.v))
		require.True(t, json.Valid([]byte(got)), got)
		require.JSONEq(t, c.want, got)
	}
}

// TestObjectJSONIsBounded: references that form cycles, or a tree of 2^40
// nodes, end.
func TestObjectJSONIsBounded(t *testing.T) {
	t.Parallel()
	self := clixml.NewBag()
	self.Extended = append(self.Extended, clixml.Property{Name: "me", Value: self})
	require.JSONEq(t, `{"type":"System.Management.Automation.PSObject","string":"@{me=}","properties":{"me":{"type":"System.Management.Automation.PSObject","string":"@{me=}"}}}`, string(objectJSON(self)))

	v := any("leaf")
	for range 40 {
		v = clixml.NewArrayList(v, v)
	}
	b := objectJSON(v)
	require.True(t, json.Valid(b))
	require.Less(t, len(b), 64<<20)

	for range 90 {
		v = clixml.NewArrayList(v)
	}
	require.True(t, json.Valid(objectJSON(v)))
}

func TestValidText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "aé\ufffd\ufffdb\ufffdc", validText("aé\xed\xb8\x80\xed\xa0\xbdb\xffc"))
	require.Equal(t, "same", validText("same"))
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"report":        "report.ps1",
		"report.ps1":    "report.ps1",
		"a b [1] 'é' $": "a b [1] 'é' $.ps1",
		"../../etc/x":   ".._.._etc_x.ps1",
		`c:\x*?`:        "c__x__.ps1",
		"":              "script.ps1",
		"..":            "script.ps1",
		"a\x00\nb\xff":  "a__b_.ps1",
	} {
		require.Equal(t, want, fileName(name))
	}
	long := fileName(string(make([]byte, 0)) + "é" + longText(300))
	require.LessOrEqual(t, len(long), 204)
}

func longText(n int) string {
	b := make([]rune, n)
	for i := range b {
		b[i] = 'é'
	}
	return string(b)
}
