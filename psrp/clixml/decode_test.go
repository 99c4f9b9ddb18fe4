package clixml

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, xml string) any {
	t.Helper()
	v, err := Decode([]byte(xml), DecodeOptions{})
	require.NoError(t, err, xml)
	return v
}

func TestDecodePrimitives(t *testing.T) {
	t.Parallel()
	for xml, want := range map[string]any{
		"":                                       nil,
		"\xef\xbb\xbf":                           nil,
		"<Nil/>":                                 nil,
		"<Nil />":                                nil,
		"\xef\xbb\xbf<S>hello</S>":               "hello",
		"<S/>":                                   "",
		"<S></S>":                                "",
		"<S> x </S>":                             " x ",
		"<C>65535</C>":                           Char(65535),
		"<B>true</B>":                            true,
		"<B>false</B>":                           false,
		"<By>255</By>":                           uint8(255),
		"<SB>-128</SB>":                          int8(-128),
		"<U16>65535</U16>":                       uint16(65535),
		"<I16>-32768</I16>":                      int16(-32768),
		"<U32>4294967295</U32>":                  uint32(math.MaxUint32),
		"<I32>-2147483648</I32>":                 int32(math.MinInt32),
		"<I32> 5\n</I32>":                        int32(5),
		"<U64>18446744073709551615</U64>":        uint64(math.MaxUint64),
		"<I64>-9223372036854775808</I64>":        int64(math.MinInt64),
		"<Sg>3.4028235E+38</Sg>":                 float32(math.MaxFloat32),
		"<Db>1.7976931348623157E+308</Db>":       math.MaxFloat64,
		"<Db>INF</Db>":                           math.Inf(1),
		"<Db>-INF</Db>":                          math.Inf(-1),
		"<Db>1E999</Db>":                         math.Inf(1),
		"<D>79228162514264337593543950335</D>":   Decimal("79228162514264337593543950335"),
		"<D>-0.0000000000000000000000000001</D>": Decimal("-0.0000000000000000000000000001"),
		"<BA>AQID</BA>":                          []byte{1, 2, 3},
		"<BA></BA>":                              []byte{},
		"<G>76056a84-51dc-4f24-9262-ca2a55464b2b</G>": GUID{0x76, 0x05, 0x6a, 0x84, 0x51, 0xdc, 0x4f, 0x24, 0x92, 0x62, 0xca, 0x2a, 0x55, 0x46, 0x4b, 0x2b},
		"<URI>http://x/?a=b&amp;c</URI>":              URI("http://x/?a=b&c"),
		"<Version>1.2</Version>":                      Version("1.2"),
		"<Version>1.2.3.4</Version>":                  Version("1.2.3.4"),
		"<XD>&lt;a/&gt;</XD>":                         XML("<a/>"),
		"<SBK>1_x000A_2</SBK>":                        ScriptBlock("1\n2"),
		"<SS>AAE=</SS>":                               SecureString{Cipher: []byte{0, 1}},
		"<TS>P1DT2H3.5S</TS>":                         TimeSpan((26*3600+3)*ticksPerSecond + 5_000_000),
		"<TS>-PT0.0000001S</TS>":                      TimeSpan(-1),
		"<TS>P10675199DT2H48M5.4775807S</TS>":         TimeSpan(math.MaxInt64),
		"<TS>-P10675199DT2H48M5.4775808S</TS>":        TimeSpan(math.MinInt64),
		"<DT>9999-12-31T23:59:59.9999999</DT>":        DateTime{Ticks: maxTicks},
		"<DT>0001-01-01T00:00:00Z</DT>":               DateTime{Kind: UTC},
		"<Obj RefId=\"0\"><I32>5</I32></Obj>":         int32(5),
		"<!-- a --><S>b</S><!-- c -->":                "b",
		"<S><![CDATA[<&]]></S>":                       "<&",
		"<S N='x'>b</S>":                              "b",
		"<S>a\r\nb\rc</S>":                            "a\nb\nc",
	} {
		require.Equal(t, want, decode(t, xml), xml)
	}
	require.True(t, math.IsNaN(decode(t, "<Db>NaN</Db>").(float64)))
	require.True(t, math.Signbit(decode(t, "<Db>-0</Db>").(float64)))
	require.True(t, math.IsNaN(float64(decode(t, "<Sg>NaN</Sg>").(float32))))
}

func TestDecodeDateTimeKinds(t *testing.T) {
	t.Parallel()
	utc := decode(t, "<DT>2026-11-05T06:07:08.1234567Z</DT>").(DateTime)
	require.Equal(t, UTC, utc.Kind)
	require.Equal(t, time.Date(2026, 11, 5, 6, 7, 8, 123456700, time.UTC), utc.Time())
	local := decode(t, "<DT>2026-11-05T06:07:08.5-05:30</DT>").(DateTime)
	require.Equal(t, DateTime{Ticks: local.Ticks, Kind: Local, OffsetMinutes: -330}, local)
	require.True(t, local.Time().Equal(time.Date(2026, 11, 5, 11, 37, 8, 5e8, time.UTC)))
	none := decode(t, "<DT>2026-11-05T06:07:08</DT>").(DateTime)
	require.Equal(t, Unspecified, none.Kind)
	require.Equal(t, time.Date(2026, 11, 5, 6, 7, 8, 0, time.UTC), none.Time())
}

func TestDecodeEscapes(t *testing.T) {
	t.Parallel()
	for xml, want := range map[string]string{
		"_x0041_":               "A",
		"_X0041_":               "A",
		"_x005F_x0041_":         "_x0041_",
		"_x":                    "_x",
		"a_xb":                  "a_xb",
		"_x00G1_":               "_x00G1_",
		"__x0041__":             "_A_",
		"_x0000_":               "\x00",
		"_x000D__x000A_":        "\r\n",
		"_xD83D__xDE00_":        "😀",
		"😀":                     "😀",
		"_x0001F600_":           "😀",
		"_xD83D_":               "\xed\xa0\xbd",
		"_xDE00__xD83D_":        "\xed\xb8\x80\xed\xa0\xbd",
		"_xD83D_x_xDE00_":       "\xed\xa0\xbdx\xed\xb8\x80",
		"&#xFFFE;&#xFFFF;":      "\ufffe\uffff",
		"&#13;&#0;&lt;&apos;":   "\r\x00<'",
		"&#x5F;x0041_":          "A", // escapes are undone after XML is
		"_x00110000_":           "_x00110000_",
		"a<!-- note -->b&amp;c": "ab&c",
	} {
		require.Equal(t, want, decode(t, "<S>"+xml+"</S>"), xml)
	}
}

func TestDecodeContainers(t *testing.T) {
	t.Parallel()
	for tag, kind := range map[string]ListKind{"LST": ArrayList, "IE": Enumerable, "QUE": Queue, "STK": Stack} {
		o := decode(t, "<Obj RefId='0'><"+tag+"><I32>3</I32><Nil/><Obj RefId='1'><LST/></Obj></"+tag+"></Obj>").(*Object)
		require.Equal(t, &List{Kind: kind, Items: []any{int32(3), nil, &Object{Value: &List{}}}}, o.Value)
	}
	o := decode(t, `<Obj><DCT><En><I32 N="Key">1</I32><S N="Value">a</S></En><En><S N="Value">b</S><S N="Key">Name</S></En></DCT></Obj>`).(*Object)
	d := o.Value.(*Dictionary)
	require.Equal(t, []Entry{{int32(1), "a"}, {"Name", "b"}}, d.Entries)
	v, ok := d.Get("NAME")
	require.True(t, ok)
	require.Equal(t, "b", v)
	_, ok = d.Get("other")
	require.False(t, ok)
}

func TestDecodeMembers(t *testing.T) {
	t.Parallel()
	o := decode(t, `<Obj RefId="0"><TN RefId="0"><T>A.B</T><T>System.Object</T></TN><ToString>t_x0021_</ToString>`+
		`<Props><S N="a b">1</S><S N="Both">prop</S></Props><MS><S N="_x000A_&lt;">2</S><S N="both">note</S></MS></Obj>`).(*Object)
	require.Equal(t, "A.B", o.TypeName())
	require.Equal(t, "t!", *o.ToString)
	v, _ := o.Get("A B")
	require.Equal(t, "1", v)
	v, _ = o.Get("\n<")
	require.Equal(t, "2", v)
	v, _ = o.Get("Both")
	require.Equal(t, "note", v, "notes hide properties of the same name")
	require.Equal(t, Property{Name: "Both", Value: "prop"}, o.Properties[1], "and the property stays reachable")
	_, ok := o.Get("missing")
	require.False(t, ok)
	_, ok = (*Object)(nil).Get("x")
	require.False(t, ok)
}

func TestDecodePrimitiveWithNote(t *testing.T) {
	t.Parallel()
	o := decode(t, `<Obj RefId="0"><I32>5</I32><MS><S N="Note">n</S></MS></Obj>`).(*Object)
	require.Equal(t, int32(5), o.Value)
	require.Equal(t, int32(5), Base(o))
	v, _ := o.Get("note")
	require.Equal(t, "n", v)
}

func TestDecodeEnumAndUnknownType(t *testing.T) {
	t.Parallel()
	e := decode(t, `<Obj RefId="0"><TN RefId="0"><T>System.DayOfWeek</T><T>System.Enum</T></TN><ToString>Friday</ToString><I32>5</I32></Obj>`).(*Object)
	require.Equal(t, int32(5), Base(e))
	require.Equal(t, "Friday", *e.ToString)
	r := decode(t, `<Obj RefId="0"><TN RefId="0"><T>System.Text.RegularExpressions.Regex</T></TN><ToString>a.b</ToString><Props/></Obj>`).(*Object)
	require.Nil(t, r.Value)
	require.Equal(t, "a.b", *r.ToString)
}

func TestDecodeReferences(t *testing.T) {
	t.Parallel()
	o := decode(t, `<Obj RefId="0"><TN RefId="0"><T>X</T></TN><MS><Ref N="self" RefId="0"/><Obj N="one" RefId="1"><TNRef RefId="0"/><LST/></Obj><Ref N="two" RefId="1"/></MS></Obj>`).(*Object)
	self, _ := o.Get("self")
	require.Same(t, o, self)
	one, _ := o.Get("one")
	two, _ := o.Get("two")
	require.Same(t, one, two)
	require.Equal(t, "X", one.(*Object).TypeName())

	shared := decode(t, `<Obj><LST><Obj RefId="7"><I32>5</I32></Obj><Ref RefId="7"/></LST></Obj>`).(*Object)
	require.Equal(t, []any{int32(5), int32(5)}, shared.Value.(*List).Items)
}

func TestDecodeProgress(t *testing.T) {
	t.Parallel()
	p := decode(t, `<PR N="Record"><AV>Copy</AV><AI>7</AI><S>op_x0021_</S><PI>-1</PI><PC>40</PC><T>Processing</T><SR>12</SR><SD>half</SD></PR>`).(*Progress)
	op := "op!"
	require.Equal(t, &Progress{Activity: "Copy", ActivityID: 7, CurrentOperation: &op, ParentActivityID: -1,
		PercentComplete: 40, Type: "Processing", SecondsRemaining: 12, StatusDescription: "half"}, p)
	p = decode(t, `<PR><AV>A</AV><AI>0</AI><Nil/></PR>`).(*Progress)
	require.Nil(t, p.CurrentOperation)
}

// TestCheck33_WhatIsNeverAccepted is the list of what must never be accepted.
func TestCheck33_WhatIsNeverAccepted(t *testing.T) {
	t.Parallel()
	for name, xml := range map[string]string{
		"truncated tag":           "<S",
		"truncated text":          "<S>abc",
		"truncated object":        "<Obj><MS><S N='a'>b</S>",
		"two elements":            "<S>a</S><S>b</S>",
		"trailing text":           "<S>a</S>b",
		"text at the top":         "abc",
		"only an end tag":         "</S>",
		"wrong end tag":           "<Obj><MS></Obj></MS>",
		"longer end tag":          "<S>a</SS>",
		"document type":           "<!DOCTYPE a [<!ENTITY x 'y'>]><S>&x;</S>",
		"processing instruction":  "<?xml version='1.0'?><S>a</S>",
		"unknown entity":          "<S>&x;</S>",
		"entity without end":      "<S>&lt</S>",
		"surrogate reference":     "<S>&#xD800;</S>",
		"reference too large":     "<S>&#x110000;</S>",
		"unknown element":         "<Foo>a</Foo>",
		"element in text":         "<S><B>true</B></S>",
		"undefined object":        "<Obj><MS><Ref N='a' RefId='9'/></MS></Obj>",
		"undefined type names":    "<Obj><TNRef RefId='3'/></Obj>",
		"reference without id":    "<Ref/>",
		"negative id":             "<Obj RefId='-1'/>",
		"member without name":     "<Obj><MS><S>a</S></MS></Obj>",
		"two values":              "<Obj><I32>1</I32><I32>2</I32></Obj>",
		"nil key":                 "<Obj><DCT><En><Nil N='Key'/><S N='Value'>a</S></En></DCT></Obj>",
		"no value":                "<Obj><DCT><En><S N='Key'>a</S></En></DCT></Obj>",
		"no entry":                "<Obj><DCT><S>a</S></DCT></Obj>",
		"extra in entry":          "<Obj><DCT><En><S N='Other'>a</S></En></DCT></Obj>",
		"bad type name":           "<Obj><TN><S>a</S></TN></Obj>",
		"bad base64":              "<BA>*</BA>",
		"bad secure string":       "<SS>x</SS>",
		"bad boolean":             "<B>yes</B>",
		"byte too large":          "<By>256</By>",
		"int too large":           "<I32>2147483648</I32>",
		"not an int":              "<I32>0x10</I32>",
		"empty int":               "<I32/>",
		"negative unsigned":       "<U64>-1</U64>",
		"hexadecimal float":       "<Db>0x1p4</Db>",
		"word float":              "<Db>Infinity</Db>",
		"decimal with exponent":   "<D>1E5</D>",
		"version of one part":     "<Version>1</Version>",
		"version of five parts":   "<Version>1.2.3.4.5</Version>",
		"version without number":  "<Version>1..2</Version>",
		"bad guid":                "<G>76056a84-51dc-4f24-9262-ca2a55464b2</G>",
		"bad month":               "<DT>2026-13-05T06:07:08Z</DT>",
		"bad offset":              "<DT>2026-11-05T06:07:08+25:00</DT>",
		"bad fraction":            "<DT>2026-11-05T06:07:08.Z</DT>",
		"no duration":             "<TS>P</TS>",
		"duration without time":   "<TS>P1DT</TS>",
		"duration out of order":   "<TS>PT1S1M</TS>",
		"duration too large":      "<TS>P10675199DT2H48M5.4775808S</TS>",
		"duration overflow":       "<TS>P99999999999999999D</TS>",
		"invalid UTF-8":           "<S>\xff</S>",
		"encoded surrogate":       "<S>\xed\xa0\x80</S>",
		"progress child":          "<PR><X>a</X></PR>",
		"progress number":         "<PR><PC>a</PC></PR>",
		"attribute without value": "<S N>a</S>",
		"attribute unquoted":      "<S N=a>a</S>",
		"less-than in attribute":  "<S N='<'>a</S>",
		"comment without end":     "<!-- <S>a</S>",
		"CDATA without end":       "<S><![CDATA[a</S>",
		"nul byte":                "<\x00S>a</S>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode([]byte(xml), DecodeOptions{})
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.LessOrEqual(t, syntax.Offset, len(xml))
		})
	}
}

func TestCheck33_Limits(t *testing.T) {
	t.Parallel()
	bomb := strings.Repeat("<Obj><LST>", 10_000)
	start := time.Now()
	_, err := Decode([]byte(bomb), DecodeOptions{})
	require.ErrorContains(t, err, "nested deeper than 100")
	require.Less(t, time.Since(start), 20*time.Second)

	deep := strings.Repeat("<Obj><LST>", 50) + strings.Repeat("</LST></Obj>", 50)
	_, err = Decode([]byte(deep), DecodeOptions{})
	require.NoError(t, err, "50 objects deep is what the engine sends")
	_, err = Decode([]byte(deep), DecodeOptions{MaxDepth: 99})
	require.Error(t, err)

	_, err = Decode([]byte("<S>abcdef</S>"), DecodeOptions{MaxBytes: 12})
	require.ErrorContains(t, err, "limit is 12")
	_, err = Decode([]byte("<Obj><LST><Nil/><Nil/></LST></Obj>"), DecodeOptions{MaxElements: 3})
	require.ErrorContains(t, err, "more than 3 elements")
}

// TestCheck33_Linear guards against inputs that make the parser
// search the rest of the input again and again.
func TestCheck33_Linear(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, part := range []string{"<S>&amp;", "<S><!--x-->", "<S><![CDATA[x]]>", "_x00", "<Obj><LST>", "<S N='", "&", "<"} {
		data := []byte("<S>" + strings.Repeat(part, 1<<20/len(part)))
		_, err := Decode(data, DecodeOptions{})
		require.Error(t, err)
	}
	require.Less(t, time.Since(start), 50*time.Second) // a hundredth of a second; what is quadratic takes many minutes
}
