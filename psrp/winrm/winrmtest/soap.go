package winrmtest

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of faults.
const (
	codeTimedOut  = 2150858793
	codeNotFound  = 2150858843
	codeAborted   = 995
	codeAway      = 2150859230
	codeBadInput  = 87
	codeNoCommand = 2147942402
)

// request is an envelope with what the server looks at.
type request struct {
	Header struct {
		Action           string     `xml:"Action"`
		MessageID        string     `xml:"MessageID"`
		MaxEnvelopeSize  int        `xml:"MaxEnvelopeSize"`
		OperationTimeout string     `xml:"OperationTimeout"`
		ResourceURI      string     `xml:"ResourceURI"`
		To               string     `xml:"To"`
		Options          []selector `xml:"OptionSet>Option"`
		Selectors        []selector `xml:"SelectorSet>Selector"`
	} `xml:"Header"`
	Body struct {
		Shell *struct {
			ID       string `xml:"ShellId,attr"`
			Creation string `xml:"creationXml"`
		} `xml:"Shell"`
		CommandLine *struct {
			ID        string `xml:"CommandId,attr"`
			Arguments string `xml:"Arguments"`
		} `xml:"CommandLine"`
		Send *struct {
			Stream struct {
				Name    string `xml:"Name,attr"`
				Command string `xml:"CommandId,attr"`
				Data    string `xml:",chardata"`
			} `xml:"Stream"`
		} `xml:"Send"`
		Receive *struct {
			Stream struct {
				Command string `xml:"CommandId,attr"`
			} `xml:"DesiredStream"`
		} `xml:"Receive"`
		Signal *struct {
			Command string `xml:"CommandId,attr"`
			Code    string `xml:"Code"`
		} `xml:"Signal"`
	} `xml:"Body"`
}

type selector struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:",chardata"`
}

func (r *request) operation() string {
	return r.Header.Action[strings.LastIndexByte(r.Header.Action, '/')+1:]
}

// command is the CommandId, wherever the operation has it.
func (r *request) command() string {
	switch b := r.Body; {
	case b.CommandLine != nil:
		return b.CommandLine.ID
	case b.Send != nil:
		return b.Send.Stream.Command
	case b.Receive != nil:
		return b.Receive.Stream.Command
	case b.Signal != nil:
		return b.Signal.Command
	}
	return ""
}

func (r *request) shell() string {
	for _, s := range r.Header.Selectors {
		if s.Name == "ShellId" {
			return s.Value
		}
	}
	return ""
}

// hold is how long a Receive may wait.
func (r *request) hold() time.Duration {
	text := strings.TrimSuffix(strings.TrimPrefix(r.Header.OperationTimeout, "PT"), "S")
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 20 * time.Second
	}
	return time.Duration(seconds * float64(time.Second))
}

// writer sends an answer in the way of the connection.
type writer func(w http.ResponseWriter, op Operation, status int, answer []byte)

// fault is an operation that failed.
type fault struct {
	code    int
	subcode string
	reason  string
}

func (f *fault) Error() string { return f.reason }

// operate performs one operation and answers.
func (s *Server) operate(w http.ResponseWriter, httpRequest *http.Request, envelope []byte, write writer) {
	var r request
	if err := xml.Unmarshal(envelope, &r); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	op := s.record(Operation{Name: r.operation(), Command: r.command(), Resource: r.Header.ResourceURI, Size: len(envelope)})
	if s.config.Before != nil && s.config.Before(w, httpRequest, op) {
		return
	}
	body, err := s.perform(httpRequest.Context(), &r)
	if httpRequest.Context().Err() != nil {
		return
	}
	status, action := http.StatusOK, r.Header.Action+"Response"
	if err != nil {
		status, action, body = http.StatusInternalServerError, "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", faultBody(err)
	}
	write(w, op, status, answerEnvelope(action, r.Header.MessageID, body))
}

func answerEnvelope(action, relates, body string) []byte {
	return fmt.Appendf(nil, `<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"`+
		` xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"`+
		` xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"`+
		` xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>%s</a:Action>`+
		`<a:MessageID>uuid:00000000-0000-0000-0000-000000000001</a:MessageID>`+
		`<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To><a:RelatesTo>%s</a:RelatesTo></s:Header>`+
		`<s:Body>%s</s:Body></s:Envelope>`, action, html.EscapeString(relates), body)
}

func faultBody(err error) string {
	f, ok := err.(*fault)
	if !ok {
		f = &fault{2147500037, "w:InternalError", err.Error()}
	}
	reason := html.EscapeString(f.reason)
	return fmt.Sprintf(`<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>%s</s:Value></s:Subcode></s:Code>`+
		`<s:Reason><s:Text xml:lang="en-US">%s</s:Text></s:Reason><s:Detail>`+
		`<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d" Machine="127.0.0.1">`+
		`<f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault>`, f.subcode, reason, f.code, reason)
}

// Fault makes the envelope of a fault, for hooks.
func Fault(code int) []byte {
	return answerEnvelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", "", faultBody(&fault{code, "w:InternalError", "a fault made by a test"}))
}

func createdBody(r *request, id string) string {
	uri := html.EscapeString(r.Header.ResourceURI)
	return fmt.Sprintf(`<x:ResourceCreated><a:Address>%s</a:Address><a:ReferenceParameters><w:ResourceURI>%s</w:ResourceURI>`+
		`<w:SelectorSet><w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>`+
		`<rsp:Shell xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><rsp:ShellId>%[3]s</rsp:ShellId>`+
		`<rsp:ResourceUri>%[2]s</rsp:ResourceUri><rsp:InputStreams>stdin pr</rsp:InputStreams>`+
		`<rsp:OutputStreams>stdout</rsp:OutputStreams><rsp:State>Connected</rsp:State></rsp:Shell>`,
		html.EscapeString(r.Header.To), uri, id)
}

func receiveBody(command string, pieces [][]byte, done bool) string {
	var b strings.Builder
	attribute := ""
	if command != "" {
		attribute = ` CommandId="` + command + `"`
	}
	b.WriteString("<rsp:ReceiveResponse>")
	for _, piece := range pieces {
		b.WriteString(`<rsp:Stream Name="stdout"` + attribute + `>`)
		b.WriteString(base64.StdEncoding.EncodeToString(piece))
		b.WriteString("</rsp:Stream>")
	}
	if done {
		b.WriteString(`<rsp:CommandState` + attribute + ` State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done">` +
			`<rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>`)
	}
	b.WriteString("</rsp:ReceiveResponse>")
	return b.String()
}
