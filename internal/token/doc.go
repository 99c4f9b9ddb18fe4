// Package token issues and verifies the access tokens of EPO: compact JWTs signed with HS512, ten minutes long.
//
// A [Ring] holds the keys: one set for people, one for agents, at most three keys each (the previous, the active and
// the next one, so that every replica knows a key before the first token is signed with it). [Ring.Issue] signs,
// [Verifier.Verify] checks. What may stand together in a token is the closed table of [Kind]; a token that is not in
// it, lacks a claim or carries an unknown one is refused, whatever its signature says.
//
// The package is stricter than PostgREST on purpose: kid, aud, exp, nbf, iat, iss, sub, sid and jti are required,
// the lifetime is bounded, and duplicate or unknown members of header and payload are errors.
//
// It is a leaf: it imports nothing else of EPO. All types are safe for concurrent use. Secrets print as "redacted".
package token
