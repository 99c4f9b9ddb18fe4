package token

import "errors"

// Reason says why a token was refused.
type Reason int

// The reasons. A caller that speaks PostgREST maps ReasonMalformed to PGRST301 and the others to PGRST303.
const (
	// ReasonMalformed: not a token of ours at all, or its signature does not hold.
	ReasonMalformed Reason = iota + 1
	// ReasonClaims: the signature holds, but a claim is missing, of the wrong type, or does not fit the others.
	ReasonClaims
	// ReasonExpired: everything fits, but the time is over.
	ReasonExpired
)

// Error is a refused token. Its text is safe to show: it names the rule and never repeats the token.
type Error struct {
	Reason  Reason
	message string
}

// Error returns the rule that was broken.
func (e *Error) Error() string { return e.message }

// ReasonOf returns why err refused a token, and false if err is something else.
func ReasonOf(err error) (Reason, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason, true
	}
	return 0, false
}

func malformed(message string) error { return &Error{Reason: ReasonMalformed, message: message} }

func claimError(claim string) error {
	return &Error{Reason: ReasonClaims, message: "JWT claim " + claim + " is missing or not acceptable"}
}
