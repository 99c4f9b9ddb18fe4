package clixml

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := Encode(v)
	require.NoError(t, err)
	return string(b)
}

func TestEncodeGoValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "<Nil/>"},
		{(*Object)(nil), "<Nil/>"},
		{5, "<I32>5</I32>"},
		{math.MaxInt32 + 1, "<I64>2147483648</I64>"},
		{math.MinInt64, "<I64>-9223372036854775808</I64>"},
		{uint(7), "<I32>7</I32>"},
		{uint(math.MaxUint64), "<U64>18446744073709551615</U64>"},
		{1e21, "<Db>1e+21</Db>"},
		{math.Copysign(0, -1), "<Db>-0</Db>"},
		{float32(0.1), "<Sg>0.1</Sg>"},
		{true, "<B>true</B>"},
		{[]byte{1, 2, 3}, "<BA>AQID</BA>"},
		{time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), "<DT>2026-01-02T03:04:05.0000006Z</DT>"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -5*3600-1800)), "<DT>2026-01-02T03:04:05-05:30</DT>"},
		{90 * time.Minute, "<TS>PT1H30M</TS>"},
		{TimeSpan(0), "<TS>PT0S</TS>"},
		{TimeSpan(math.MinInt64), "<TS>-P10675199DT2H48M5.4775808S</TS>"},
		{[]string{"a"}, `<Obj RefId="0"><TN RefId="0"><T>System.Collections.ArrayList</T><T>System.Object</T></TN><LST><S>a</S></LST></Obj>`},
		{map[string]any{"b": 1, "a": nil}, `<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T><T>System.Object</T></TN>` +
			`<DCT><En><S N="Key">a</S><Nil N="Value"/></En><En><S N="Key">b</S><I32 N="Value">1</I32></En></DCT></Obj>`},
		{NewBag(Property{"a\"\n", "x"}), `<Obj RefId="0"><MS><S N="a&quot;_x000A_">x</S></MS></Obj>`},
		{NewEnum("A.B", "C", 3), `<Obj RefId="0"><TN RefId="0"><T>A.B</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN><ToString>C</ToString><I32>3</I32></Obj>`},
	} {
		require.Equal(t, c.want, encode(t, c.v))
	}
}

// TestEncodeStrings has the forms that PowerShell 7.6.9 itself sends.
func TestEncodeStrings(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                 "",
		"_x0041_":          "_x005F_x0041_",
		"_X":               "_x005F_X",
		"a_x":              "a_x005F_x",
		"_":                "_",
		"\x00\r\n\t":       "_x0000__x000D__x000A__x0009_",
		"\x7f\u0085\u009f": "_x007F__x0085__x009F_",
		"\u00a0é\u2028":    "\u00a0é\u2028",
		"\ufffe\uffff":     "_xFFFE__xFFFF_",
		"😀":                "_xD83D__xDE00_",
		"\xed\xa0\xbd":     "_xD83D_",
		"\xed\xb8\x80x":    "_xDE00_x",
		"a\xffb":           "a\ufffdb",
		"<&>\"'":           "&lt;&amp;&gt;\"'",
	} {
		require.Equal(t, "<S>"+want+"</S>", encode(t, s), "%q", s)
	}
	long := strings.Repeat("é_x", 1<<20)
	require.Equal(t, long, decode(t, encode(t, long)))
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	deep := any(nil)
	for range 200 {
		deep = NewArrayList(deep)
	}
	for name, v := range map[string]any{
		"unknown type":        make(chan int),
		"markup in a decimal": Decimal("1</D>"),
		"markup in a version": Version("1.2<"),
		"nil key":             NewHashtable(Entry{nil, 1}),
		"member without name": NewBag(Property{"", 1}),
		"object as value":     &Object{Value: &Object{}},
		"too deep":            deep,
		"bad list kind":       &List{Kind: 9},
	} {
		dst := []byte("before")
		got, err := Append(dst, v)
		require.Error(t, err, name)
		require.Equal(t, "before", string(got), name)
	}
}

func TestEncodeCycle(t *testing.T) {
	t.Parallel()
	o := NewBag()
	o.Extended = append(o.Extended, Property{"self", o})
	got := decode(t, encode(t, o)).(*Object)
	self, _ := got.Get("self")
	require.Same(t, got, self)
}

func TestGUIDBytes(t *testing.T) {
	t.Parallel()
	g, err := ParseGUID("{76056A84-51DC-4F24-9262-CA2A55464B2B}")
	require.NoError(t, err)
	want := [16]byte{0x84, 0x6a, 0x05, 0x76, 0xdc, 0x51, 0x24, 0x4f, 0x92, 0x62, 0xca, 0x2a, 0x55, 0x46, 0x4b, 0x2b}
	require.Equal(t, want, g.Bytes())
	require.Equal(t, g, GUIDFromBytes(want))
	require.Equal(t, "76056a84-51dc-4f24-9262-ca2a55464b2b", g.String())
	require.NotEqual(t, NewGUID(), NewGUID())
	require.True(t, GUID{}.IsZero())
}

func TestSecureStringIsHidden(t *testing.T) {
	t.Parallel()
	s := SecureString{Cipher: []byte("secret")}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(format, s), "secret")
		require.NotContains(t, fmt.Sprintf(format, s), "115")
	}
}

// TestRoundTrip draws values of every kind and wants the same back.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		b, err := Encode(v)
		require.NoError(t, err)
		require.True(t, utf8.Valid(b))
		got, err := Decode(b, DecodeOptions{})
		require.NoError(t, err, "%s", b)
		require.Equal(t, v, got, "%s", b)
	})
}

// drawText draws .NET strings: UTF-16 units, so lone surrogates occur.
func drawText(t *rapid.T) string {
	units := rapid.SliceOfN(rapid.OneOf(
		rapid.Uint16Range(0, 0xffff), rapid.Uint16Range(0, 0x9f), rapid.Uint16Range(0xd800, 0xdfff),
		rapid.SampledFrom([]uint16{'_', 'x', 'X', '0', '4', '1', 'F', 0xfffe}),
	), 0, 12).Draw(t, "units")
	var b []byte
	for _, u := range units {
		b = appendWTF8(b, rune(u))
	}
	return string(b)
}

func drawPrimitive(t *rapid.T) any {
	switch rapid.IntRange(0, 22).Draw(t, "kind") {
	case 0:
		return rapid.Bool().Draw(t, "b")
	case 1:
		return Char(rapid.Uint16().Draw(t, "c"))
	case 2:
		return rapid.Uint8().Draw(t, "n")
	case 3:
		return rapid.Int8().Draw(t, "n")
	case 4:
		return rapid.Uint16().Draw(t, "n")
	case 5:
		return rapid.Int16().Draw(t, "n")
	case 6:
		return rapid.Uint32().Draw(t, "n")
	case 7:
		return rapid.Int32().Draw(t, "n")
	case 8:
		return rapid.Uint64().Draw(t, "n")
	case 9:
		return rapid.Int64().Draw(t, "n")
	case 10:
		return rapid.Float32().Draw(t, "f")
	case 11:
		return rapid.Float64().Draw(t, "f")
	case 12:
		return Decimal(rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,9})?`).Draw(t, "d"))
	case 13:
		return DateTime{Ticks: rapid.Int64Range(0, maxTicks).Draw(t, "ticks"), Kind: TimeKind(rapid.IntRange(0, 1).Draw(t, "kind"))}
	case 14:
		return DateTime{Ticks: rapid.Int64Range(0, maxTicks).Draw(t, "ticks"), Kind: Local, OffsetMinutes: int16(rapid.IntRange(-14*60, 14*60).Draw(t, "offset"))}
	case 15:
		return TimeSpan(rapid.Int64().Draw(t, "span"))
	case 16:
		return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
	case 17:
		return GUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "guid"))
	case 18:
		return URI(drawText(t))
	case 19:
		return Version(rapid.StringMatching(`[0-9]{1,9}(\.[0-9]{1,9}){1,3}`).Draw(t, "version"))
	case 20:
		return XML(drawText(t))
	case 21:
		return ScriptBlock(drawText(t))
	default:
		return drawText(t)
	}
}

func drawValue(t *rapid.T, depth int) any {
	if depth == 0 || rapid.Bool().Draw(t, "primitive") {
		return drawPrimitive(t)
	}
	o := &Object{TypeNames: []string{"T" + drawText(t), "System.Object"}}
	if rapid.Bool().Draw(t, "tostring") {
		s := drawText(t)
		o.ToString = &s
	}
	switch rapid.IntRange(0, 3).Draw(t, "content") {
	case 0:
		o.Value = drawPrimitive(t)
	case 1:
		list := &List{Kind: ListKind(rapid.IntRange(0, 3).Draw(t, "list"))}
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			list.Items = append(list.Items, drawValue(t, depth-1))
		}
		o.Value = list
	case 2:
		d := &Dictionary{}
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			d.Entries = append(d.Entries, Entry{drawPrimitive(t), drawValue(t, depth-1)})
		}
		o.Value = d
	}
	for range rapid.IntRange(0, 3).Draw(t, "notes") {
		o.Extended = append(o.Extended, Property{"n" + drawText(t), drawValue(t, depth-1)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "props") {
		o.Properties = append(o.Properties, Property{"p" + drawText(t), drawValue(t, depth-1)})
	}
	return o
}
