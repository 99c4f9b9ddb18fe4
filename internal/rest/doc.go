// Package rest is the facade: it speaks PostgREST's contract over the schema api, so that a stock PostgREST can stand in
// its place with the same database and tokens.
//
// A request passes four stages, one file each:
//
//	request.go   HTTP to Request: path, preferences, range; the query string's grammar is in query_string.go
//	plan.go      Request and the schema cache to Plan: every name is found in the catalogue or refused
//	query.go     Plan to Statement: one SQL statement whose text depends on the shape of the request only
//	response.go  result to HTTP
//
// The first three are pure. transaction.go runs a statement in one round trip and one transaction, with role, claims and
// timeouts; the database builds the JSON and Go copies bytes. schema.go reads the catalogue.
//
// Rules: no text of a caller becomes SQL but as a parameter or a quoted name; the role comes from a closed table; reads run
// read-only. What is left for later: embedding, writes on relations, full-text operators, CSV, the OpenAPI root.
//
// Only internal/server imports this package. A Facade is safe for concurrent use.
package rest
