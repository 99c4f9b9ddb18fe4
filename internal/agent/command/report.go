package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// report is a list of checks for people: how each stands, what was found, and what to do about it.
type report struct {
	stateWidth, nameWidth int // columns
	lines                 []reportLine
}

type reportLine struct{ state, name, detail, advice string }

// print writes the lines, or value as JSON for machines.
func (r report) print(w io.Writer, asJSON bool, value any) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(value)
	}
	indent := strings.Repeat(" ", r.stateWidth+r.nameWidth+2)
	var text strings.Builder
	for _, l := range r.lines {
		fmt.Fprintf(&text, "%-*s %-*s %s\n", r.stateWidth, l.state, r.nameWidth, l.name, strings.ReplaceAll(l.detail, "\n", "\n"+indent))
		if l.advice != "" {
			fmt.Fprintf(&text, "%s→ %s\n", indent, l.advice)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
