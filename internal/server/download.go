package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/httpjson"
)

const (
	// downloadBatch is about how much of a log is in memory at once; a single chunk may have 8 MiB.
	downloadBatch = 1 << 20
	// downloadPage is how many rows are asked for at once.
	downloadPage = 1000
)

// log sends the log of a run as a file: of all its targets, or of one target or attempt. The database answers batch by batch
// in the caller's name, so a right that is taken away ends the download; a client that goes away ends it, too.
//
//	GET /log?run=…[&target=…][&attempt=…]&format=text|ndjson[&streams=output,error…]
//
// text is what a person reads, safe for a terminal; ndjson is the records as they are stored, with target and attempt added
// where there are several.
func (s *Server) log(x *exchange, r *http.Request) error {
	d, err := newDownload(s, x, r)
	if err != nil {
		return err
	}
	if err := d.find(r.Context()); err != nil {
		return err
	}
	d.begin()
	if r.Method == http.MethodHead {
		return nil
	}
	if err := errors.Join(d.run(r.Context()), d.flush()); err != nil {
		if r.Context().Err() == nil {
			s.config.Logger.Warn("a download was cut off", "request_id", d.requestID, "error", err)
		}
		panic(http.ErrAbortHandler) // the headers are out: only a broken connection says that something is missing
	}
	return nil
}

// download is one file on its way.
type download struct {
	server    *Server
	x         *exchange
	requestID string
	out       *bufio.Writer
	control   *http.ResponseController

	runID, target, attempt string // target and attempt may be empty
	text                   bool
	streams                []string // nil: those of the format
	several                bool     // there is more than one attempt
}

// textStreams is what a person reads; objects and progress are for programs.
var textStreams = []string{
	api.StreamOutput, api.StreamError, api.StreamWarning, api.StreamVerbose, api.StreamDebug, api.StreamInformation, api.StreamHost, api.StreamSystem,
}

// newDownload reads the query.
func newDownload(s *Server, x *exchange, r *http.Request) (*download, error) {
	q := r.URL.Query()
	d := &download{server: s, x: x, requestID: r.Header.Get(requestIDHeader), control: http.NewResponseController(x)}
	for name, value := range map[string]*string{"run": &d.runID, "target": &d.target, "attempt": &d.attempt} {
		if !q.Has(name) && name != "run" {
			continue
		}
		id, err := uuid.Parse(q.Get(name))
		if err != nil {
			return nil, httpjson.NewError(http.StatusBadRequest, "invalid_argument", name+" must be an id")
		}
		*value = id.String()
	}
	switch q.Get("format") {
	case "", "text":
		d.text, d.streams = true, textStreams
	case "ndjson":
	default:
		return nil, httpjson.NewError(http.StatusBadRequest, "invalid_argument", "format must be text or ndjson")
	}
	if q.Has("streams") {
		d.streams = strings.Split(q.Get("streams"), ",")
		for _, name := range d.streams {
			if !slices.Contains(textStreams, name) && name != api.StreamObject && name != api.StreamProgress {
				return nil, httpjson.NewError(http.StatusBadRequest, "invalid_argument", "streams must be names of streams")
			}
		}
	}
	return d, nil
}

// read reads rows of a view in the caller's name.
func (d *download) read(ctx context.Context, view, query string, rows any) error {
	return d.server.read(ctx, d.x.who, view, query, d.requestID, rows)
}

// where is the filter of what was asked for.
func (d *download) where() string {
	query := "run_id=eq." + d.runID
	if d.target != "" {
		query += "&run_target_id=eq." + d.target
	}
	if d.attempt != "" {
		query += "&id=eq." + d.attempt
	}
	return query
}

// find refuses what does not exist for the caller, and learns whether there are several attempts.
func (d *download) find(ctx context.Context) error {
	var rows []struct{}
	if err := d.read(ctx, "job_runs", "select=id&id=eq."+d.runID, &rows); err != nil {
		return err
	}
	found := len(rows) == 1
	if err := d.read(ctx, "attempts", "select=id&limit=2&"+d.where(), &rows); err != nil {
		return err
	}
	if !found || len(rows) == 0 && (d.target != "" || d.attempt != "") {
		return httpjson.NewError(http.StatusNotFound, "not_found", "there is no such object")
	}
	d.several = len(rows) > 1
	return nil
}

// begin sends the headers.
func (d *download) begin() {
	kind, end := "application/x-ndjson; charset=utf-8", "ndjson"
	if d.text {
		kind, end = "text/plain; charset=utf-8", "txt"
	}
	h := d.x.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="run-%s.%s"`, d.runID, end)) // an id has no quotes
	d.x.WriteHeader(http.StatusOK)
	d.out = bufio.NewWriterSize(d.x, 64<<10)
}

// logAttempt is one attempt of the run.
type logAttempt struct {
	ID          string `json:"id"`
	RunTargetID string `json:"run_target_id"`
	Number      int    `json:"number"`
	NextSeq     int64  `json:"next_seq"`
	target      string // name of the target
}

// run sends the attempts, target after target in the order of their names.
func (d *download) run(ctx context.Context) error {
	query := "select=id,target_name&order=target_name,id&run_id=eq." + d.runID
	if d.target != "" {
		query += "&id=eq." + d.target
	}
	for offset := 0; ; offset += downloadPage {
		var targets []struct {
			ID   string `json:"id"`
			Name string `json:"target_name"`
		}
		if err := d.read(ctx, "job_run_targets", fmt.Sprintf("%s&limit=%d&offset=%d", query, downloadPage, offset), &targets); err != nil {
			return err
		}
		for _, target := range targets {
			var attempts []logAttempt
			if err := d.read(ctx, "attempts", "select=id,run_target_id,number,next_seq&order=number&"+d.where()+"&run_target_id=eq."+target.ID, &attempts); err != nil {
				return err
			}
			for _, a := range attempts {
				a.target = target.Name
				if err := d.one(ctx, a); err != nil {
					return err
				}
			}
		}
		if len(targets) < downloadPage {
			return nil
		}
	}
}

// one sends one attempt: sizes first, so that no batch is larger than it should be.
func (d *download) one(ctx context.Context, a logAttempt) error {
	if d.several && d.text {
		fmt.Fprintf(d.out, "==> %s, attempt %d <==\n", api.PlainText(a.target), a.Number)
	}
	where := "run_id=eq." + d.runID + "&attempt_id=eq." + a.ID + "&order=first_seq"
	for next := int64(1); next < a.NextSeq; {
		var sizes []struct {
			First int64 `json:"first_seq"`
			Last  int64 `json:"last_seq"`
			Bytes int64 `json:"size_bytes"`
		}
		if err := d.read(ctx, "job_run_logs", fmt.Sprintf("select=first_seq,last_seq,size_bytes&first_seq=gte.%d&limit=%d&%s", next, downloadPage, where), &sizes); err != nil {
			return err
		}
		if len(sizes) == 0 {
			d.gone(next, a.NextSeq-1)
			return nil
		}
		for from := 0; from < len(sizes); {
			to, size := from, int64(0)
			for to < len(sizes) && (to == from || size+sizes[to].Bytes <= downloadBatch) {
				size += sizes[to].Bytes
				to++
			}
			if err := d.batch(ctx, a, fmt.Sprintf("select=chunk&first_seq=gte.%d&first_seq=lte.%d&%s", sizes[from].First, sizes[to-1].First, where)); err != nil {
				return err
			}
			from = to
		}
		next = sizes[len(sizes)-1].Last + 1
	}
	return nil
}

// gone says that records are missing because they are too old.
func (d *download) gone(first, last int64) {
	if d.text {
		fmt.Fprintf(d.out, "[records %d to %d are no longer kept]\n", first, last)
	}
}

// batch sends some chunks.
func (d *download) batch(ctx context.Context, a logAttempt, query string) error {
	var chunks []struct{ Chunk string }
	if err := d.read(ctx, "job_run_logs", query, &chunks); err != nil {
		return err
	}
	before := ""
	if d.several && !d.text {
		name, err := json.Marshal(a.target)
		if err != nil {
			return err
		}
		before = fmt.Sprintf(`{"target_name":%s,"attempt_id":%q,"attempt_number":%d,`, name, a.ID, a.Number)
	}
	_ = d.control.SetWriteDeadline(time.Now().Add(answerTimeout))
	for _, c := range chunks {
		for line := range strings.SplitSeq(strings.TrimSuffix(c.Chunk, "\n"), "\n") {
			d.line(before, line)
		}
	}
	return d.flush()
}

func (d *download) flush() error {
	if err := d.out.Flush(); err != nil {
		return err
	}
	return d.control.Flush()
}

// line sends one record, if it is wanted. An error of the writer is told by flush.
func (d *download) line(before, line string) {
	if d.streams == nil && before == "" {
		_, _ = d.out.WriteString(line + "\n")
		return
	}
	var record api.Record
	isRecord := strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &record) == nil && record.Stream != ""
	if !isRecord {
		record = api.Record{Stream: api.StreamSystem, Text: line}
	}
	if d.streams != nil && !d.wants(record.Stream, line) {
		return
	}
	switch {
	case d.text:
		_, _ = d.out.WriteString(readable(record))
	case before == "":
		_, _ = d.out.WriteString(line + "\n")
	case isRecord:
		_, _ = d.out.WriteString(before + line[1:] + "\n")
	default:
		text, _ := json.Marshal(line) // a string always has JSON
		_, _ = fmt.Fprintf(d.out, "%s\"stream\":%q,\"text\":%s}\n", before, api.StreamSystem, text)
	}
}

// wants reports whether a record is in the streams. What Write-Host says comes twice, as host and as information: once is enough.
func (d *download) wants(stream, line string) bool {
	repeats := stream == api.StreamInformation && strings.Contains(line, `"tags":["PSHOST"`) && slices.Contains(d.streams, api.StreamHost)
	return slices.Contains(d.streams, stream) && !repeats
}

// readable is a record as a person reads it.
func readable(r api.Record) string {
	text := r.Text
	if text == "" && len(r.Object) > 0 {
		text = string(r.Object)
	}
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if r.Stream != api.StreamOutput && r.Stream != api.StreamHost {
		text = strings.ToUpper(r.Stream) + ": " + text
	}
	return api.PlainText(text) + "\n"
}
