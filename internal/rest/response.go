package rest

import (
	"net/http"
	"strconv"
	"strings"
)

// Response is an answer, ready to be written.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// MakeResponse turns the result of a plan into an answer. It refuses a total that the window lies behind (PGRST103) and
// anything but one row for a singular answer (PGRST116).
func MakeResponse(r *Request, p *Plan, got result) (*Response, error) {
	if r.Singular && p.Source.isSet() && got.count != 1 {
		return nil, notSingular(got.count)
	}
	if p.Source.Function != nil && p.Source.Function.Returns == ReturnsVoid {
		return &Response{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	answer := &Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {contentType(r.Singular)}}, Body: got.body}
	if p.Source.isSet() {
		if err := answer.setRange(p, got); err != nil {
			return nil, err
		}
	}
	if len(r.Preferences.Applied) > 0 && p.Source.isSet() {
		answer.Header.Set("Preference-Applied", strings.Join(r.Preferences.Applied, ", "))
	}
	return answer, nil
}

func contentType(singular bool) string {
	if singular {
		return mediaObject + "; charset=utf-8"
	}
	return mediaJSON + "; charset=utf-8"
}

// setRange writes Content-Range and the status that goes with it.
func (a *Response) setRange(p *Plan, got result) error {
	total := "*"
	if got.total != nil {
		total = strconv.FormatInt(*got.total, 10)
		if p.Offset > *got.total {
			return rangeError("An offset of " + strconv.FormatInt(p.Offset, 10) + " was requested, but there are only " + total + " rows.")
		}
		if got.count < *got.total {
			a.Status = http.StatusPartialContent
		}
	}
	rows := "*"
	if got.count > 0 {
		rows = strconv.FormatInt(p.Offset, 10) + "-" + strconv.FormatInt(p.Offset+got.count-1, 10)
	}
	a.Header.Set("Content-Range", rows+"/"+total)
	return nil
}

// write sends a to w; a HEAD has headers only.
func (a *Response) write(w http.ResponseWriter, head bool) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	if a.Status == http.StatusNoContent {
		w.WriteHeader(a.Status)
		return
	}
	if !head {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	if !head {
		_, _ = w.Write(a.Body)
	}
}
