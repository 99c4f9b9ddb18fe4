// Package serverctl holds the commands of `epo` that run on the server's machine: up, down, server, migrate and admin.
// It is the composition root of the server side: it starts PostgreSQL (or takes a given one), applies migrations, wires
// store, keys and server, and for `epo up` supervises a local agent as a child process. It refuses to know how any of
// them works. Only cmd/epo imports it. Commands run in one goroutine each; services run in a group whose first error
// stops the others.
package serverctl
