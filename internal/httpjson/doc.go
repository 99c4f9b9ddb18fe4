// Package httpjson is the one shape in which the server reads and writes JSON: strict bodies in, and errors of exactly
// four members (code, message, details, hint) out. It owns the meaning of "strict": valid UTF-8, one value, bounded
// depth, no name twice. It knows no route and no database; facade, gateway and server use it, clients do not.
package httpjson
