package psrp_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// The example of the specification: a capability message in one fragment.
func TestWire_KnownAnswer(t *testing.T) {
	t.Parallel()
	id, err := clixml.ParseGUID("76056A84-51DC-4F24-9262-CA2A55464B2B")
	require.NoError(t, err)
	message := psrp.AppendMessage(nil, psrp.Message{
		Destination: psrp.ToServer, Type: psrp.MsgSessionCapability, Pool: id, Body: bytes.Repeat([]byte("x"), 159),
	})
	fragments := psrp.Split(1, message, 32<<10)
	require.Len(t, fragments, 1)
	want, err := hex.DecodeString("0000000000000001" + "0000000000000000" + "03" + "000000C7" +
		"02000000" + "02000100" + "846A0576DC51244F9262CA2A55464B2B" + "00000000000000000000000000000000")
	require.NoError(t, err)
	require.Equal(t, want, fragments[0][:len(want)])
	m, err := psrp.ParseMessage(message)
	require.NoError(t, err)
	require.Equal(t, id, m.Pool)
	require.Equal(t, psrp.MsgSessionCapability, m.Type)
}

// Whatever the size of the fragments and of the portions they arrive in, the
// objects come out as they went in.
func TestDefragmenter_AnyCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		objects := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 8).Draw(t, "objects")
		size := rapid.IntRange(1, 120).Draw(t, "fragment size")
		cut := rapid.IntRange(1, 200).Draw(t, "cut")
		var wire []byte
		for i, object := range objects {
			for _, f := range psrp.Split(uint64(i*3+1), object, size) {
				wire = append(wire, f...)
			}
		}
		var got [][]byte
		var d psrp.Defragmenter
		for len(wire) > 0 {
			n := min(cut, len(wire))
			portion := bytes.Clone(wire[:n])
			wire = wire[n:]
			err := d.Feed(portion, func(object []byte) error {
				got = append(got, object)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(objects) {
			t.Fatalf("%d objects, want %d", len(got), len(objects))
		}
		for i := range got {
			if !bytes.Equal(got[i], objects[i]) {
				t.Fatalf("object %d differs", i)
			}
		}
	})
}

func TestDefragmenter_LimitIsCheckedBeforeTheBytesCome(t *testing.T) {
	t.Parallel()
	var d psrp.Defragmenter
	d.MaxObject = 1000
	head := psrp.AppendFragment(nil, psrp.Fragment{ObjectID: 1, Start: true, Blob: make([]byte, 1001)})
	require.Error(t, d.Feed(head[:21], nil))

	d = psrp.Defragmenter{MaxObject: 1000}
	parts := psrp.Split(1, make([]byte, 1001), 521)
	require.NoError(t, d.Feed(parts[0], nil))
	require.NoError(t, d.Feed(parts[1], nil))
	require.Error(t, d.Feed(parts[2], nil))
}

func FuzzDefragmenter(f *testing.F) {
	whole := psrp.Split(1, []byte("hello"), 100)[0]
	first := psrp.Split(2, []byte("hello hello"), 26)
	for _, seed := range [][]byte{
		whole, whole[:20], bytes.Join(first, nil), append(bytes.Clone(first[0]), first[0]...),
		append(bytes.Clone(whole[:17]), 0xff, 0xff, 0xff, 0xff), make([]byte, 21), append(bytes.Clone(first[0]), whole...),
	} {
		f.Add(seed, uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		d := psrp.Defragmenter{MaxObject: 1 << 16}
		held := 0
		for len(data) > 0 {
			n := min(int(cut)+1, len(data))
			err := d.Feed(data[:n:n], func(object []byte) error {
				held += len(object)
				_, _ = psrp.ParseMessage(object)
				return nil
			})
			if err != nil {
				var protocol *psrp.ProtocolError
				require.ErrorAs(t, err, &protocol)
				return
			}
			data = data[n:]
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	body, _ := clixml.Encode(clixml.NewBag(clixml.Property{Name: "RunspaceState", Value: int32(2)}))
	m := psrp.AppendMessage(nil, psrp.Message{Destination: psrp.ToClient, Type: psrp.MsgRunspacePoolState, Body: body})
	f.Add(m)
	f.Add(m[:39])
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := psrp.ParseMessage(data)
		if err != nil {
			return
		}
		require.Equal(t, data, psrp.AppendMessage(nil, m), "what is read is written the same")
	})
}

// FuzzReceive feeds a pool with messages of any kind and body.
func FuzzReceive(f *testing.F) {
	seeds := []string{"<Nil/>", "", "<Obj RefId=\"0\"><MS><I32 N=\"PipelineState\">4</I32></MS></Obj>",
		"<Obj><MS><I64 N=\"ci\">1</I64><I32 N=\"mi\">23</I32></MS></Obj>", "<S>", "<Obj><MS><Ref N=\"x\" RefId=\"9\"/></MS></Obj>"}
	types := []psrp.MessageType{psrp.MsgPipelineOutput, psrp.MsgErrorRecord, psrp.MsgPipelineState, psrp.MsgPipelineHostCall,
		psrp.MsgInformationRecord, psrp.MsgProgressRecord, psrp.MsgWarningRecord, psrp.MsgRunspacePoolState,
		psrp.MsgRunspaceAvailability, psrp.MsgPublicKeyRequest, psrp.MsgEncryptedSessionKey, psrp.MsgPoolHostCall, psrp.MsgApplicationPrivateData}
	for _, s := range seeds {
		for _, kind := range types {
			f.Add(uint32(kind), []byte(s), true)
			f.Add(uint32(kind), []byte(s), false)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint32, body []byte, toPool bool) {
		psrp.ReceiveForTest(psrp.MessageType(kind), body, toPool)
	})
}
