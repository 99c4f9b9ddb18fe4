package wsman

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
)

const transcripts = "../../testdata/winrm-transcripts"

// node is an element as encoding/xml sees it: the independent judge of what is
// written and read here.
type node struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Text     string
	Children []*node
}

func tree(t testing.TB, document []byte) *node {
	t.Helper()
	n, err := parseTree(document)
	require.NoError(t, err)
	return n
}

func parseTree(document []byte) (*node, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	root := &node{}
	stack := []*node{root}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && len(root.Children) == 1 {
			return root.Children[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{Name: token.Name}
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					n.Attrs = append(n.Attrs, a)
				}
			}
			slices.SortFunc(n.Attrs, func(a, b xml.Attr) int { return strings.Compare(a.Name.Local, b.Name.Local) })
			top.Children = append(top.Children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Text += string(token)
		}
	}
}

func (n *node) find(local string) *node {
	if n.Name.Local == local {
		return n
	}
	for _, c := range n.Children {
		if found := c.find(local); found != nil {
			return found
		}
	}
	return nil
}

func (n *node) text(local string) string {
	if found := n.find(local); found != nil {
		return found.Text
	}
	return ""
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (n *node) bytes(t testing.TB, local string) []byte {
	found := n.find(local)
	if found == nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(found.Text)
	require.NoError(t, err)
	return data
}

// request reads a recorded request into what would make us write it.
func request(t testing.TB, envelope *node) Request {
	t.Helper()
	size, err := strconv.Atoi(envelope.text("MaxEnvelopeSize"))
	require.NoError(t, err)
	timeout, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(envelope.text("OperationTimeout"), "PT")))
	require.NoError(t, err)
	r := Request{
		Action: envelope.text("Action"), To: envelope.text("To"), ResourceURI: envelope.text("ResourceURI"),
		MessageID: strings.TrimPrefix(envelope.text("MessageID"), "uuid:"),
		SessionID: strings.TrimPrefix(envelope.text("SessionId"), "uuid:"),
		Locale:    envelope.find("Locale").attr("lang"), MaxEnvelopeSize: size, OperationTimeout: timeout,
	}
	header := envelope.find("Header")
	if set := header.find("OptionSet"); set != nil {
		for _, o := range set.Children {
			r.Options = append(r.Options, Option{o.attr("Name"), o.Text, o.attr("MustComply") == "true"})
		}
	}
	if set := header.find("SelectorSet"); set != nil {
		for _, s := range set.Children {
			r.Selectors = append(r.Selectors, Selector{s.attr("Name"), s.Text})
		}
	}
	r.Body = body(t, envelope.find("Body"))
	return r
}

func body(t testing.TB, b *node) Body {
	t.Helper()
	if len(b.Children) == 0 {
		return nil
	}
	switch n := b.Children[0]; n.Name.Local {
	case "Shell":
		idle, _ := time.ParseDuration(strings.ToLower(strings.TrimPrefix(n.text("IdleTimeOut"), "PT")))
		if n.find("Lifetime") == nil && n.find("Environment") == nil {
			return Shell{n.attr("ShellId"), n.text("InputStreams"), n.text("OutputStreams"), idle, n.bytes(t, "creationXml")}
		}
	case "CommandLine":
		if n.attr("CommandId") != "" {
			return CommandLine{n.attr("CommandId"), n.text("Command"), n.bytes(t, "Arguments")}
		}
	case "Send":
		if s := n.find("Stream"); s.attr("End") == "" {
			return Send{s.attr("Name"), s.attr("CommandId"), n.bytes(t, "Stream")}
		}
	case "Receive":
		d := n.find("DesiredStream")
		return Receive{d.Text, d.attr("CommandId")}
	case "Signal":
		return Signal{n.attr("CommandId"), n.text("Code")}
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
	require.LessOrEqual(t, others, 40, "bodies of other shells")
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
			require.Equal(t, want.text("Action"), a.Action, name)
			require.Equal(t, strings.TrimPrefix(want.text("RelatesTo"), "uuid:"), a.RelatesTo, name)
			require.Equal(t, want.find("Fault") != nil, a.Fault != nil, name)
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
	response := want.find("ReceiveResponse")
	if response == nil {
		require.Empty(t, a.Streams, name)
		return 0
	}
	i := 0
	for _, s := range response.Children {
		if s.Name.Local == "Stream" {
			require.Equal(t, Stream{s.attr("Name"), s.attr("CommandId"), nonNil(s.bytes(t, "Stream"))}, a.Streams[i], name)
			i++
		}
	}
	require.Len(t, a.Streams, i, name)
	return i
}

func nonNil(b []byte) []byte { return append([]byte{}, b...) }

func requireRest(t *testing.T, want *node, a *Answer, name string) {
	state := ""
	if s := want.find("CommandState"); s != nil {
		state = s.attr("State")[strings.LastIndexByte(s.attr("State"), '/')+1:]
	}
	require.Equal(t, state, a.State, name)
	if created := want.find("ResourceCreated"); created != nil {
		require.Equal(t, []Selector{{"ShellId", created.text("Selector")}}, a.Selectors, name)
	}
	if response := want.find("CommandResponse"); response != nil {
		require.Equal(t, response.text("CommandId"), a.CommandID, name)
	}
	if config := want.find("Config"); config != nil {
		require.Equal(t, config.text("MaxEnvelopeSizekb"), strconv.Itoa(a.MaxEnvelopeKB), name)
	}
}

func requireFault(t *testing.T, want *node, f *Fault, name string) {
	detail := want.find("WSManFault")
	require.Equal(t, detail.attr("Code"), strconv.FormatUint(uint64(f.Code), 10), name)
	require.Equal(t, detail.attr("Machine"), f.Machine, name)
	require.Equal(t, strings.TrimSpace(want.find("Reason").text("Text")), f.Reason, name)
	require.True(t, strings.HasSuffix(want.find("Subcode").text("Value"), ":"+f.Subcode), name)
	if p := want.find("ProviderFault"); p != nil {
		require.Equal(t, p.attr("provider"), f.Provider, name)
	}
}

func TestWriterEscapes(t *testing.T) {
	t.Parallel()
	nasty := "<&>\"'\t\r\n\x01\x00\ufffe😀 é"
	r := Request{Options: []Option{{Name: nasty, Value: nasty}}}
	option := tree(t, Append(nil, r)).find("Option")
	want := "<&>\"'\t\r\n\ufffd\ufffd\ufffd😀 é"
	require.Equal(t, want, option.attr("Name"))
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
		n, err := parseTree(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")))
		if err != nil {
			return // encoding/xml is stricter with characters and names
		}
		require.Equal(t, "Envelope", n.Name.Local)
		for _, s := range a.Streams {
			require.LessOrEqual(t, len(s.Data), len(document))
		}
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
