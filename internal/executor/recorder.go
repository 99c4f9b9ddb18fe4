package executor

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/masking"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// Emit takes the records of one attempt in order. It is called from one
// goroutine at a time; while it blocks, the script is held up.
type Emit func(api.Record)

// recorder turns what the engine says into numbered records. It is used by one
// goroutine.
type recorder struct {
	emit  Emit
	now   func() time.Time
	seq   int64
	limit int64 // bytes of text and objects; 0: none
	bytes int64
	full  bool // the limit is reached, nothing more is recorded

	caps     streamCaps
	throttle progressThrottle
	show     bool // the engine formats nothing: text is made of objects here
	plain    bool // escape sequences are taken out of text
	mask     *masking.Masker
	streams  map[string]*masking.Stream

	view errorView
	exit *int32          // what SetShouldExit said last
	line strings.Builder // a host line that has no end yet
}

// event records one event other than the last.
func (r *recorder) event(e psrp.Event) {
	switch e := e.(type) {
	case psrp.OutputEvent:
		r.object(e.Value)
	case psrp.HostCallEvent:
		r.hostCall(e)
	case psrp.ErrorEvent:
		r.flush()
		r.data(api.StreamError, r.view.text(e.ErrorRecord), r.view.info(e.ErrorRecord))
	case psrp.WarningEvent:
		r.text(api.StreamWarning, e.Message)
	case psrp.VerboseEvent:
		r.text(api.StreamVerbose, e.Message)
	case psrp.DebugEvent:
		r.text(api.StreamDebug, e.Message)
	case psrp.InformationEvent:
		r.information(e.InformationRecord)
	case psrp.ProgressEvent:
		r.progress(e.ProgressRecord)
	case psrp.UndecodedEvent:
		r.text(api.StreamSystem, "a message of the engine could not be read: "+e.Err.Error())
	}
}

// object records an emitted object, unless it is an instruction for the
// formatter: those are text already.
func (r *recorder) object(v any) {
	if o, ok := v.(*clixml.Object); ok &&
		strings.HasPrefix(strings.TrimPrefix(o.TypeName(), "Deserialized."), "Microsoft.PowerShell.Commands.Internal.Format.") {
		return
	}
	if r.show {
		r.outputLines(shown(v))
	}
	r.put(api.Record{Stream: api.StreamObject, Object: objectJSON(v)})
}

// hostCall records host output. Warnings, verbose, debug and progress came as
// records already.
func (r *recorder) hostCall(c psrp.HostCallEvent) {
	switch c.Method {
	case psrp.HostSetShouldExit:
		if n, ok := clixml.Base(argument(c, 0)).(int32); ok {
			r.exit = &n
		}
	case psrp.HostWrite1, psrp.HostWrite2:
		r.line.WriteString(textOf(argument(c, len(c.Args)-1)))
		if r.line.Len() > maxPartialLine {
			r.breakLine()
		}
	case psrp.HostWriteLine1:
		r.endLine("")
	case psrp.HostWriteLine2:
		text := textOf(argument(c, 0))
		if formatted, ok := strings.CutPrefix(text, outputMark); ok {
			r.outputLines(formatted)
			return
		}
		r.endLine(text)
	case psrp.HostWriteErrorLine, psrp.HostWriteLine3:
		r.endLine(textOf(argument(c, len(c.Args)-1)))
	}
}

// shown is an object as text where the engine does not format: a text as it is,
// an object as a line for each property.
func shown(v any) string {
	o, ok := v.(*clixml.Object)
	if !ok || o.Value != nil || len(o.Properties)+len(o.Extended) == 0 {
		return textOf(v)
	}
	var lines []string
	for _, p := range slices.Concat(o.Properties, o.Extended) {
		lines = append(lines, p.Name+" : "+textOf(p.Value))
	}
	return strings.Join(lines, "\n")
}

func argument(c psrp.HostCallEvent, i int) any {
	if i < 0 || i >= len(c.Args) {
		return nil
	}
	return c.Args[i]
}

// outputLines records formatted text, a record for each line.
func (r *recorder) outputLines(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		r.text(api.StreamOutput, strings.TrimSuffix(line, "\r"))
	}
}

// endLine completes the host line that Write without a line end began.
func (r *recorder) endLine(text string) {
	text = r.line.String() + text
	r.line.Reset()
	r.put(api.Record{Stream: api.StreamHost, Text: text})
}

// maxPartialLine is how long a host line may grow before it is recorded without
// its end.
const maxPartialLine = 64 << 10

// breakLine records the beginning of a host line that became too long, without
// taking a secret apart.
func (r *recorder) breakLine() {
	text := r.line.String()
	cut := r.mask.Cut(text)
	if cut == 0 {
		cut = len(text)
	}
	r.line.Reset()
	r.put(api.Record{Stream: api.StreamHost, Text: text[:cut]})
	r.line.WriteString(text[cut:])
}

// flush records a host line that has no end.
func (r *recorder) flush() {
	if r.line.Len() > 0 {
		r.endLine("")
	}
}

func (r *recorder) information(i *psrp.InformationRecord) {
	data := informationData{Tags: i.Tags, Source: i.Source, Type: typeOf(i.MessageData)}
	text := textOf(i.MessageData)
	if host, ok := i.Host(); ok {
		text = host.Message
		data.Foreground, data.Background, data.NoNewLine = host.ForegroundColor, host.BackgroundColor, host.NoNewLine
		if data.Foreground == hostForeground { // the engine fills in the host's own colors
			data.Foreground = ""
		}
		if data.Background == hostBackground {
			data.Background = ""
		}
	} else if _, plain := i.MessageData.(string); !plain && i.MessageData != nil {
		data.Data = objectJSON(i.MessageData)
	}
	r.data(api.StreamInformation, text, data)
}

// The colors that the engine is told its host has.
const (
	hostForeground = "Gray"
	hostBackground = "Black"
)

// informationData is the object of an information record.
type informationData struct {
	Tags       []string        `json:"tags,omitempty"` // PSHOST marks Write-Host
	Source     string          `json:"source,omitempty"`
	Type       string          `json:"type"`
	Foreground string          `json:"foreground,omitempty"`
	Background string          `json:"background,omitempty"`
	NoNewLine  bool            `json:"no_newline,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"` // message data that is not text
}

// progressData is the object of a progress record.
type progressData struct {
	Activity         string `json:"activity"`
	ActivityID       int    `json:"activity_id"`
	ParentActivityID int    `json:"parent_activity_id"`
	Status           string `json:"status"`
	Operation        string `json:"operation,omitempty"`
	Percent          int    `json:"percent"`           // -1: unknown
	SecondsRemaining int    `json:"seconds_remaining"` // -1: unknown
	Completed        bool   `json:"completed"`
}

func (r *recorder) progress(p *psrp.ProgressRecord) {
	data := progressData{
		Activity: p.Activity, ActivityID: p.ActivityID, ParentActivityID: p.ParentActivityID,
		Status: p.StatusDescription, Operation: p.CurrentOperation, Percent: p.PercentComplete,
		SecondsRemaining: p.SecondsRemaining, Completed: p.Completed,
	}
	if r.throttle.take(data, r.now()) {
		r.data(api.StreamProgress, "", data)
	}
}

// end records what was kept back.
func (r *recorder) end() {
	r.flush()
	for _, p := range r.throttle.flush() {
		r.data(api.StreamProgress, "", p)
	}
	for _, text := range r.caps.report() {
		r.note(text)
	}
}

func (r *recorder) text(stream, text string) {
	r.flush()
	r.put(api.Record{Stream: stream, Text: text})
}

// data records something that has more than text.
func (r *recorder) data(stream, text string, v any) {
	r.put(api.Record{Stream: stream, Text: text, Object: marshal(v)})
}

// marshal writes JSON as package masking expects it: with the fewest escapes.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil // cannot happen: the types are ours
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// put numbers and hands out one record. Beyond the limit it drops.
func (r *recorder) put(rec api.Record) {
	if r.full {
		return
	}
	rec.Text = validText(rec.Text)
	if r.plain {
		rec.Text = plain(rec.Text)
	}
	if fits, marker := r.caps.take(rec); !fits {
		if marker == "" {
			return
		}
		rec = api.Record{Stream: api.StreamSystem, Text: marker}
	}
	r.bytes += int64(len(rec.Text) + len(rec.Object))
	if r.limit > 0 && r.bytes > r.limit {
		r.full = true
		rec = api.Record{Stream: api.StreamSystem, Text: "the output limit of the run is reached; the rest is left out and the script is stopped"}
	}
	r.number(rec)
}

// note records what the executor itself has to say, also beyond the limit.
func (r *recorder) note(text string) {
	r.flush()
	r.number(api.Record{Stream: api.StreamSystem, Text: validText(text)})
}

func (r *recorder) number(rec api.Record) {
	rec = r.hide(rec)
	r.seq++
	rec.Seq, rec.Time = r.seq, r.now().UTC()
	r.emit(rec)
}

// promptedFields gives the names of the fields that a Prompt call asks for.
func promptedFields(call psrp.HostCall) []string {
	if call.Method != psrp.HostPrompt || len(call.Args) < 3 {
		return nil
	}
	o, ok := call.Args[2].(*clixml.Object)
	if !ok {
		return nil
	}
	list, ok := o.Value.(*clixml.List)
	if !ok {
		return nil
	}
	var names []string
	for _, item := range list.Items {
		if field, ok := item.(*clixml.Object); ok {
			if name, ok := field.Get("name"); ok {
				names = append(names, textOf(name))
			}
		}
	}
	return slices.Clip(names)
}
