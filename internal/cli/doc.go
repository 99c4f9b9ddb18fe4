// Package cli holds the commands of `epo` that a user types: one file per noun, each verb a small function over a typed
// client. It owns what is printed (tables, JSON, live logs) and where the session lies; it refuses to know anything that
// the server decides. Everything it touches comes in an Env, so that tests run the commands as they are. cmd/epo adds the
// commands of the server's machine to the same root. A command runs in one goroutine; following a run adds one that listens.
package cli
