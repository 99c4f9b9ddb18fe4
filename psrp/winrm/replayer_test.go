package winrm_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// replayer is a server that plays a conversation. Each operation gets its
// recorded answer; a Receive gets its own when the client has sent as many
// messages as before the recorded one, and waits when nothing more was recorded.
type replayer struct {
	t *testing.T
	c *conversation

	mu      sync.Mutex
	changed chan struct{}
	next    map[string]int    // by operation and recorded target: position in its lane
	ids     map[string]string // CommandId: real to recorded
	calls   map[string]string // ci of pool requests: recorded to real
	inbox   assembler
	sent    []message // by our client, with recorded targets
	seen    []*transcript.Node
	over    bool // Delete came
	away    bool // the shell is disconnected
	key     []byte
}

func newReplayer(t *testing.T, c *conversation) *replayer {
	return &replayer{
		t: t, c: c, changed: make(chan struct{}), next: map[string]int{},
		ids: map[string]string{"": ""}, calls: map[string]string{}, inbox: assembler{},
		key: recordedSessionKey(t, c),
	}
}

func (r *replayer) start(certificate tls.Certificate) string {
	server := httptest.NewUnstartedServer(r)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	r.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// ServeHTTP answers one operation.
func (r *replayer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	n, err := transcript.ParseNode(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	recorded := r.take(n)
	for {
		r.mu.Lock()
		answer, changed := r.answer(n, recorded), r.changed
		if answer == nil && r.away {
			answer = r.interrupted(n)
		}
		r.mu.Unlock()
		if answer != nil {
			w.Header().Set("Content-Type", sealing.SOAP)
			if bytes.Contains(answer, []byte(":Fault>")) {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = w.Write(answer)
			return
		}
		select {
		case <-changed:
		case <-request.Context().Done():
			return
		}
	}
}

// take notes what the client sent and finds the exchange that was recorded for
// it, nil if there was none.
func (r *replayer) take(n *transcript.Node) *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		close(r.changed)
		r.changed = make(chan struct{})
	}()
	r.seen = append(r.seen, n)
	operation, command := n.Operation(), n.Command()
	if operation == "Command" {
		r.ids[command] = r.nth("Command", r.next["Command "]).request.Command()
		r.next["Command "]++
	}
	target := r.ids[command]
	for _, payload := range payloads {
		if p := n.Find(payload); p != nil {
			r.sent = append(r.sent, r.inbox.feed(r.t, target, p.Attr("Name"), p.Text, 0)...)
		}
	}
	r.mapCalls()
	r.over = r.over || operation == "Delete"
	r.away = operation == "Disconnect" || r.away && operation != "Reconnect" && operation != "Connect"
	lane := operation + " " + target
	if operation != "Command" {
		r.next[lane]++
	}
	return r.inLane(operation, target, max(r.next[lane], 1)-1)
}

// nth is the n-th recorded exchange of an operation, whatever its target.
func (r *replayer) nth(operation string, n int) *exchange {
	for _, e := range r.c.exchanges {
		if e.request.Operation() != operation {
			continue
		}
		if n--; n < 0 {
			return e
		}
	}
	return &exchange{request: &transcript.Node{}}
}

func (r *replayer) inLane(operation, target string, n int) *exchange {
	for _, e := range r.c.exchanges {
		if e.request.Operation() != operation || e.request.Command() != target {
			continue
		}
		if n--; n < 0 {
			return e
		}
	}
	return nil
}

// mapCalls pairs the call ids of recorded pool requests with ours.
func (r *replayer) mapCalls() {
	ours, recorded := poolCalls(r.sent), poolCalls(r.c.sent)
	for i := range min(len(ours), len(recorded)) {
		r.calls[recorded[i]] = ours[i]
	}
}

func poolCalls(all []message) (ids []string) {
	for _, m := range all {
		if ci := get(plain(m.value), "ci"); m.target == "" && ci != nil {
			ids = append(ids, fmt.Sprint(ci))
		}
	}
	return ids
}

// answer is what to answer now, nil: to wait.
func (r *replayer) answer(n *transcript.Node, recorded *exchange) []byte {
	switch {
	case recorded == nil && n.Operation() == "Receive":
		if r.over {
			return r.rewrite(n, string(winrmtest.Fault(2150858843)))
		}
		return nil
	case recorded == nil || recorded.response == nil || recorded.response.Find("Body") == nil:
		return r.rewrite(n, bareAnswer) // an operation that was not recorded
	case n.Operation() == "Receive" && len(r.sent) < recorded.needs:
		return nil
	}
	return r.rewrite(n, recorded.answer)
}

// interrupted ends a Receive that waits in a shell which is being disconnected,
// as Windows does; it counts as not asked.
func (r *replayer) interrupted(n *transcript.Node) []byte {
	r.next["Receive "+r.ids[n.Command()]]--
	const streamDisconnected = 2150859230
	return r.rewrite(n, string(winrmtest.Fault(streamDisconnected)))
}

const bareAnswer = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body/></s:Envelope>`

// rewrite puts our ids in the place of the recorded ones.
func (r *replayer) rewrite(n *transcript.Node, answer string) []byte {
	if ours := n.Command(); ours != "" {
		answer = strings.ReplaceAll(answer, r.ids[ours], ours)
	}
	if id := cut(answer, "RelatesTo>", "</"); id != "" {
		answer = strings.Replace(answer, id, n.TextOf("MessageID"), 1)
	}
	if n.Operation() == "Receive" && n.Command() == "" {
		answer = r.rewriteCalls(r.rewriteKey(answer))
	}
	return []byte(answer)
}

func cut(s, start, end string) string {
	_, s, _ = strings.Cut(s, start)
	s, _, _ = strings.Cut(s, end)
	return s
}

// rewriteCalls changes the call ids in the answers to pool requests.
func (r *replayer) rewriteCalls(answer string) string {
	return mapMessages(r.t, answer, func(blob []byte) []byte {
		for recorded, ours := range r.calls {
			old := []byte(`<I64 N="ci">` + recorded + `</I64>`)
			if bytes.Contains(blob, old) {
				return bytes.Replace(blob, old, []byte(`<I64 N="ci">`+ours+`</I64>`), 1)
			}
		}
		return blob
	})
}

// mapMessages changes each message of an answer that is a fragment and a stream
// of its own.
func mapMessages(t *testing.T, answer string, change func(blob []byte) []byte) string {
	for rest := answer; ; {
		text := cut(rest, `Name="stdout">`, "<")
		if text == "" {
			return answer
		}
		_, rest, _ = strings.Cut(rest, text)
		data, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		f, n, err := psrp.ParseFragment(data)
		if err != nil || n != len(data) || !f.Start || !f.End {
			continue
		}
		f.Blob = change(f.Blob)
		answer = strings.Replace(answer, text, base64.StdEncoding.EncodeToString(psrp.AppendFragment(nil, f)), 1)
	}
}

// compare holds what our client sent against the recording.
func (r *replayer) compare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compareEnvelopes()
	r.compareMessages()
}

// compareEnvelopes: each request is equal to the recorded one of its kind, but
// for ids, address and payload.
func (r *replayer) compareEnvelopes() {
	recorded := map[string][]*transcript.Node{}
	for _, e := range r.c.exchanges {
		recorded[kind(e.request)] = append(recorded[kind(e.request)], e.request)
	}
	for _, n := range r.seen {
		want := recorded[kind(n)]
		if len(want) == 0 {
			require.Contains(r.t, []string{"Signal", "Delete"}, n.Operation(), "only the end was not always recorded")
			continue
		}
		size := true
		if len(want) > 1 {
			recorded[kind(n)] = want[1:]
		} else {
			size = n.Operation() != "Receive" // there may be more of them, with the later size
		}
		require.Equal(r.t, normal(want[0], size), normal(n, size), "%s", kind(n))
	}
}

// kind is what two requests must have in common to be compared.
func kind(n *transcript.Node) string {
	k := n.Operation()
	s := n.Find("Stream")
	if n.Command() != "" || s != nil && s.Attr("Name") == "pr" {
		k += " command"
	}
	if s != nil {
		k += " " + s.Attr("Name")
	}
	return k
}

// normal takes out what differs between two conversations.
func normal(n *transcript.Node, size bool) *transcript.Node {
	out := &transcript.Node{Name: n.Name, Text: n.Text}
	switch n.Name.Local {
	case "MessageID", "SessionId", "To", "Selector", "creationXml", "connectXml", "Arguments", "Stream":
		out.Text = "*"
	case "MaxEnvelopeSize":
		if !size {
			out.Text = "*"
		}
	}
	for _, a := range n.Attrs {
		if a.Name.Local == "CommandId" && n.Attr("Name") == "pr" {
			continue // not recorded; .NET sends it, and so do we
		}
		if a.Name.Local == "ShellId" || a.Name.Local == "CommandId" {
			a.Value = "*"
		}
		out.Attrs = append(out.Attrs, a)
	}
	for _, c := range n.Children {
		out.Children = append(out.Children, normal(c, size))
	}
	return out
}

// compareMessages: the same messages to each target in the same order, and with
// the same content.
func (r *replayer) compareMessages() {
	targets := map[string]bool{}
	for _, m := range append(append([]message{}, r.sent...), r.c.sent...) {
		targets[m.target] = true
	}
	for target := range targets {
		ours, recorded := toTarget(r.sent, target), toTarget(r.c.sent, target)
		require.Len(r.t, ours, len(recorded))
		for i, m := range recorded {
			require.Equal(r.t, m.Type, ours[i].Type)
			require.Equal(r.t, psrp.ToServer, ours[i].Destination)
			want, got := plain(m.value), plain(ours[i].value)
			forget(m.Type, want)
			forget(m.Type, got)
			require.Equal(r.t, want, got, "message %v", m.Type)
		}
	}
}

func toTarget(all []message, target string) (found []message) {
	for _, m := range all {
		if m.target == target {
			found = append(found, m)
		}
	}
	return found
}

// forget takes out the members that this client sets otherwise on purpose.
func forget(kind psrp.MessageType, v any) {
	bag, _ := v.(map[string]any)
	delete(bag, "ci")
	switch kind {
	case psrp.MsgCreatePipeline:
		shell, _ := get(v, "PowerShell").(map[string]any)
		delete(shell, "RedirectShellErrorOutputPipe") // true here, so that errors do not end a script
		delete(shell, "History")
		delete(bag, "AddToHistory") // never here: nobody asks for the history
		delete(bag, "HostInfo")     // defaults of the screen differ
	case psrp.MsgInitRunspacePool:
		delete(bag, "HostInfo")
	case psrp.MsgPublicKey:
		delete(bag, "PublicKey") // each client has its own
	}
}
