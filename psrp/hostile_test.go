package psrp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

// What a hostile peer can send, through the whole of a pool. The decoder alone
// is tested in psrp/clixml, the fragments in TestCheck32_….

// bodies gives what a run makes of outputs with these bodies.
func bodies(t *testing.T, c psrp.Config, all ...string) []psrp.Event {
	t.Helper()
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for _, b := range all {
			p.Server().SendBody(psrp.MsgPipelineOutput, p.ID, []byte(b))
		}
	}}, c)
	events, state := collect(t, pool, psrp.Script("x"))
	require.Equal(t, psrp.PipelineCompleted, state.State, "the pool lives on")
	require.Len(t, events, len(all))
	return events
}

// TestHostile_TypesAreNames: whatever type a peer names, it stays a name beside
// plain values; nothing is built, called or looked up.
func TestHostile_TypesAreNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"System.Diagnostics.Process", "System.Windows.Data.ObjectDataProvider", "Deserialized.System.IO.FileInfo",
		"System.Management.Automation.PSCredential", "github.com/epo-dev/epo/psrp.Secret", "",
	} {
		body := fmt.Sprintf(`<Obj RefId="0"><TN RefId="0"><T>%s</T></TN><ToString>calc</ToString><Props><S N="FileName">calc</S></Props><MS><SBK N="Start">calc</SBK></MS></Obj>`, name)
		event := bodies(t, psrp.Config{}, body)[0]
		require.Equal(t, psrp.OutputEvent{Value: &clixml.Object{
			TypeNames: []string{name}, ToString: new("calc"),
			Properties: []clixml.Property{prop("FileName", "calc")},
			Extended:   []clixml.Property{prop("Start", clixml.ScriptBlock("calc"))},
		}}, event)
	}
}

// TestHostile_Loops: references that lead back are the same object, and nothing
// here goes round in them: not the records, not the search for secrets, not the
// encoder.
func TestHostile_Loops(t *testing.T) {
	t.Parallel()
	const self = `<Obj RefId="0"><MS><Ref N="self" RefId="0"/><Obj N="list" RefId="1"><LST><Ref RefId="0"/><Ref RefId="1"/></LST></Obj></MS></Obj>`
	const exception = `<Obj RefId="0"><MS><Obj N="Exception" RefId="1"><Props><S N="Message">m</S><Ref N="InnerException" RefId="1"/></Props></Obj>` +
		`<Ref N="TargetObject" RefId="0"/><Ref N="InvocationInfo" RefId="0"/><Ref N="ErrorDetails_Message" RefId="0"/></MS></Obj>`
	const call = `<Obj RefId="0"><MS><I64 N="ci">1</I64><I32 N="mi">23</I32><Obj N="mp" RefId="1"><LST><S>c</S><S>m</S><Ref RefId="1"/></LST></Obj></MS></Obj>`
	const message = `<Obj RefId="0"><MS><Ref N="InformationalRecord_Message" RefId="0"/><Ref N="MessageData" RefId="0"/><Ref N="Tags" RefId="0"/><Ref N="Activity" RefId="0"/></MS></Obj>`
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		send := p.Server().SendBody
		send(psrp.MsgPipelineOutput, p.ID, []byte(self))
		send(psrp.MsgErrorRecord, p.ID, []byte(exception))
		for _, kind := range []psrp.MessageType{psrp.MsgWarningRecord, psrp.MsgInformationRecord, psrp.MsgProgressRecord} {
			send(kind, p.ID, []byte(message))
		}
		send(psrp.MsgPipelineHostCall, p.ID, []byte(call))
	}}, psrp.Config{Host: &psrp.HostInfo{UI: true}, HostHandler: psrp.Dialog{
		Prompt: func(_ context.Context, q psrp.PromptQuestion) (map[string]any, error) { return nil, nil },
	}})
	events, state := collect(t, pool, psrp.Script("x"))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	require.Len(t, events, 5)
	o := events[0].(psrp.OutputEvent).Value.(*clixml.Object)
	again, _ := o.Get("self")
	require.Same(t, o, again)
	record := events[1].(psrp.ErrorEvent)
	require.Equal(t, "m", record.Message)
	depth := 0
	for x := record.Exception; x != nil; x = x.Inner {
		depth++
	}
	require.Less(t, depth, 20)

	_, err := pool.Start(ctx(t), psrp.Script("x", psrp.Parameter{Name: "x", Value: o}))
	require.NoError(t, err, "a loop among objects has a form on the wire")
	list := &clixml.List{}
	list.Items = []any{list, psrp.NewSecret("s")}
	_, err = pool.Start(ctx(t), psrp.Script("x", psrp.Parameter{Name: "x", Value: list}))
	require.Error(t, err, "one among bare lists has none")
	_, err = pool.DecryptCredential(ctx(t), o)
	require.Error(t, err)
}

// TestHostile_ReferencesDoNotMultiply: what a few references describe takes no
// more memory than they do themselves.
func TestHostile_ReferencesDoNotMultiply(t *testing.T) { // not parallel: the heap is everybody's
	var b strings.Builder
	b.WriteString(`<Obj RefId="0"><LST><S>x</S></LST></Obj>`)
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, `<Obj RefId="%d"><LST>%s</LST></Obj>`, i, strings.Repeat(fmt.Sprintf(`<Ref RefId="%d"/>`, i-1), 10))
	}
	before := allocated()
	event := bodies(t, psrp.Config{}, `<Obj RefId="99"><LST>`+b.String()+`</LST></Obj>`)[0]
	require.IsType(t, &clixml.Object{}, event.(psrp.OutputEvent).Value)
	require.Less(t, allocated()-before, uint64(8<<20), "10^60 items are described")
	// to be sent back, it is neither searched nor encoded more than once
	pool, _ := openPool(t, peer.Config{Handle: emit(0)}, psrp.Config{})
	collect(t, pool, psrp.Script("x", psrp.Parameter{Name: "x", Value: event.(psrp.OutputEvent).Value}))
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestHostile_EntitiesAreNotFetched: a document type is refused, and nobody is
// asked for what it names.
func TestHostile_EntitiesAreNotFetched(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var asked atomic.Int32
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = conn.Close()
		}
	}()
	address := listener.Addr().String()
	events := bodies(t, psrp.Config{},
		`<!DOCTYPE S SYSTEM "http://`+address+`/x.dtd"><S>a</S>`,
		`<!DOCTYPE S [<!ENTITY x SYSTEM "http://`+address+`/x">]><S>&x;</S>`,
		`<!DOCTYPE S [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><S>a</S>`,
		`<!DOCTYPE S [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><S>&b;</S>`,
		`<?xml-stylesheet href="http://`+address+`/x"?><S>a</S>`,
		`<S xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></S>`)
	for _, e := range events {
		require.IsType(t, psrp.UndecodedEvent{}, e)
	}
	require.NoError(t, listener.Close())
	<-served
	require.Zero(t, asked.Load())
	doc := bodies(t, psrp.Config{}, `<XD>&lt;!DOCTYPE a SYSTEM "http://`+address+`/"&gt;&lt;a/&gt;</XD>`)[0]
	require.IsType(t, clixml.XML(""), doc.(psrp.OutputEvent).Value, "a document that is a value stays text")
}

// TestHostile_CapsHold: what is announced costs nothing, and what comes beyond
// the caps breaks the pool or the value, not the process. Not parallel: it
// measures the process.
func TestHostile_CapsHold(t *testing.T) {
	for name, send := range map[string]func(p *peer.Pipeline){
		"announced length": func(p *peer.Pipeline) {
			raw(p, append(psrp.AppendFragment(nil, psrp.Fragment{ObjectID: 9, Start: true, End: true})[:17], 0x7f, 0xff, 0xff, 0xff))
		},
		"fragments without end": func(p *peer.Pipeline) {
			blob := make([]byte, 64<<10)
			for i := uint64(0); i < 2000; i++ {
				select {
				case <-p.Stopped:
					return
				case <-p.Release():
					return
				default:
					raw(p, psrp.AppendFragment(nil, psrp.Fragment{ObjectID: 9, FragmentID: i, Start: i == 0, Blob: blob}))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { send(p); p.Silent() }}, psrp.Config{MaxObjectBytes: 4 << 20})
			before := allocated()
			run, err := pool.Start(ctx(t), psrp.Script("x"))
			require.NoError(t, err)
			_, err = run.Next(ctx(t))
			var protocol *psrp.ProtocolError
			require.ErrorAs(t, err, &protocol)
			require.Less(t, allocated()-before, uint64(64<<20))
			<-pool.Done()
		})
	}
	t.Run("queue", func(t *testing.T) {
		pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
			for range 3000 {
				p.Output(strings.Repeat("x", 10_000))
			}
		}}, psrp.Config{MaxQueueBytes: 1 << 20})
		run, err := pool.Start(ctx(t), psrp.Script("x"))
		require.NoError(t, err)
		require.NoError(t, run.Stop(ctx(t)), "30 MB while nobody reads")
		kept := 0
		events, state := drain(t, run)
		for _, e := range outputs(events) {
			kept += len(e.(string))
		}
		require.LessOrEqual(t, kept, 4<<20)
		require.Equal(t, 3000, len(events)+state.Dropped)
	})
	t.Run("elements", func(t *testing.T) {
		event := bodies(t, psrp.Config{}, "<Obj><LST>"+strings.Repeat("<Nil/>", 5<<20)+"</LST></Obj>")[0]
		require.ErrorContains(t, event.(psrp.UndecodedEvent).Err, "more than")
	})
}

// raw writes a piece of fragments as a server would.
func raw(p *peer.Pipeline, data []byte) {
	p.Server().Write(stdio.Line{Kind: stdio.Data, Target: p.ID, Data: data})
}

// TestHostile_NeverPanics throws mutations of everything that a server says at
// a pool.
func TestHostile_NeverPanics(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	types := []psrp.MessageType{psrp.MsgSessionCapability, psrp.MsgApplicationPrivateData, psrp.MsgRunspacePoolState, psrp.MsgRunspacePoolInitData,
		psrp.MsgRunspaceAvailability, psrp.MsgEncryptedSessionKey, psrp.MsgPublicKeyRequest, psrp.MsgPoolHostCall, psrp.MsgUserEvent,
		psrp.MsgPipelineOutput, psrp.MsgErrorRecord, psrp.MsgPipelineState, psrp.MsgPipelineHostCall, psrp.MsgInformationRecord, psrp.MsgProgressRecord,
		psrp.MsgWarningRecord, psrp.MsgCreatePipeline, psrp.MsgInitRunspacePool, 0, 0xFFFFFFFF}
	parts := []string{`<Obj RefId="0">`, `</Obj>`, `<MS>`, `</MS>`, `<LST>`, `</LST>`, `<I64 N="ci">1</I64>`, `<I64 N="ci">-100</I64>`, `<I32 N="mi">26</I32>`,
		`<Ref N="mp" RefId="0"/>`, `<S N="EncryptedSessionKey">` + base64.StdEncoding.EncodeToString(make([]byte, 268)) + `</S>`, `<I32 N="PipelineState">4</I32>`,
		`<I32 N="RunspaceState">2</I32>`, `<Obj N="mp" RefId="1"><LST/></Obj>`, `<Version N="protocolversion">2.3</Version>`, `<Nil N="Exception"/>`, "", "\xff", "<", "&#x0;"}
	for range 3000 {
		var body bytes.Buffer
		for range random.IntN(8) {
			body.WriteString(parts[random.IntN(len(parts))])
		}
		psrp.ReceiveForTest(types[random.IntN(len(types))], body.Bytes(), random.IntN(2) == 0)
	}
}
