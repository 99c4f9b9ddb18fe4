package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/epo-dev/epo/internal/api"
)

// encodeRecord gives a record as one line of JSON with its newline.
func encodeRecord(r api.Record) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	if buf.Len() > maxRecord {
		return encodeRecord(shorten(r))
	}
	return buf.Bytes(), nil
}

// maxRecord is the longest line that the server takes, with room for what surrounds it.
const maxRecord = 1<<20 - 1024

// shorten keeps the first half of what fits and says what was left out; an object that is too long keeps its place only.
func shorten(r api.Record) api.Record {
	const keep = maxRecord / 8 // a byte of text takes up to six in JSON
	note := fmt.Sprintf("… [cut: %d bytes of text, %d of object]", len(r.Text), len(r.Object))
	r.Object = nil
	if len(r.Text) > keep {
		r.Text = string(bytes.ToValidUTF8([]byte(r.Text[:keep]), nil))
	}
	r.Text += note
	return r
}

// maxErrorText bounds each text of a result's error.
const maxErrorText = 32 << 10

// storable makes a result fit for the database's jsonb, which holds no NUL, and keeps its texts short: the whole of them is
// in the log.
func storable(r api.Result) api.Result {
	if r.Error == nil {
		return r
	}
	e := *r.Error
	for _, text := range []*string{
		&e.Code, &e.Message, &e.ErrorID, &e.Category, &e.Exception, &e.TargetName, &e.Position, &e.ScriptName, &e.StackTrace, &e.Parameter,
	} {
		*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", "\u2400")
		if len(*text) > maxErrorText {
			*text = strings.ToValidUTF8((*text)[:maxErrorText], "") + "…"
		}
	}
	r.Error = &e
	return r
}
