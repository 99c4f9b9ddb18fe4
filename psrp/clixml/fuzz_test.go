package clixml

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecode wants no panic, a typed error, and for whatever is accepted an
// encoding that reads back and encodes the same again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "<Nil/>", "<S>a_x000A_b&amp;</S>", "<I32>5</I32>", "<DT>2026-11-05T06:07:08.1234567+02:00</DT>", "<TS>-P1DT2H3M4.5S</TS>",
		"<G>76056a84-51dc-4f24-9262-ca2a55464b2b</G>", "<BA>AQID</BA>", "<SS>AQID</SS>", "<Db>-INF</Db>", "<D>1.50</D>", "<Version>1.2.3</Version>",
		`<Obj RefId="0"><TN RefId="0"><T>A</T></TN><ToString>x</ToString><LST><Ref RefId="0"/></LST><Props><S N="a">b</S></Props><MS><Obj N="c" RefId="1"><TNRef RefId="0"/><DCT><En><S N="Key">k</S><Nil N="Value"/></En></DCT></Obj></MS></Obj>`,
		"<PR><AV>a</AV><AI>1</AI><Nil/><PI>-1</PI><PC>5</PC><T>Processing</T><SR>-1</SR><SD>d</SD></PR>",
		"<S><![CDATA[x]]></S><!-- y -->", "<!DOCTYPE x>", "<S>_xD83D__xDE00__xD83D_</S>", "<Obj><STK><U64>1</U64></STK></Obj>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data, DecodeOptions{MaxDepth: 40})
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			return
		}
		first, err := Encode(v)
		if err != nil {
			return // names or nesting that Encode does not write
		}
		again, err := Decode(first, DecodeOptions{})
		require.NoError(t, err, "%s", first)
		second, err := Encode(again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

const benchObject = `<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN><MS>` +
	`<S N="Name">server-01.example</S><I32 N="Id">4711</I32><B N="Enabled">true</B><Db N="Load">0.75</Db><S N="Path">C:\Program Files\PowerShell\7</S></MS></Obj>`

func BenchmarkDecodeObject(b *testing.B) {
	data := []byte(benchObject)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeInt(b *testing.B) {
	data := []byte("\xef\xbb\xbf<I32>12345</I32>")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLongString(b *testing.B) {
	data := make([]byte, 0, 6<<20)
	data = append(data, "<S>"...)
	for len(data) < 5<<20 {
		data = append(data, "the quick brown fox_x000A_"...)
	}
	data = append(data, "</S>"...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeObject(b *testing.B) {
	v, err := Decode([]byte(benchObject), DecodeOptions{})
	require.NoError(b, err)
	buf := make([]byte, 0, 4096)
	b.SetBytes(int64(len(benchObject)))
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = Append(buf[:0], v); err != nil {
			b.Fatal(err)
		}
	}
}
