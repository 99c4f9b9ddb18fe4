package rest

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/epo-dev/epo/internal/httpjson"
)

// schemaName is the one exposed schema.
const schemaName = "api"

// maxQueryBytes bounds a query string before it is parsed.
const maxQueryBytes = 8 << 10

// Kind says what a request names.
type Kind int

// The kinds of resources.
const (
	KindRelation Kind = iota + 1
	KindFunction
)

// Incoming is what the facade needs of an HTTP request.
type Incoming struct {
	Method string
	Path   string // below the mount point, with its leading slash: "/jobs", "/rpc/queue_run"
	Query  string // raw
	Header http.Header
	IsJSON bool // the content type of the body
	Body   []byte
}

// Request is a parsed request; nothing in it was looked up yet.
type Request struct {
	Kind        Kind
	Name        string
	Method      string
	Query       Query
	Window      Window
	Preferences Preferences
	Singular    bool
	Arguments   []string // names of the members of Body, for a function called by POST
	Body        []byte
}

// Window is the part of the rows that is asked for: the intersection of limit, offset and the Range header.
type Window struct {
	Limit  *int64 // nil: no limit asked for
	Offset int64
}

// Preferences is what the Prefer header asks for and the facade can do.
type Preferences struct {
	Count   bool // count=exact
	Applied []string
}

// ParseRequest reads an incoming request. Its errors are [*httpjson.Error] with PostgREST's codes.
func ParseRequest(in Incoming) (*Request, error) {
	r := &Request{Method: in.Method, Body: in.Body}
	steps := []func(Incoming) error{r.parsePath, r.parseMethod, r.parseProfile, r.parseAccept, r.parsePreferences, r.parseQuery, r.parseRange, r.parseBody}
	for _, step := range steps {
		if err := step(in); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// namePattern is what a relation or function of api can be called.
var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$.]{0,127}$`)

func (r *Request) parsePath(in Incoming) error {
	name, isRelation := strings.CutPrefix(in.Path, "/")
	r.Kind = KindRelation
	if function, ok := strings.CutPrefix(name, "rpc/"); ok {
		r.Kind, name = KindFunction, function
	}
	if !isRelation || !namePattern.MatchString(name) {
		return httpjson.NewError(http.StatusNotFound, codePath, "Invalid path specified in request URL")
	}
	r.Name = name
	return nil
}

// Allowed methods; whether a function can be called by GET is decided by the database: a write fails in a read-only transaction.
const (
	allowRelation = "OPTIONS,GET,HEAD"
	allowFunction = "OPTIONS,GET,HEAD,POST"
)

func (r *Request) parseMethod(in Incoming) error {
	switch in.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	case http.MethodPost:
		if r.Kind == KindFunction {
			return nil
		}
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		if r.Kind == KindFunction {
			return methodNotAllowed(codeFunctionMethod, in.Method, allowFunction)
		}
	}
	allow := allowRelation
	if r.Kind == KindFunction {
		allow = allowFunction
	}
	return methodNotAllowed(codeMethod, in.Method, allow)
}

func (r *Request) parseProfile(in Incoming) error {
	header := "Accept-Profile"
	if in.Method == http.MethodPost {
		header = "Content-Profile"
	}
	for _, profile := range in.Header.Values(header) {
		if profile != schemaName {
			return &httpjson.Error{Status: http.StatusNotAcceptable, Code: codeProfile, Message: "Invalid schema", Hint: "Only the schema api is exposed"}
		}
	}
	return nil
}

// Media types of answers.
const (
	mediaJSON   = "application/json"
	mediaObject = "application/vnd.pgrst.object+json"
	mediaArray  = "application/vnd.pgrst.array+json"
)

func (r *Request) parseAccept(in Incoming) error {
	values := in.Header.Values("Accept")
	if len(values) == 0 {
		return nil
	}
	best, quality := "", 0.0
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		media, q := acceptItem(item)
		if media != "" && q > quality {
			best, quality = media, q
		}
	}
	if best == "" {
		return httpjson.NewError(http.StatusNotAcceptable, codeAccept, "None of these media types are available: "+printable(strings.Join(values, ", ")))
	}
	r.Singular = best == mediaObject
	return nil
}

// acceptItem reads one member of an Accept header; media is empty if the facade cannot give it.
func acceptItem(item string) (media string, quality float64) {
	parts := strings.Split(item, ";")
	quality = 1
	for _, parameter := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		switch strings.ToLower(name) {
		case "q":
			q, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return "", 0
			}
			quality = q
		case "charset", "":
		default:
			return "", 0
		}
	}
	switch strings.ToLower(strings.TrimSpace(parts[0])) {
	case "*/*", "application/*", mediaJSON, mediaArray:
		return mediaJSON, quality
	case mediaObject:
		return mediaObject, quality
	}
	return "", 0
}

// parsePreferences reads Prefer. Planned counts are refused always: the planner's estimates count rows of other tenants.
func (r *Request) parsePreferences(in Incoming) error {
	strict := false
	var invalid []string
	for item := range strings.SplitSeq(strings.Join(in.Header.Values("Prefer"), ","), ",") {
		switch item = strings.TrimSpace(item); item {
		case "", "return=representation", "return=minimal":
		case "count=exact":
			r.Preferences.Count = true
		case "count=planned", "count=estimated":
			return preferenceError([]string{item})
		case "handling=strict":
			strict = true
		case "handling=lenient":
		default:
			invalid = append(invalid, item)
		}
	}
	if strict && len(invalid) > 0 {
		return preferenceError(invalid)
	}
	if r.Preferences.Count {
		r.Preferences.Applied = append(r.Preferences.Applied, "count=exact")
	}
	if strict {
		r.Preferences.Applied = append(r.Preferences.Applied, "handling=strict")
	}
	return nil
}

func preferenceError(invalid []string) error {
	return &httpjson.Error{
		Status: http.StatusBadRequest, Code: codePreference, Message: "Invalid preferences given with handling=strict",
		Details: "Invalid preferences: " + printable(strings.Join(invalid, ", ")),
	}
}

func (r *Request) parseQuery(in Incoming) error {
	if len(in.Query) > maxQueryBytes {
		return httpjson.NewError(http.StatusRequestURITooLong, codeParse, "the query string is too long")
	}
	argumentsInQuery := r.Kind == KindFunction && in.Method != http.MethodPost
	query, err := ParseQuery(in.Query, argumentsInQuery)
	if err != nil {
		return err
	}
	r.Query = query
	r.Window = Window{Limit: query.Limit, Offset: query.Offset}
	return nil
}

// rangePattern is PostgREST's: no unit, the last row may be missing.
var rangePattern = regexp.MustCompile(`^([0-9]{1,18})-([0-9]{0,18})$`)

// parseRange narrows the window by the Range header of a GET. What does not look like a range of rows is ignored.
func (r *Request) parseRange(in Incoming) error {
	match := rangePattern.FindStringSubmatch(in.Header.Get("Range"))
	if in.Method != http.MethodGet || match == nil {
		return nil
	}
	first, _ := strconv.ParseInt(match[1], 10, 64)
	last := int64(-1)
	if match[2] != "" {
		if last, _ = strconv.ParseInt(match[2], 10, 64); last < first {
			return rangeError("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
		}
	}
	r.Window = r.Window.intersect(first, last)
	return nil
}

// intersect narrows w to the rows first to last of the whole; last is -1 where there is no end.
func (w Window) intersect(first, last int64) Window {
	end := int64(-1) // first row behind the window
	if w.Limit != nil {
		end = w.Offset + *w.Limit
	}
	if last >= 0 && (end < 0 || last+1 < end) {
		end = last + 1
	}
	w.Offset = max(w.Offset, first)
	if end >= 0 {
		limit := max(end-w.Offset, 0)
		w.Limit = &limit
	}
	return w
}

func (r *Request) parseBody(in Incoming) error {
	if in.Method != http.MethodPost {
		return nil
	}
	if !in.IsJSON {
		return httpjson.NewError(http.StatusBadRequest, codeBody, "Content-Type not acceptable, use application/json")
	}
	names, err := httpjson.Members(in.Body)
	if err != nil {
		return bodyError(err)
	}
	r.Arguments = names
	return nil
}

// printable cuts and cleans what a caller sent before it is repeated in a message.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return clean
}
