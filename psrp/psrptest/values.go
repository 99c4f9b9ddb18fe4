package psrptest

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// values go in as parameters, through .NET, and out as output.
func values() []behaviour {
	return []behaviour{
		{"strings", stringValues},
		{"primitives", primitives},
		{"containers", containers},
		{"null", nulls},
		{"types keep their names", typeNames},
		{"references", references},
		{"large values", largeValues},
	}
}

const echoList = "param($list) foreach ($v in $list) { $v }"

func stringValues(t *testing.T, pool *psrp.Pool) {
	texts := []any{
		"", "_x0041_", "_X", "a_x", "nul\x00nul", "cr\rlf\ntab\tcrlf\r\n", "\u0085\u007f\u009f", "\ufffe", "\uffff",
		"\U0001F600 emoji", "high \xed\xa0\xbd only", "low \xed\xb8\x80 only", "<&>'\"", "  spaces  ",
	}
	r := script(t, pool, echoList, parameter("list", clixml.NewArrayList(texts...)))
	equal(t, "strings", texts, r.outputs())
}

func primitives(t *testing.T, pool *psrp.Pool) {
	list := []any{
		true, false, uint8(255), int8(-128), uint16(65535), int16(-32768), uint32(math.MaxUint32), int32(math.MinInt32),
		uint64(math.MaxUint64), int64(math.MinInt64), float32(1.5), math.MaxFloat64, math.Inf(-1),
		clixml.Decimal("7.9228162514264337593543950335"), clixml.Char('A'), psrp.NewGUID(), clixml.Version("1.2.3.4"),
		clixml.TimeSpan(math.MinInt64),
	}
	r := script(t, pool, echoList, parameter("list", clixml.NewArrayList(list...)))
	equal(t, "primitives", list, bases(r.outputs()))
}

// bases unwraps what the engine has boxed.
func bases(values []any) []any {
	for i := range values {
		values[i] = clixml.Base(values[i])
	}
	return values
}

func containers(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, ",@(1, 2); ,@(); @{ k = 'v' }; ,[Collections.Queue]@(1, 2); ,[Collections.Stack]@(1, 2)")
	got := r.outputs()
	equal(t, "number of outputs", 5, len(got))
	items := func(i int) *clixml.List { return got[i].(*clixml.Object).Value.(*clixml.List) }
	equal(t, "array", []any{int32(1), int32(2)}, items(0).Items)
	equal(t, "empty array", 0, len(items(1).Items))
	v, _ := got[2].(*clixml.Object).Value.(*clixml.Dictionary).Get("K")
	equal(t, "hashtable", any("v"), v)
	equal(t, "queue", clixml.Queue, items(3).Kind)
	equal(t, "stack", []any{int32(2), int32(1)}, items(4).Items)
	r = script(t, pool, "param($t, [string[]] $s) $t.GetType().Name; $t['K'][1]; $s.Count",
		parameter("t", map[string]any{"k": []any{"a", "b"}}), parameter("s", []string{"x", "y"}))
	equal(t, "what came in", []any{"Hashtable", "b", int32(2)}, r.outputs())
}

func nulls(t *testing.T, pool *psrp.Pool) {
	equal(t, "null", []any{nil}, script(t, pool, "$null").outputs())
	equal(t, "nothing", []any{}, script(t, pool, "").outputs())
	equal(t, "null in an array", []any{nil, int32(1)}, bases(script(t, pool, "@($null, 1)").outputs()))
}

func typeNames(t *testing.T, pool *psrp.Pool) {
	got := script(t, pool, "[DayOfWeek]::Tuesday; { 1 + 1 }; [regex]'a+'; [pscustomobject]@{ 'with space' = 1 }").outputs()
	day := got[0].(*clixml.Object)
	equal(t, "type of an enum", "System.DayOfWeek", day.TypeName())
	equal(t, "name of an enum", "Tuesday", *day.ToString)
	equal(t, "script block", any(clixml.ScriptBlock(" 1 + 1 ")), got[1])
	equal(t, "unknown type", "System.Text.RegularExpressions.Regex", got[2].(*clixml.Object).TypeName())
	v, _ := got[3].(*clixml.Object).Get("with space")
	equal(t, "property", any(int32(1)), clixml.Base(v))
}

func references(t *testing.T, pool *psrp.Pool) {
	r := script(t, pool, "$o = [pscustomobject]@{ self = $null }; $o.self = $o; $o")
	o := r.outputs()[0].(*clixml.Object)
	self, _ := o.Get("self")
	check(t, self == any(o), "a reference to itself is lost")
	node := clixml.NewArrayList("x")
	r = script(t, pool, "param($p) [object]::ReferenceEquals($p[0], $p[1])", parameter("p", clixml.NewArrayList(node, node)))
	equal(t, "identity", []any{true}, r.outputs())
}

func largeValues(t *testing.T, pool *psrp.Pool) {
	text := strings.Repeat("0123456789", 100_000)
	r := script(t, pool, `param($s) $s.Length; $s; $b = [byte[]]::new(1MB); [Random]::new(7).NextBytes($b); ,$b
$h = [Security.Cryptography.SHA256]::Create(); [BitConverter]::ToString($h.ComputeHash($b)) -replace '-'`, parameter("s", text))
	got := r.outputs()
	equal(t, "number of outputs", 4, len(got))
	equal(t, "length", any(int32(len(text))), got[0])
	check(t, got[1] == text, "the text has changed")
	sum := sha256.Sum256(got[2].([]byte))
	equal(t, "hash", any(strings.ToUpper(hex.EncodeToString(sum[:]))), got[3])
}
