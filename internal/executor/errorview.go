package executor

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

// errorView turns error records into what people and programs read. It knows
// the script, since a record does not always say where in it something happened.
type errorView struct {
	path   string // of the script file
	script []byte
}

// place is where an error happened.
type place struct {
	file   string // full path
	line   int    // from 1; 0: unknown
	text   string // the line
	column int    // where the statement begins, from 1; 0: unknown
	length int    // of the statement in this line
}

// info takes over what a record of the engine says.
func (v errorView) info(r *psrp.ErrorRecord) *api.ErrorInfo {
	at := v.place(r)
	info := &api.ErrorInfo{
		Code: api.CodeScriptError, Message: r.Message, ErrorID: r.FullyQualifiedErrorID,
		Category: r.Category.String(), TargetName: r.TargetName, StackTrace: r.ScriptStackTrace,
		ScriptName: at.file, Line: at.line,
	}
	if r.Exception != nil {
		info.Exception = r.Exception.Type
	}
	if r.Invocation != nil {
		info.Position = r.Invocation.PositionMessage
	}
	return info
}

// place takes the position of the record, or else the first frame of its stack.
func (v errorView) place(r *psrp.ErrorRecord) place {
	if i := r.Invocation; i != nil && i.ScriptName != "" && i.ScriptLineNumber > 0 {
		text := strings.TrimRight(firstLine(i.Line), " \t")
		return place{i.ScriptName, i.ScriptLineNumber, text, i.OffsetInLine, markerLength(i, text)}
	}
	frame := firstLine(r.ScriptStackTrace)
	_, frame, ok := strings.Cut(frame, ", ")
	colon := strings.LastIndex(frame, ": line ")
	if !ok || colon < 0 {
		return place{}
	}
	line, err := strconv.Atoi(frame[colon+len(": line "):])
	if err != nil || !absolute(frame[:colon]) {
		return place{}
	}
	p := place{file: frame[:colon], line: line}
	if p.file == v.path {
		p.text = v.sourceLine(line)
	}
	return p
}

func (v errorView) sourceLine(n int) string {
	if !utf8.Valid(v.script) {
		return ""
	}
	for line := range strings.Lines(string(v.script)) {
		if n--; n == 0 {
			return strings.TrimRight(line, " \t\r\n")
		}
	}
	return ""
}

// text renders a record as PowerShell's ConciseView does: the place, the line
// with a marker below the statement, and the message; or one line where the
// place is not known.
func (v errorView) text(r *psrp.ErrorRecord) string {
	head := errorReason(r) + ": "
	at := v.place(r)
	if at.line == 0 || at.text == "" || r.Category == parserError {
		return head + r.Message
	}
	gutter := strings.Repeat(" ", max(4, len(strconv.Itoa(at.line)))) + " | "
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s:%d\nLine |\n%4d | %s\n", head, fileNameOf(at.file), at.line, at.line, at.text)
	if at.column > 0 && at.column <= len(at.text) {
		b.WriteString(gutter + strings.Repeat(" ", at.column-1) + strings.Repeat("~", at.length) + "\n")
	}
	for n, part := range strings.Split(r.Message, "\n") {
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(gutter + strings.TrimRight(part, "\r"))
	}
	return b.String()
}

// parserError is ErrorCategory.ParserError, whose message has the place in it.
const parserError psrp.ErrorCategory = 17

// errorReason is what the text begins with: what went wrong in what.
func errorReason(r *psrp.ErrorRecord) string {
	command := ""
	if r.Invocation != nil {
		command = r.Invocation.CommandName
	}
	switch {
	case r.Category == parserError:
		return "ParserError"
	case command != "" && !strings.HasSuffix(command, ".ps1"):
		return command
	case r.Activity != "":
		return r.Activity
	case r.Reason != "":
		return r.Reason
	}
	return "Error"
}

// markerLength counts the tildes in the last line of a position message.
func markerLength(i *psrp.Invocation, line string) int {
	lines := strings.Split(i.PositionMessage, "\n")
	n := strings.Count(lines[len(lines)-1], "~")
	return max(1, min(n, len(line)-i.OffsetInLine+1))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimRight(s, "\r")
}

// isBinderError tells whether the engine refused the script's own parameters,
// before any of it ran.
func isBinderError(r *psrp.ErrorRecord, script string) bool {
	if r == nil || r.Exception == nil || !strings.HasPrefix(r.Exception.Type, "System.Management.Automation.ParameterBinding") {
		return false
	}
	_, command, ok := strings.Cut(r.FullyQualifiedErrorID, ",")
	return ok && command == script
}

// binderError names the parameter that was refused.
func (v errorView) binderError(r *psrp.ErrorRecord) *api.ErrorInfo {
	info := v.info(r)
	info.Code = api.CodeParameterRejected
	if v, ok := r.Exception.Raw.Get("ParameterName"); ok {
		info.Parameter = strings.TrimSpace(textOf(v))
	}
	return info
}

// isMissingParameter tells whether a script ended because it lacks a mandatory
// parameter: the engine then asks for it, nobody answers, and the error has no
// place in any script.
func isMissingParameter(r *psrp.ErrorRecord, prompted []string) bool {
	return len(prompted) > 0 && r.ScriptStackTrace == "" && (r.Invocation == nil || r.Invocation.ScriptName == "")
}

func missingParameter(prompted []string) *api.ErrorInfo {
	return &api.ErrorInfo{
		Code: api.CodeParameterRejected, Parameter: prompted[0], Category: "InvalidArgument",
		Message: "the script needs a value for parameter " + strings.Join(prompted, ", "),
	}
}
