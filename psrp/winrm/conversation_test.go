package winrm_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
)

// conversation is what was recorded of one PowerShell shell, taken apart.
type conversation struct {
	name      string
	exchanges []*exchange
	sent      []message            // by the client, in order
	received  map[string][]message // by the client, by recorded CommandId
}

type exchange struct {
	request, response *transcript.Node // response nil: unreachable
	answer            string
	needs             int // client messages that were complete before
}

// message is one PSRP message and where it was.
type message struct {
	psrp.Message
	target string // recorded CommandId; "" for the pool
	at     int    // index of the exchange that completed it
	value  any    // decoded body
}

// conversations cuts a transcript into its PowerShell shells.
func conversations(t *testing.T, file transcript.Transcript) []*conversation {
	t.Helper()
	shells := map[string]*conversation{}
	var all []*conversation
	for _, recorded := range file.Exchanges {
		e := &exchange{answer: recorded.Response}
		var err error
		e.request, err = transcript.ParseNode([]byte(recorded.Request))
		require.NoError(t, err)
		if recorded.Response != "" && !recorded.TimedOut {
			e.response, err = transcript.ParseNode([]byte(recorded.Response))
			require.NoError(t, err)
		}
		id := e.request.TextOf("Selector")
		if !strings.HasPrefix(e.request.TextOf("ResourceURI"), "http://schemas.microsoft.com/powershell/") {
			continue
		}
		if e.request.Operation() == "Create" {
			id = e.request.Find("Shell").Attr("ShellId")
			shells[id] = &conversation{name: file.Name, received: map[string][]message{}}
			all = append(all, shells[id])
		}
		if shells[id] != nil {
			shells[id].exchanges = append(shells[id].exchanges, e)
		}
	}
	for _, c := range all {
		c.read(t)
	}
	return all
}

// read takes the messages out of the envelopes.
func (c *conversation) read(t *testing.T) {
	t.Helper()
	in, out, latest := assembler{}, assembler{}, ""
	for i, e := range c.exchanges {
		e.needs = len(c.sent)
		target := e.request.Command()
		if e.request.Operation() == "Command" {
			latest = target
		}
		if s := e.request.Find("Stream"); s != nil && s.Attr("Name") == "pr" && target == "" {
			target = latest // the recorded client left it out, and Windows found the pipeline all the same
		}
		for _, payload := range payloads {
			if n := e.request.Find(payload); n != nil {
				c.sent = append(c.sent, out.feed(t, target, n.Attr("Name"), n.Text, i)...)
			}
		}
		if e.response == nil {
			continue
		}
		if n := e.response.Find("connectResponseXml"); n != nil {
			c.received[""] = append(c.received[""], in.feed(t, "", "", n.Text, i)...)
		}
		response := e.response.Find("ReceiveResponse")
		if response == nil {
			continue
		}
		for _, n := range response.Children {
			if n.Name.Local == "Stream" {
				got := in.feed(t, n.Attr("CommandId"), n.Attr("Name"), n.Text, i)
				c.received[n.Attr("CommandId")] = append(c.received[n.Attr("CommandId")], got...)
			}
		}
	}
}

// payloads are the elements of requests that carry fragments.
var payloads = []string{"creationXml", "connectXml", "Arguments", "Stream"}

// assembler puts messages together, by target and stream.
type assembler map[string]*psrp.Defragmenter

func (a assembler) feed(t *testing.T, target, stream, text string, at int) (all []message) {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	if stream != "pr" {
		stream = ""
	}
	key := target + " " + stream
	if a[key] == nil {
		a[key] = new(psrp.Defragmenter)
	}
	require.NoError(t, a[key].Feed(data, func(object []byte) error {
		m, err := psrp.ParseMessage(object)
		if err != nil {
			return err
		}
		var v any
		if len(m.Body) > 0 {
			v, err = clixml.Decode(m.Body, clixml.DecodeOptions{})
		}
		all = append(all, message{Message: m, target: target, at: at, value: v})
		return err
	}))
	return all
}

// next takes the messages of the next pipeline off a target: some recorded
// clients used one CommandId for one pipeline after the other.
func (c *conversation) next(target string) []message {
	all := c.received[target]
	for i, m := range all {
		if m.Type == psrp.MsgPipelineState {
			c.received[target] = all[i+1:]
			return all[:i+1]
		}
	}
	return all
}

// find gives the messages of one type to one target.
func find(all []message, kind psrp.MessageType, target string) (found []message) {
	for _, m := range all {
		if m.Type == kind && m.target == target {
			found = append(found, m)
		}
	}
	return found
}

// plain takes types and display texts off a value: bags become maps, enums
// numbers. What is left is what a server looks at.
func plain(v any) any {
	o, ok := v.(*clixml.Object)
	if !ok {
		return v
	}
	switch value := o.Value.(type) {
	case *clixml.List:
		list := make([]any, len(value.Items))
		for i, item := range value.Items {
			list[i] = plain(item)
		}
		return list
	case *clixml.Dictionary:
		list := make([]any, len(value.Entries))
		for i, e := range value.Entries {
			list[i] = [2]any{plain(e.Key), plain(e.Value)}
		}
		return list
	case nil:
		bag := map[string]any{}
		for _, p := range append(append([]clixml.Property{}, o.Properties...), o.Extended...) {
			bag[strings.Replace(p.Name, "CI", "ci", 1)] = plain(p.Value) // names have no case
		}
		return bag
	default:
		return value
	}
}

func get(v any, path ...string) any {
	for _, name := range path {
		bag, _ := v.(map[string]any)
		v = bag[name]
	}
	return v
}
