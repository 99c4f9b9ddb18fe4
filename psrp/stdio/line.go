package stdio

import (
	"bytes"
	"encoding/base64"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// Kind is the kind of a line, the name of its element.
type Kind string

// The kinds of lines. A client sends Data, Command, Signal and Close and never
// an ack: a server that receives one ends its process.
const (
	Data       Kind = "Data"
	DataAck    Kind = "DataAck"
	Command    Kind = "Command"
	CommandAck Kind = "CommandAck"
	Signal     Kind = "Signal"
	SignalAck  Kind = "SignalAck"
	Close      Kind = "Close"
	CloseAck   Kind = "CloseAck"
)

// A Line is one line of the framing: an element for one target.
type Line struct {
	Kind   Kind
	Target psrp.GUID   // zero for the pool
	Stream psrp.Stream // of Data
	Data   []byte      // of Data, never empty
}

// AppendLine appends l and a line feed to dst.
func AppendLine(dst []byte, l Line) []byte {
	dst = append(append(dst, '<'), l.Kind...)
	if l.Kind == Data {
		dst = append(append(append(dst, " Stream='"...), streamName(l.Stream)...), '\'')
	}
	dst = append(append(append(dst, " PSGuid='"...), l.Target.String()...), '\'')
	if l.Kind != Data {
		return append(dst, " />\n"...)
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, '>'), l.Data)
	return append(dst, "</Data>\n"...)
}

func streamName(s psrp.Stream) string {
	if s == psrp.PromptResponse {
		return "PromptResponse"
	}
	return "Default"
}

// ParseLine reads one line. noise is what of it is not part of the framing:
// all of the line, with ok false, or something that a program wrote without a
// line end before the element. An element that is not well formed is an error.
func ParseLine(line []byte) (l Line, noise []byte, ok bool, err error) {
	line = bytes.TrimSpace(line)
	start, kind := findElement(line)
	if start < 0 {
		return Line{}, line, false, nil
	}
	noise, line = line[:start], line[start+1+len(kind):]
	l.Kind = kind
	p := lineParser{rest: line}
	if err := p.attributes(&l); err != nil {
		return Line{}, noise, false, err
	}
	if err := p.content(&l); err != nil {
		return Line{}, noise, false, err
	}
	return l, noise, true, nil
}

// findElement finds the first start of a known element.
func findElement(line []byte) (int, Kind) {
	kinds := [...]Kind{Data, DataAck, Command, CommandAck, Signal, SignalAck, Close, CloseAck}
	for at := 0; at < len(line); at++ {
		next := bytes.IndexByte(line[at:], '<')
		if next < 0 {
			return -1, ""
		}
		at += next
		for _, k := range kinds {
			if hasName(line[at+1:], k) {
				return at, k
			}
		}
	}
	return -1, ""
}

func hasName(text []byte, k Kind) bool {
	if len(text) <= len(k) || string(text[:len(k)]) != string(k) {
		return false
	}
	switch text[len(k)] {
	case ' ', '\t', '/', '>':
		return true
	}
	return false
}

// lineParser reads an element behind its name.
type lineParser struct{ rest []byte }

func (p *lineParser) skipSpace() { p.rest = bytes.TrimLeft(p.rest, " \t") }

func (p *lineParser) skip(prefix string) bool {
	if !bytes.HasPrefix(p.rest, []byte(prefix)) {
		return false
	}
	p.rest = p.rest[len(prefix):]
	return true
}

// attributes reads exactly PSGuid, and for Data exactly Stream as well.
func (p *lineParser) attributes(l *Line) error {
	var guid, stream bool
	for {
		p.skipSpace()
		if len(p.rest) == 0 {
			return lineError("%s is cut off", l.Kind)
		}
		if p.rest[0] == '/' || p.rest[0] == '>' {
			break
		}
		name, value, err := p.attribute(l.Kind)
		if err != nil {
			return err
		}
		switch {
		case name == "PSGuid" && !guid:
			guid = true
			if l.Target, err = clixml.ParseGUID(value); err != nil {
				return lineError("%s has PSGuid %.60q", l.Kind, value)
			}
		case name == "Stream" && !stream && l.Kind == Data:
			stream = true
			if l.Stream, err = parseStream(value); err != nil {
				return err
			}
		default:
			return lineError("%s has attribute %.40q", l.Kind, name)
		}
	}
	if !guid || stream != (l.Kind == Data) {
		return lineError("%s lacks an attribute", l.Kind)
	}
	return nil
}

func (p *lineParser) attribute(k Kind) (name, value string, err error) {
	before, after, ok := bytes.Cut(p.rest, []byte("="))
	after = bytes.TrimLeft(after, " \t")
	if !ok || len(after) == 0 || after[0] != '\'' && after[0] != '"' {
		return "", "", lineError("%s has an attribute without value", k)
	}
	end := bytes.IndexByte(after[1:], after[0])
	if end < 0 {
		return "", "", lineError("%s has an attribute without end", k)
	}
	p.rest = after[end+2:]
	return string(bytes.TrimRight(before, " \t")), string(after[1 : end+1]), nil
}

func parseStream(name string) (psrp.Stream, error) {
	switch name {
	case "Default":
		return psrp.Default, nil
	case "PromptResponse":
		return psrp.PromptResponse, nil
	}
	return 0, lineError("Data has stream %.40q", name)
}

// content reads what follows the attributes: base64 text for Data, nothing for
// the others, then the end of the line.
func (p *lineParser) content(l *Line) error {
	if l.Kind != Data {
		if p.skip("/>") || p.skip("></"+string(l.Kind)+">") {
			return p.end(l.Kind)
		}
		return lineError("%s has content", l.Kind)
	}
	if !p.skip(">") {
		return lineError("Data is empty")
	}
	text, after, ok := bytes.Cut(p.rest, []byte("</Data>"))
	if !ok || len(text) == 0 {
		return lineError("Data has no text or no end")
	}
	p.rest = after
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	if err != nil || n == 0 {
		return lineError("Data is not base64")
	}
	l.Data = data[:n]
	return p.end(Data)
}

func (p *lineParser) end(k Kind) error {
	if len(p.rest) > 0 {
		return lineError("%s is followed by %.40q", k, p.rest)
	}
	return nil
}
