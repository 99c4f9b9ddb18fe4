package executor

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
)

// errorInfo takes over what a record of the engine says.
func errorInfo(r *psrp.ErrorRecord) *api.ErrorInfo {
	info := &api.ErrorInfo{
		Code: api.CodeScriptError, Message: r.Message, ErrorID: r.FullyQualifiedErrorID,
		Category: r.Category.String(), TargetName: r.TargetName, StackTrace: r.ScriptStackTrace,
	}
	if r.Exception != nil {
		info.Exception = r.Exception.Type
	}
	if i := r.Invocation; i != nil {
		info.Position, info.ScriptName, info.Line = i.PositionMessage, i.ScriptName, i.ScriptLineNumber
	}
	return info
}

// errorText renders a record as PowerShell's ConciseView does: the place, the
// line with a marker below the statement, and the message; or one line where
// the place is not known.
func errorText(r *psrp.ErrorRecord) string {
	head := errorReason(r) + ": "
	i := r.Invocation
	if i == nil || i.ScriptName == "" || i.ScriptLineNumber <= 0 || strings.TrimSpace(i.Line) == "" || r.Category.String() == "ParserError" {
		return head + r.Message
	}
	gutter := strings.Repeat(" ", max(4, len(fmt.Sprint(i.ScriptLineNumber)))) + " | "
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s:%d\nLine |\n", head, filepath.Base(i.ScriptName), i.ScriptLineNumber)
	line := strings.TrimRight(firstLine(i.Line), " \t")
	fmt.Fprintf(&b, "%4d | %s\n", i.ScriptLineNumber, line)
	if i.OffsetInLine > 0 && i.OffsetInLine <= len(line) {
		b.WriteString(gutter + strings.Repeat(" ", i.OffsetInLine-1) + strings.Repeat("~", markerLength(i, line)) + "\n")
	}
	for n, part := range strings.Split(r.Message, "\n") {
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(gutter + strings.TrimRight(part, "\r"))
	}
	return b.String()
}

func errorReason(r *psrp.ErrorRecord) string {
	switch {
	case r.Exception != nil && strings.HasSuffix(r.Exception.Type, ".ParseException"):
		return "ParserError"
	case r.Invocation != nil && r.Invocation.CommandName != "":
		return filepath.Base(r.Invocation.CommandName)
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
func binderError(r *psrp.ErrorRecord, prompted []string) *api.ErrorInfo {
	info := errorInfo(r)
	info.Code = api.CodeParameterRejected
	if v, ok := r.Exception.Raw.Get("ParameterName"); ok {
		info.Parameter = strings.TrimSpace(textOf(v))
	}
	if info.Parameter == "" && len(prompted) > 0 {
		info.Parameter = prompted[0]
	}
	return info
}
