package winrmtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parrot is an engine that says what a test gives it and notes what it is told.
type parrot struct {
	says   chan psrp.Packet
	closed chan struct{}
	heard  []byte
}

func newParrot() *parrot {
	return &parrot{says: make(chan psrp.Packet), closed: make(chan struct{})}
}

func (p *parrot) OpenPool(_ context.Context, first []byte) error {
	p.heard = append(p.heard, first...)
	return nil
}

func (p *parrot) OpenPipeline(_ context.Context, _ psrp.GUID, first []byte) error {
	p.heard = append(p.heard, first...)
	return nil
}

func (p *parrot) Send(_ context.Context, _ psrp.GUID, _ psrp.Stream, data []byte) error {
	p.heard = append(p.heard, data...)
	return nil
}

func (p *parrot) Signal(context.Context, psrp.GUID) error        { return nil }
func (p *parrot) ClosePipeline(context.Context, psrp.GUID) error { return nil }
func (p *parrot) ClosePool(context.Context) error                { return nil }
func (p *parrot) MaxFragment() int                               { return 32 << 10 }

func (p *parrot) Receive() (psrp.Packet, error) {
	select {
	case packet := <-p.says:
		return packet, nil
	case <-p.closed:
		return psrp.Packet{}, io.EOF
	}
}

func (p *parrot) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

var supported = []string{"Create", "Command", "Send", "Receive", "Signal", "Delete", "Disconnect", "Reconnect"}

// TestAgainstWindows: for every recorded request to a PowerShell shell the
// server gives the answer that Windows gave, when its engine says the same.
func TestAgainstWindows(t *testing.T) {
	t.Parallel()
	all, err := transcript.Load("../testdata/winrm-transcripts")
	require.NoError(t, err)
	checked := 0
	for _, file := range all {
		var latest *parrot
		engines := map[string]*parrot{} // by ShellId
		left := map[string]bool{}       // to be found again by Connect, which an engine on pipes has not
		server := winrmtest.NewServer(winrmtest.Config{Engine: func() (psrp.Transport, func(), error) {
			latest = newParrot()
			return latest, func() {}, nil
		}})
		for i, e := range file.Exchanges {
			request, err := transcript.ParseNode([]byte(e.Request))
			require.NoError(t, err)
			shell, operation := request.TextOf("Selector"), request.Operation()
			left[shell] = left[shell] || operation == "Connect"
			if !strings.Contains(request.TextOf("ResourceURI"), "/powershell/") || e.TimedOut || left[shell] || !slices.Contains(supported, operation) {
				continue
			}
			want, err := transcript.ParseNode([]byte(e.Response))
			require.NoError(t, err)
			got := exchange(t, server, engines[shell], e.Request, want)
			if created := request.Find("Shell"); created != nil {
				engines[created.Attr("ShellId")] = latest
			}
			name := file.Name + " " + strconv.Itoa(i)
			require.Equal(t, want.TextOf("Action"), got.TextOf("Action"), name)
			require.Equal(t, request.TextOf("MessageID"), got.TextOf("RelatesTo"), name)
			requireBody(t, want.Find("Body"), got.Find("Body"), name)
			checked++
		}
		server.Close()
	}
	require.Equal(t, 218, checked)
}

var operationTimeout = regexp.MustCompile(`PT\d+S</wsman:OperationTimeout>`)

// exchange lets the engine say what was recorded and performs the request.
func exchange(t *testing.T, server *winrmtest.Server, engine *parrot, request string, recorded *transcript.Node) *transcript.Node {
	t.Helper()
	if recorded.Find("Fault") != nil {
		request = operationTimeout.ReplaceAllString(request, "PT0.01S</wsman:OperationTimeout>")
	}
	if said := streams(t, recorded); len(said) > 0 {
		for _, s := range said {
			engine.says <- s
		}
		engine.says <- psrp.Packet{Target: psrp.NewGUID()} // of nobody; what was said before is there now
	}
	response, err := http.Post(server.URL(), "application/soap+xml;charset=UTF-8", strings.NewReader(request))
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	http.DefaultClient.CloseIdleConnections()
	status := http.StatusOK
	if recorded.Find("Fault") != nil {
		status = http.StatusInternalServerError
	}
	require.Equal(t, status, response.StatusCode)
	got, err := transcript.ParseNode(body)
	require.NoError(t, err)
	return got
}

func streams(t *testing.T, n *transcript.Node) (all []psrp.Packet) {
	t.Helper()
	response := n.Find("ReceiveResponse")
	if response == nil {
		return nil
	}
	for _, s := range response.Children {
		if s.Name.Local != "Stream" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(s.Text)
		require.NoError(t, err)
		packet := psrp.Packet{Data: data}
		if id := s.Attr("CommandId"); id != "" {
			packet.Target, err = clixml.ParseGUID(id)
			require.NoError(t, err)
		}
		all = append(all, packet)
	}
	return all
}

// requireBody: the same elements with the same meaning. Output may come in
// other portions.
func requireBody(t *testing.T, want, got *transcript.Node, name string) {
	t.Helper()
	if fault := want.Find("WSManFault"); fault != nil {
		require.Equal(t, fault.Attr("Code"), got.Find("WSManFault").Attr("Code"), name)
		require.Equal(t, want.Find("Subcode"), got.Find("Subcode"), name)
		return
	}
	if created := want.Find("ReferenceParameters"); created != nil {
		require.Equal(t, created, got.Find("ReferenceParameters"), name)
		return
	}
	if want.Find("ReceiveResponse") == nil {
		require.Equal(t, want.Children, got.Children, name)
		return
	}
	a, b := streams(t, want), streams(t, got)
	require.Equal(t, joined(a), joined(b), name)
	if state := want.Find("CommandState"); state != nil && strings.HasSuffix(state.Attr("State"), "Done") {
		require.Equal(t, state, got.Find("CommandState"), name)
	} else {
		require.Nil(t, got.Find("CommandState"), name)
	}
}

func joined(packets []psrp.Packet) map[psrp.GUID]string {
	all := map[psrp.GUID]string{}
	for _, p := range packets {
		var b bytes.Buffer
		b.WriteString(all[p.Target])
		b.Write(p.Data)
		all[p.Target] = b.String()
	}
	return all
}
