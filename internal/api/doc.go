// Package api is what server, agent and CLI meet in: the records of a run's log, the catalogue of error codes, the types
// of EPO's HTTP interface, and a typed client for it. It owns no state but the user's session file and refuses to know
// about SQL, PowerShell or terminals. It imports nothing of EPO but leaves.
//
// A Client may be used by many goroutines at once. Calls that the server takes twice without harm are repeated by
// themselves (see Retry); the others never are. Callers ask CodeOf, Temporary and Unreachable about an error and never
// look at its text.
package api
