package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

// view prints records for people, or as JSON.
type view struct {
	app      *app
	options  logOptions
	progress string // what the status line shows now
	attempts map[string]int
}

func (a *app) newView(o logOptions) *view {
	return &view{app: a, options: o, attempts: map[string]int{}}
}

func allStreams() []string {
	return []string{
		api.StreamOutput, api.StreamObject, api.StreamError, api.StreamWarning, api.StreamVerbose, api.StreamDebug,
		api.StreamInformation, api.StreamProgress, api.StreamHost, api.StreamSystem,
	}
}

// shows reports whether a record's stream is wanted. A console view leaves out what it would show twice: objects are in
// output as lines already, and information is in host.
func (v *view) shows(stream string) bool {
	if len(v.options.streams) > 0 {
		return slices.Contains(v.options.streams, stream)
	}
	return stream != api.StreamObject && stream != api.StreamInformation
}

// jsonRecord is a record with where it comes from.
type jsonRecord struct {
	TargetName    string          `json:"target_name"`
	AttemptID     string          `json:"attempt_id"`
	AttemptNumber int             `json:"attempt_number"`
	Seq           int64           `json:"seq"`
	Time          time.Time       `json:"time"`
	Stream        string          `json:"stream"`
	Text          string          `json:"text,omitempty"`
	Object        json.RawMessage `json:"object,omitempty"`
}

// record implements sink.
func (v *view) record(s source, r api.Record) error {
	if v.app.output == "json" {
		if len(v.options.streams) > 0 && !v.shows(r.Stream) {
			return nil
		}
		return v.app.printLine(jsonRecord{s.target, s.attemptID, s.number, r.Seq, r.Time, r.Stream, r.Text, r.Object})
	}
	if !v.shows(r.Stream) {
		return nil
	}
	if r.Stream == api.StreamProgress && len(v.options.streams) == 0 {
		v.status(r)
		return nil
	}
	v.clear()
	v.announce(s)
	out, onTerminal := v.app.Out, v.app.OutTerminal
	if r.Stream == api.StreamError || r.Stream == api.StreamSystem {
		out, onTerminal = v.app.Err, v.app.ErrTerminal
	}
	return v.write(out, onTerminal, s, r)
}

// announce says that a target is tried again.
func (v *view) announce(s source) {
	if s.number > 1 && v.attempts[s.targetID] != s.number {
		v.attempts[s.targetID] = s.number
		v.note(fmt.Sprintf("target %s: attempt %d", s.target, s.number))
	}
}

// write prints a record's text, each line with what stands before it.
func (v *view) write(out io.Writer, onTerminal bool, s source, r api.Record) error {
	before := ""
	if v.options.timestamps {
		before = v.app.paint(onTerminal, colourDim, r.Time.Local().Format("15:04:05.000")) + " "
	}
	if s.many {
		before += v.app.paint(onTerminal, colourDim, "["+plainText(s.target)+"]") + " "
	}
	body, colour := body(r)
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if onTerminal {
			line = plainText(line)
		}
		b.WriteString(before + v.app.paint(onTerminal, colour, line) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// body is a record's text as a console of PowerShell shows it.
func body(r api.Record) (text, colour string) {
	switch r.Stream {
	case api.StreamWarning:
		return "WARNING: " + r.Text, colourYellow
	case api.StreamVerbose:
		return "VERBOSE: " + r.Text, colourYellow
	case api.StreamDebug:
		return "DEBUG: " + r.Text, colourYellow
	case api.StreamError:
		return r.Text, colourRed
	case api.StreamSystem:
		return r.Text, colourDim
	}
	if r.Text == "" && len(r.Object) > 0 {
		return string(r.Object), ""
	}
	return r.Text, ""
}

// status shows progress on a line of its own that is overwritten; on terminals only.
func (v *view) status(r api.Record) {
	if !v.app.ErrTerminal || v.app.plain() {
		return
	}
	var p struct {
		Activity, Status string
		Percent          int
		Completed        bool
	}
	if json.Unmarshal(r.Object, &p) != nil || p.Completed {
		v.clear()
		return
	}
	text := oneLine(p.Activity)
	if p.Status != "" {
		text += ": " + oneLine(p.Status)
	}
	if p.Percent >= 0 {
		text = fmt.Sprintf("%3d%% %s", p.Percent, text)
	}
	if runes := []rune(text); len(runes) > 78 {
		text = string(runes[:77]) + "…"
	}
	if text != v.progress {
		fmt.Fprintf(v.app.Err, "\r\x1b[K%s", v.app.paint(true, colourCyan, text))
		v.progress = text
	}
}

// clear takes the status line away before something else is written.
func (v *view) clear() {
	if v.progress != "" {
		fmt.Fprint(v.app.Err, "\r\x1b[K")
		v.progress = ""
	}
}

func (v *view) done() { v.clear() }

// note tells a person something that is not part of the log.
func (v *view) note(text string) {
	v.clear()
	fmt.Fprintln(v.app.Err, v.app.paint(v.app.ErrTerminal, colourDim, plainText(text)))
}
