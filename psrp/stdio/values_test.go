package stdio_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// Round trips through the real engine: into a parameter, through .NET, and out
// as output. The encoder and decoder alone are tested in psrp/clixml.

func TestCheck18_Strings(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	texts := []any{
		"", "_x0041_", "_X0041_", "_X", "a_x", "_x", "__x005F_", "nul\x00nul", "cr\rlf\ntab\tcrlf\r\n",
		"\u0085\u007f\u009f", "\ufffe", "\uffff", "\ufdd0\u2028\ufeff", "😀 emoji 👩‍👩‍👧", "high \xed\xa0\xbd only",
		"low \xed\xb8\x80 only", "<&>'\"", "  spaces  ", "ß é 漢字",
	}
	r := script(t, pool, "param($list) foreach ($s in $list) { $s }", psrp.Parameter{Name: "list", Value: clixml.NewArrayList(texts...)})
	require.Equal(t, texts, r.outputs())
	for _, name := range []string{"list", "-list"} {
		r = script(t, pool, `param($list) ($list[13].ToCharArray() | ForEach-Object { '{0:X4}' -f [int]$_ }) -join ' '`,
			psrp.Parameter{Name: name, Value: clixml.NewArrayList(texts...)})
		require.Contains(t, r.outputs()[0], "D83D DE00 0020")
	}

	million := strings.Repeat("0123456789", 100_000)
	r = script(t, pool, "param($s) $s.Length; $s", psrp.Parameter{Name: "s", Value: million})
	require.Equal(t, []any{int32(1_000_000), million}, r.outputs())
}

func TestCheck19_PrimitivesAtTheirLimits(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	guid := psrp.NewGUID()
	values := []any{
		true, false, uint8(255), int8(-128), uint16(65535), int16(-32768), uint32(math.MaxUint32), int32(math.MinInt32),
		uint64(math.MaxUint64), int64(math.MinInt64), float32(1.5), float32(math.Inf(1)), math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.Inf(-1), clixml.Decimal("7.9228162514264337593543950335"),
		clixml.Decimal("-79228162514264337593543950335"), clixml.Char(0xffff), clixml.Char('A'), guid,
		clixml.Version("1.2"), clixml.Version("1.2.3"), clixml.Version("1.2.3.4"),
		clixml.TimeSpan(math.MinInt64), clixml.TimeSpan(math.MaxInt64), clixml.TimeSpan(1),
	}
	r := script(t, pool, "param($list) foreach ($v in $list) { $v }", psrp.Parameter{Name: "list", Value: clixml.NewArrayList(values...)})
	require.Equal(t, values, bases(r.outputs()))

	r = script(t, pool, "[double]::NaN; [single]::NaN; -0.0; 1.10d")
	got := bases(r.outputs())
	require.True(t, math.IsNaN(got[0].(float64)))
	require.True(t, math.IsNaN(float64(got[1].(float32))))
	require.True(t, math.Signbit(got[2].(float64)))
	require.Equal(t, clixml.Decimal("1.10"), got[3])
}

func TestCheck19_Dates(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `[datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Utc).AddTicks(1234567); [datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Local)
		[datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Unspecified); [datetime]::MaxValue; [datetime]::MinValue`)
	sent := bases(r.outputs())
	require.Len(t, sent, 5)
	r = script(t, pool, "param($list) foreach ($d in $list) { $d; $d.Kind.ToString(); $d.Ticks }",
		psrp.Parameter{Name: "list", Value: clixml.NewArrayList(sent...)})
	kinds := []any{"Utc", "Local", "Unspecified", "Unspecified", "Unspecified"}
	ticks := []any{int64(639029198451234567), int64(639029198450000000), int64(639029198450000000),
		int64(3155378975999999999), int64(0)}
	for i := range sent {
		got := bases(r.outputs()[3*i : 3*i+3])
		require.Equal(t, []any{sent[i], kinds[i], ticks[i]}, got)
	}
}

// bases unwraps what the engine boxed.
func bases(values []any) []any {
	for i := range values {
		values[i] = clixml.Base(values[i])
	}
	return values
}

func TestCheck20_Containers(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	for text, want := range map[string]struct {
		kind  clixml.ListKind
		items []any
	}{
		",@(1, 2)":                                {clixml.ArrayList, []any{int32(1), int32(2)}},
		",@()":                                    {clixml.ArrayList, nil},
		",[Collections.ArrayList]@('a')":          {clixml.ArrayList, []any{"a"}},
		",[Collections.Queue]@(1, 2)":             {clixml.Queue, []any{int32(1), int32(2)}},
		",[Collections.Stack]@(1, 2)":             {clixml.Stack, []any{int32(2), int32(1)}},
		",[Collections.Generic.HashSet[int]]@(7)": {clixml.Enumerable, []any{int32(7)}},
	} {
		r := script(t, pool, text)
		require.Len(t, r.outputs(), 1, text)
		list := r.outputs()[0].(*clixml.Object).Value.(*clixml.List)
		require.Equal(t, want.kind, list.Kind, text)
		require.ElementsMatch(t, want.items, list.Items, text)
	}

	r := script(t, pool, `@{ 1 = 'int'; ([guid]'76056a84-51dc-4f24-9262-ca2a55464b2b') = 'guid' }
		[ordered]@{ z = 1; a = @(1, @(2, 3)) }; @{}`)
	table := r.outputs()[0].(*clixml.Object)
	require.Len(t, table.Value.(*clixml.Dictionary).Entries, 2)
	for _, e := range table.Value.(*clixml.Dictionary).Entries {
		if e.Value == "guid" {
			require.Equal(t, "76056a84-51dc-4f24-9262-ca2a55464b2b", e.Key.(psrp.GUID).String())
		} else {
			require.Equal(t, int32(1), e.Key)
		}
	}
	ordered := r.outputs()[1].(*clixml.Object)
	require.Equal(t, "System.Collections.Specialized.OrderedDictionary", ordered.TypeName())
	require.Equal(t, "z", ordered.Value.(*clixml.Dictionary).Entries[0].Key)
	require.Empty(t, r.outputs()[2].(*clixml.Object).Value.(*clixml.Dictionary).Entries)

	r = script(t, pool, "param($t, [string[]] $s) $t.GetType().Name; $t['K'][1]; $s.Count",
		psrp.Parameter{Name: "t", Value: clixml.NewHashtable(clixml.Entry{Key: "k", Value: clixml.NewArrayList("a", "b")})},
		psrp.Parameter{Name: "s", Value: clixml.NewArrayList("x", "y")})
	require.Equal(t, []any{"Hashtable", "b", int32(2)}, r.outputs())
}

func TestCheck21_Nulls(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	require.Equal(t, []any{nil}, script(t, pool, "$null").outputs())
	require.Empty(t, script(t, pool, "").outputs())
	require.Empty(t, script(t, pool, "@()").outputs())
	require.Equal(t, []any{nil, int32(1)}, bases(script(t, pool, "@($null, 1)").outputs()))
}

func TestCheck22_PropertyNames(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `[pscustomobject]@{ 'with space' = 1; 'ünï' = 2; '_x0041_' = 3; 'a<b' = 4 }
		[version]'1.2' | Add-Member -PassThru Major 'shadow' -Force
		[IO.DriveInfo]'/' | Select-Object Name | Add-Member -PassThru Extra 1`)
	o := r.outputs()[0].(*clixml.Object)
	require.Contains(t, o.TypeNames, "System.Management.Automation.PSCustomObject")
	for i, name := range []string{"with space", "ünï", "_x0041_", "a<b"} {
		v, ok := o.Get(name)
		require.True(t, ok, name)
		require.EqualValues(t, i+1, clixml.Base(v))
	}
	v, _ := r.outputs()[1].(*clixml.Object).Get("major")
	require.Equal(t, "shadow", v, "notes come first")
}

func TestCheck23_References(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `$shared = [pscustomobject]@{ n = 1 }; $o = [pscustomobject]@{ a = $shared; b = $shared; self = $null }
		$o.self = $o; $o`)
	o := r.outputs()[0].(*clixml.Object)
	a, _ := o.Get("a")
	b, _ := o.Get("b")
	self, _ := o.Get("self")
	require.Same(t, a, b)
	require.Same(t, o, self)

	node := clixml.NewArrayList("x")
	pair := clixml.NewArrayList(node, node)
	r = script(t, pool, "param($p) [object]::ReferenceEquals($p[0], $p[1])", psrp.Parameter{Name: "p", Value: pair})
	require.Equal(t, []any{true}, r.outputs())
}

func TestCheck24_TypesKeepTheirNames(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, `[DayOfWeek]::Tuesday; { 1 + 1 }; [uri]'https://example.org/a b'; [xml]'<a>1</a>'; [regex]'a+'`)
	got := r.outputs()
	day := got[0].(*clixml.Object)
	require.Equal(t, []string{"System.DayOfWeek", "System.Enum", "System.ValueType", "System.Object"}, day.TypeNames)
	require.Equal(t, "Tuesday", *day.ToString)
	require.Equal(t, int32(2), clixml.Base(day))
	require.Equal(t, clixml.ScriptBlock(" 1 + 1 "), got[1])
	require.Equal(t, clixml.URI("https://example.org/a b"), clixml.Base(got[2]))
	require.Equal(t, clixml.XML("<a>1</a>"), clixml.Base(got[3]))
	regex := got[4].(*clixml.Object)
	require.Equal(t, "System.Text.RegularExpressions.Regex", regex.TypeName())
	require.Equal(t, "a+", *regex.ToString)

	r = script(t, pool, "param($d) $d -is [DayOfWeek]; ([DayOfWeek]$d).ToString()",
		psrp.Parameter{Name: "d", Value: clixml.NewEnum("System.DayOfWeek", "Friday", 5)})
	require.Equal(t, "Friday", r.outputs()[1])
}

func TestCheck25_PrimitiveWithNote(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "500000 | Add-Member note text -PassThru")
	o := r.outputs()[0].(*clixml.Object)
	require.Equal(t, int32(500000), clixml.Base(o))
	note, _ := o.Get("note")
	require.Equal(t, "text", note)
}

func TestSecureString_ComesAsCipher(t *testing.T) {
	t.Parallel()
	pool := enginePool(t, psrp.Config{})
	r := script(t, pool, "ConvertTo-SecureString -AsPlainText -Force 'plain'; 'after'")
	require.Len(t, r.outputs(), 2)
	require.NotEmpty(t, r.outputs()[0].(clixml.SecureString).Cipher)
	require.Equal(t, "after", r.outputs()[1])
}
