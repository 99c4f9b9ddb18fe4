package wsman

import "time"

// Shell is the body of Create.
type Shell struct {
	ID            string // GUID in upper case; "": the service chooses
	InputStreams  string // names with blanks between, as "stdin pr"
	OutputStreams string
	IdleTimeout   time.Duration // 0: what the service likes
	Creation      []byte        // the first fragments; nil: none
}

func (s Shell) write(w *writer) {
	w.open("rsp:Shell", optional("ShellId", s.ID)...)
	w.element("rsp:InputStreams", s.InputStreams)
	w.element("rsp:OutputStreams", s.OutputStreams)
	if s.IdleTimeout > 0 {
		w.element("rsp:IdleTimeOut", duration(s.IdleTimeout))
	}
	if s.Creation != nil {
		w.data("creationXml", s.Creation, attr{"xmlns", PowerShellURI})
	}
	w.close("rsp:Shell")
}

// CommandLine is the body of Command.
type CommandLine struct {
	ID        string // GUID in upper case; "": the service chooses
	Command   string // "" for PowerShell
	Arguments []byte // the first fragments
}

func (c CommandLine) write(w *writer) {
	w.open("rsp:CommandLine", optional("CommandId", c.ID)...)
	w.element("rsp:Command", c.Command)
	if c.Arguments != nil {
		w.data("rsp:Arguments", c.Arguments)
	}
	w.close("rsp:CommandLine")
}

// Send is the body of Send.
type Send struct {
	Stream    string
	CommandID string // "": the shell itself
	Data      []byte
}

func (s Send) write(w *writer) {
	w.open("rsp:Send")
	w.data("rsp:Stream", s.Data, append(optional("CommandId", s.CommandID), attr{"Name", s.Stream})...)
	w.close("rsp:Send")
}

// Receive is the body of Receive.
type Receive struct {
	Streams   string // names with blanks between
	CommandID string // "": the shell itself
}

func (r Receive) write(w *writer) {
	w.open("rsp:Receive")
	w.element("rsp:DesiredStream", r.Streams, optional("CommandId", r.CommandID)...)
	w.close("rsp:Receive")
}

// Signal is the body of Signal.
type Signal struct {
	CommandID string
	Code      string
}

func (s Signal) write(w *writer) {
	w.open("rsp:Signal", optional("CommandId", s.CommandID)...)
	w.element("rsp:Code", s.Code)
	w.close("rsp:Signal")
}

// Disconnect is the body of Disconnect. Reconnect has none.
type Disconnect struct{}

func (Disconnect) write(w *writer) { w.empty("rsp:Disconnect") }

// Connect is the body of Connect.
type Connect struct {
	Creation []byte // the first fragments
}

func (c Connect) write(w *writer) {
	w.open("rsp:Connect")
	w.data("connectXml", c.Creation, attr{"xmlns", PowerShellURI})
	w.close("rsp:Connect")
}

// optional is an attribute that is left out when it has no value.
func optional(name, value string) []attr {
	if value == "" {
		return nil
	}
	return []attr{{name, value}}
}
