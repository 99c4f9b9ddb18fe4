// Package gateway opens sessions: sign-in of people with a password, rotation of their refresh tokens, sign-out, enrolment of
// agents and their access tokens; and it makes passwords: new users, resets, a change of one's own. It is the only part that sees passwords, refresh tokens and enrolment tokens, and keeps
// none of them: the database gets Argon2id hashes and SHA-256 digests through the functions of schema auth, as login
// epo_gateway.
//
// Whatever was wrong with a sign-in, the answer and its time are the same. Hashing is bounded by memory, attempts are
// throttled per account and address. A refresh token works once; the database decides who was first and revokes the family
// at a second use. Whoever comes with an access token acts in SQL under its claims, which looks them up again and names the
// person in the audit.
//
// Handlers return an error instead of writing it; internal/server, the only importer beside serverctl (which hashes
// passwords here), writes and logs it. A Gateway is safe for concurrent use.
package gateway
