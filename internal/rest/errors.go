package rest

import (
	"fmt"
	"net/http"

	"github.com/epo-dev/epo/internal/httpjson"
)

// Codes of PostgREST that the facade uses itself.
const (
	codeParse          = "PGRST100" // query string
	codeFunctionMethod = "PGRST101"
	codeBody           = "PGRST102"
	codeRange          = "PGRST103"
	codeProfile        = "PGRST106"
	codeAccept         = "PGRST107"
	codeSingular       = "PGRST116"
	codeMethod         = "PGRST117"
	codePreference     = "PGRST122"
	codeAggregate      = "PGRST123"
	codePath           = "PGRST125"
	codeRelationship   = "PGRST200"
	codeNoFunction     = "PGRST202"
	codeManyFunctions  = "PGRST203"
	codeNoRelation     = "PGRST205"
	codeNoSchema       = "PGRST002"

	// codeUndefinedColumn is PostgreSQL's own code: the answer is the one that the database would give.
	codeUndefinedColumn = "42703"
	// codeUndefinedType is PostgreSQL's code for a cast to a type that does not exist.
	codeUndefinedType = "42704"
)

func parseError(format string, args ...any) error {
	return &httpjson.Error{Status: http.StatusBadRequest, Code: codeParse, Message: "failed to parse the query string", Details: fmt.Sprintf(format, args...)}
}

func rangeError(details string) error {
	return &httpjson.Error{Status: http.StatusRequestedRangeNotSatisfiable, Code: codeRange, Message: "Requested range not satisfiable", Details: details}
}

func bodyError(err error) error {
	return &httpjson.Error{Status: http.StatusBadRequest, Code: codeBody, Message: "Empty or invalid json", Details: err.Error()}
}

func noColumn(owner, column string) error {
	return httpjson.NewError(http.StatusBadRequest, codeUndefinedColumn, fmt.Sprintf("column %s.%s does not exist", owner, column))
}

func notSingular(count int64) error {
	return &httpjson.Error{
		Status: http.StatusNotAcceptable, Code: codeSingular, Message: "Cannot coerce the result to a single JSON object",
		Details: fmt.Sprintf("The result contains %d rows", count),
	}
}

func methodNotAllowed(code, method, allow string) error {
	return &httpjson.Error{
		Status: http.StatusMethodNotAllowed, Code: code, Message: "Unsupported HTTP method: " + method, Header: http.Header{"Allow": {allow}},
	}
}
