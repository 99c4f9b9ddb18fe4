package wsman

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
)

const transcripts = "../../testdata/winrm-transcripts"

type node = transcript.Node

func tree(t testing.TB, document []byte) *node {
	t.Helper()
	n, err := transcript.ParseNode(document)
	require.NoError(t, err)
	return n
}

func payload(t testing.TB, n *node, local string) []byte {
	t.Helper()
	data, err := n.Bytes(local)
	require.NoError(t, err)
	return data
}

// request reads a recorded request into what would make us write it.
func request(t testing.TB, envelope *node) Request {
	t.Helper()
	size, err := strconv.Atoi(envelope.TextOf("MaxEnvelopeSize"))
	require.NoError(t, err)
	timeout, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(envelope.TextOf("OperationTimeout"), "PT")))
	require.NoError(t, err)
	r := Request{
		Action: envelope.TextOf("Action"), To: envelope.TextOf("To"), ResourceURI: envelope.TextOf("ResourceURI"),
		MessageID: strings.TrimPrefix(envelope.TextOf("MessageID"), "uuid:"),
		SessionID: strings.TrimPrefix(envelope.TextOf("SessionId"), "uuid:"),
		Locale:    envelope.Find("Locale").Attr("lang"), MaxEnvelopeSize: size, OperationTimeout: timeout,
	}
	header := envelope.Find("Header")
	if set := header.Find("OptionSet"); set != nil {
		for _, o := range set.Children {
			r.Options = append(r.Options, Option{o.Attr("Name"), o.Text, o.Attr("MustComply") == "true"})
		}
	}
	if set := header.Find("SelectorSet"); set != nil {
		for _, s := range set.Children {
			r.Selectors = append(r.Selectors, Selector{s.Attr("Name"), s.Text})
		}
	}
	r.Body = body(t, envelope.Find("Body"))
	return r
}

func body(t testing.TB, b *node) Body {
	t.Helper()
	if len(b.Children) == 0 {
		return nil
	}
	switch n := b.Children[0]; n.Name.Local {
	case "Shell":
		idle, _ := time.ParseDuration(strings.ToLower(strings.TrimPrefix(n.TextOf("IdleTimeOut"), "PT")))
		if n.Find("Lifetime") == nil && n.Find("Environment") == nil {
			return Shell{n.Attr("ShellId"), n.TextOf("InputStreams"), n.TextOf("OutputStreams"), idle, payload(t, n, "creationXml")}
		}
	case "CommandLine":
		if n.Attr("CommandId") != "" {
			return CommandLine{n.Attr("CommandId"), n.TextOf("Command"), payload(t, n, "Arguments")}
		}
	case "Send":
		if s := n.Find("Stream"); s.Attr("End") == "" {
			return Send{s.Attr("Name"), s.Attr("CommandId"), payload(t, n, "Stream")}
		}
	case "Receive":
		d := n.Find("DesiredStream")
		return Receive{d.Text, d.Attr("CommandId")}
	case "Signal":
		return Signal{n.Attr("CommandId"), n.TextOf("Code")}
	case "Disconnect":
		return Disconnect{}
	case "Connect":
		return Connect{payload(t, n, "connectXml")}
	}
	return foreign{b.Children[0]}
}

// foreign is a body that only other kinds of shells have, written as it was.
type foreign struct{ n *node }

func (f foreign) write(w *writer) {
	attrs := []attr{{"xmlns", f.n.Name.Space}}
	for _, a := range f.n.Attrs {
		attrs = append(attrs, attr{a.Name.Local, a.Value})
	}
	w.open(f.n.Name.Local, attrs...)
	w.text(f.n.Text)
	for _, c := range f.n.Children {
		foreign{c}.write(w)
	}
	w.close(f.n.Name.Local)
}

// TestRecordedRequests: what we write for an operation is what was recorded,
// element by element.
func TestRecordedRequests(t *testing.T) {
	t.Parallel()
	all, err := transcript.Load(transcripts)
	require.NoError(t, err)
	require.Len(t, all, 40)
	requests, others := 0, 0
	for _, file := range all {
		for i, exchange := range file.Exchanges {
			want := tree(t, []byte(exchange.Request))
			r := request(t, want)
			if _, ok := r.Body.(foreign); ok {
				others++
			}
			require.Equal(t, want, tree(t, Append(nil, r)), "%s %d", file.Name, i)
			requests++
		}
	}
	require.Equal(t, 313, requests)
	require.Equal(t, 22, others, "bodies of cmd shells, and Enumerate")
}

// TestRecordedAnswers: what we read is what is there.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	all, err := transcript.Load(transcripts)
	require.NoError(t, err)
	answers, streams, faults := 0, 0, 0
	for _, file := range all {
		for i, exchange := range file.Exchanges {
			if exchange.Response == "" {
				require.True(t, exchange.Unreachable)
				continue
			}
			name := file.Name + " " + strconv.Itoa(i)
			want := tree(t, []byte(exchange.Response))
			a, err := Parse([]byte(exchange.Response))
			require.NoError(t, err, name)
			require.Equal(t, want.TextOf("Action"), a.Action, name)
			require.Equal(t, strings.TrimPrefix(want.TextOf("RelatesTo"), "uuid:"), a.RelatesTo, name)
			require.Equal(t, want.Find("Fault") != nil, a.Fault != nil, name)
			streams += requireStreams(t, want, a, name)
			requireRest(t, want, a, name)
			answers++
			if a.Fault != nil {
				faults++
				requireFault(t, want, a.Fault, name)
			}
		}
	}
	require.Equal(t, 312, answers)
	require.Equal(t, 6, faults)
	require.Greater(t, streams, 300)
}

func requireStreams(t *testing.T, want *node, a *Answer, name string) int {
	response := want.Find("ReceiveResponse")
	if response == nil {
		require.Empty(t, a.Streams, name)
		return 0
	}
	i := 0
	for _, s := range response.Children {
		if s.Name.Local == "Stream" {
			require.Equal(t, Stream{s.Attr("Name"), s.Attr("CommandId"), nonNil(payload(t, s, "Stream"))}, a.Streams[i], name)
			i++
		}
	}
	require.Len(t, a.Streams, i, name)
	return i
}

func nonNil(b []byte) []byte { return append([]byte{}, b...) }

func requireRest(t *testing.T, want *node, a *Answer, name string) {
	state := ""
	if s := want.Find("CommandState"); s != nil {
		state = s.Attr("State")[strings.LastIndexByte(s.Attr("State"), '/')+1:]
	}
	require.Equal(t, state, a.State, name)
	if created := want.Find("ResourceCreated"); created != nil {
		require.Equal(t, []Selector{{"ShellId", created.TextOf("Selector")}}, a.Selectors, name)
	}
	if response := want.Find("CommandResponse"); response != nil {
		require.Equal(t, response.TextOf("CommandId"), a.CommandID, name)
	}
	if connected := want.Find("ConnectResponse"); connected != nil {
		require.Equal(t, payload(t, connected, "connectResponseXml"), a.Connected, name)
	}
	if config := want.Find("Config"); config != nil {
		require.Equal(t, config.TextOf("MaxEnvelopeSizekb"), strconv.Itoa(a.MaxEnvelopeKB), name)
	}
}

func requireFault(t *testing.T, want *node, f *Fault, name string) {
	detail := want.Find("WSManFault")
	require.Equal(t, detail.Attr("Code"), strconv.FormatUint(uint64(f.Code), 10), name)
	require.Equal(t, detail.Attr("Machine"), f.Machine, name)
	require.Equal(t, strings.TrimSpace(want.Find("Reason").TextOf("Text")), f.Reason, name)
	require.True(t, strings.HasSuffix(want.Find("Subcode").TextOf("Value"), ":"+f.Subcode), name)
	if p := want.Find("ProviderFault"); p != nil {
		require.Equal(t, p.Attr("provider"), f.Provider, name)
	}
}

func TestWriterEscapes(t *testing.T) {
	t.Parallel()
	nasty := "<&>\"'\t\r\n\x01\x00\ufffe😀 é"
	r := Request{Options: []Option{{Name: nasty, Value: nasty}}}
	option := tree(t, Append(nil, r)).Find("Option")
	want := "<&>\"'\t\r\n\ufffd\ufffd\ufffd😀 é"
	require.Equal(t, want, option.Attr("Name"))
	require.Equal(t, want, option.Text)
}

func TestDuration(t *testing.T) {
	t.Parallel()
	require.Equal(t, "PT20S", duration(20*time.Second))
	require.Equal(t, "PT0.25S", duration(250*time.Millisecond))
	require.Equal(t, "PT7200S", duration(2*time.Hour))
}

func envelope(inner string) string {
	return `<s:Envelope xmlns:s="` + nsSOAP + `" xmlns:rsp="` + nsShell + `" xmlns:f="` + nsFault + `">` + inner + `</s:Envelope>`
}

// TestTolerance: forms of XML that were not recorded but mean the same.
func TestTolerance(t *testing.T) {
	t.Parallel()
	want := &Answer{Streams: []Stream{{"stdout", "C", []byte("abc")}}, State: StateDone}
	for name, document := range map[string]string{
		"plain":         envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="C">YWJj</rsp:Stream><rsp:CommandState State="` + statePrefix + `Done"/></rsp:ReceiveResponse></s:Body>`),
		"with a mark":   "\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n" + envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name='stdout' CommandId='C'>YWJj</rsp:Stream><rsp:CommandState State="`+statePrefix+`Done"></rsp:CommandState></rsp:ReceiveResponse></s:Body>`) + "\n",
		"white space":   envelope("\n <s:Body >\n<rsp:ReceiveResponse\n>\t<rsp:Stream  Name = \"stdout\"\n CommandId=\"C\">\r\n YW Jj\n</rsp:Stream ><rsp:CommandState State=\"" + statePrefix + "Done\" /></rsp:ReceiveResponse></s:Body>"),
		"references":    envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="std&#x6F;ut" CommandId="&#67;">Y<!-- > & < -->WJ&#106;</rsp:Stream><rsp:CommandState State="` + statePrefix + `Done"/></rsp:ReceiveResponse></s:Body>`),
		"cdata":         envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="C">YW<![CDATA[Jj]]></rsp:Stream><rsp:CommandState State="` + statePrefix + `Done"/></rsp:ReceiveResponse></s:Body>`),
		"own namespace": `<Envelope xmlns="` + nsSOAP + `"><Body><ReceiveResponse xmlns="` + nsShell + `"><Stream Name="stdout" CommandId="C">YWJj</Stream><CommandState State="` + statePrefix + `Done"/></ReceiveResponse></Body></Envelope>`,
		"others":        envelope(`<x/><s:Body><y z=">"/><rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="C">YWJj</rsp:Stream><s:Stream/><rsp:CommandState State="` + statePrefix + `Done"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse></s:Body>`),
	} {
		a, err := Parse([]byte(document))
		require.NoError(t, err, name)
		require.Equal(t, want, a, name)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	good := envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="stdout">YWJj</rsp:Stream></rsp:ReceiveResponse></s:Body>`)
	documents := map[string]string{
		"other root":         `<html></html>`,
		"text":               `no`,
		"document type":      `<!DOCTYPE s [<!ENTITY a "b">]>` + good,
		"instruction":        `<?x y?>` + good,
		"unknown entity":     envelope(`<s:Body>` + `<rsp:ReceiveResponse><rsp:Stream Name="&a;"/></rsp:ReceiveResponse></s:Body>`),
		"bad reference":      envelope(`<s:Header><a:Action xmlns:a="` + nsAddressing + `">&#xD800;</a:Action></s:Header>`),
		"zero":               envelope(`<s:Header><a:Action xmlns:a="` + nsAddressing + `">&#0;</a:Action></s:Header>`),
		"undeclared prefix":  envelope(`<q:x/>`),
		"wrong end":          envelope(`<s:Body></s:Header>`),
		"end of nothing":     `</a>`,
		"two attributes":     envelope(`<x a="1"b="2"/>`),
		"attribute no quote": envelope(`<x a=1/>`),
		"less-than in value": envelope(`<x a="<"/>`),
		"bad base64":         strings.Replace(good, "YWJj", "YWJ", 1),
		"element in data":    strings.Replace(good, "YWJj", "<x/>", 1),
		"not UTF-8":          strings.Replace(good, "stdout", "\xff", 1),
		"deep":               strings.Repeat(`<x>`, 10_000),
		"deep inside":        envelope(strings.Repeat(`<x>`, 10_000)),
		"text behind":        good + "x",
		"open comment":       envelope(`<!-- `),
	}
	for i := 1; i < len(good); i++ {
		documents["cut at "+strconv.Itoa(i)] = good[:i]
	}
	for name, document := range documents {
		_, err := Parse([]byte(document))
		var bad *AnswerError
		require.ErrorAs(t, err, &bad, name)
	}
}

// FuzzParse holds the reader against encoding/xml: what it accepts is XML, and
// the streams are the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="C">YWJj</rsp:Stream></rsp:ReceiveResponse></s:Body>`)))
	f.Add([]byte(envelope(`<s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code><s:Reason><s:Text>a&amp;b</s:Text></s:Reason><s:Detail><f:WSManFault Code="2150858793" Machine="m"><f:Message><f:ProviderFault provider="p"/></f:Message></f:WSManFault></s:Detail></s:Fault></s:Body>`)))
	f.Add([]byte(envelope(`<s:Body><rsp:ConnectResponse><rsp:InputStreams>stdin pr</rsp:InputStreams><connectResponseXml xmlns="http://schemas.microsoft.com/powershell">YWJj</connectResponseXml></rsp:ConnectResponse></s:Body>`)))
	all, err := transcript.Load(transcripts)
	require.NoError(f, err)
	for _, file := range all[:20] {
		if e := file.Exchanges[0]; len(e.Response) < 4000 {
			f.Add([]byte(e.Response))
		}
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		a, err := Parse(document)
		if err != nil {
			return
		}
		n, err := transcript.ParseNode(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")))
		if err != nil {
			return // encoding/xml is stricter with characters and names
		}
		require.Equal(t, "Envelope", n.Name.Local)
		for _, s := range a.Streams {
			require.LessOrEqual(t, len(s.Data), len(document))
		}
		require.LessOrEqual(t, len(a.Connected), len(document))
	})
}

// BenchmarkParse reads an answer as large as servers make them.
func BenchmarkParse(b *testing.B) {
	payload := base64.StdEncoding.EncodeToString(make([]byte, 370_000))
	document := []byte(envelope(`<s:Body><rsp:ReceiveResponse><rsp:Stream Name="stdout">` + payload + `</rsp:Stream></rsp:ReceiveResponse></s:Body>`))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
