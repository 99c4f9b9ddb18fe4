package wsman

import (
	"fmt"
	"strconv"
	"strings"
)

// An Answer is what a service answers. Only what belongs to the operation is
// set.
type Answer struct {
	Action    string
	RelatesTo string // the MessageID of the request, without "uuid:"
	Fault     *Fault // set: the operation failed

	Selectors []Selector // Create
	CommandID string     // Command
	Streams   []Stream   // Receive, in order
	State     string     // Receive: state of the command, "" if not told
	Connected []byte     // Connect: the first fragments of the pool

	MaxEnvelopeKB int // Get of the configuration
}

// A Stream is a piece of output.
type Stream struct {
	Name      string
	CommandID string // "": of the shell itself
	Data      []byte
}

// A Fault tells why an operation failed.
type Fault struct {
	Code     uint32 // of WSManFault; 0 if there is none
	Subcode  string // as "TimedOut", without prefix
	Reason   string // text for people
	Provider string // what failed inside the service, if told
	Machine  string
}

// An AnswerError is an answer that is not what [MS-WSMV] describes.
type AnswerError struct{ Err error }

func (e *AnswerError) Error() string { return "winrm: bad answer: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *AnswerError) Unwrap() error { return e.Err }

func answerError(format string, args ...any) error {
	return &AnswerError{Err: fmt.Errorf(format, args...)}
}

// Parse reads an envelope.
func Parse(data []byte) (*Answer, error) {
	p := newParser(data)
	a := new(Answer)
	known := false
	err := p.children(func(name Name) error {
		if name != (Name{nsSOAP, "Envelope"}) {
			return answerError("the root is %q", name.Local)
		}
		known = true
		return p.children(func(name Name) error {
			switch name {
			case Name{nsSOAP, "Header"}:
				return a.readHeader(p)
			case Name{nsSOAP, "Body"}:
				return a.readBody(p)
			}
			return p.skip()
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, answerError("no envelope")
	}
	return a, nil
}

func (a *Answer) readHeader(p *parser) error {
	return p.children(func(name Name) (err error) {
		switch name {
		case Name{nsAddressing, "Action"}:
			a.Action, err = p.text()
		case Name{nsAddressing, "RelatesTo"}:
			a.RelatesTo, err = p.text()
			a.RelatesTo = strings.TrimPrefix(a.RelatesTo, "uuid:")
		default:
			err = p.skip()
		}
		return err
	})
}

func (a *Answer) readBody(p *parser) error {
	return p.children(func(name Name) (err error) {
		switch name {
		case Name{nsSOAP, "Fault"}:
			a.Fault, err = readFault(p)
		case Name{nsTransfer, "ResourceCreated"}:
			err = a.readCreated(p)
		case Name{nsShell, "CommandResponse"}:
			err = a.readCommand(p)
		case Name{nsShell, "ReceiveResponse"}:
			err = a.readReceive(p)
		case Name{nsShell, "ConnectResponse"}:
			err = a.readConnect(p)
		case Name{nsConfig, "Config"}:
			err = a.readConfig(p)
		default:
			err = p.skip()
		}
		return err
	})
}

// readCreated looks for the selectors, at whatever depth.
func (a *Answer) readCreated(p *parser) error {
	return p.children(func(name Name) error {
		if name != (Name{nsWSMan, "Selector"}) {
			return a.readCreated(p)
		}
		s := Selector{Name: p.attr("Name")}
		value, err := p.text()
		s.Value = value
		a.Selectors = append(a.Selectors, s)
		return err
	})
}

func (a *Answer) readCommand(p *parser) error {
	return p.children(func(name Name) (err error) {
		if name != (Name{nsShell, "CommandId"}) {
			return p.skip()
		}
		a.CommandID, err = p.text()
		return err
	})
}

func (a *Answer) readReceive(p *parser) error {
	return p.children(func(name Name) (err error) {
		switch name {
		case Name{nsShell, "Stream"}:
			s := Stream{Name: p.attr("Name"), CommandID: p.attr("CommandId")}
			s.Data, err = p.base64()
			a.Streams = append(a.Streams, s)
			return err
		case Name{nsShell, "CommandState"}:
			a.State = strings.TrimPrefix(p.attr("State"), statePrefix)
		}
		return p.skip()
	})
}

func (a *Answer) readConnect(p *parser) error {
	return p.children(func(name Name) (err error) {
		if name != (Name{PowerShellURI, "connectResponseXml"}) {
			return p.skip()
		}
		a.Connected, err = p.base64()
		return err
	})
}

func (a *Answer) readConfig(p *parser) error {
	return p.children(func(name Name) error {
		if name != (Name{nsConfig, "MaxEnvelopeSizekb"}) {
			return p.skip()
		}
		text, err := p.text()
		if err != nil {
			return err
		}
		if a.MaxEnvelopeKB, err = strconv.Atoi(text); err != nil {
			return answerError("envelope size %q", text)
		}
		return nil
	})
}
