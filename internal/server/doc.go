// Package server wires the parts of an EPO server together: the mux, the wake hub behind /agent/wait and /events, and the
// loops that end leases, make partitions and purge tokens.
//
// It owns the order of start and of shutdown. It refuses to serve while a rule of the database's catalogue is broken, and to
// speak plain HTTP on anything but loopback. Replicas are stateless: any number may run against one PostgreSQL; row locks,
// not a leader, decide. Only internal/serverctl imports it. A Server is used by one goroutine, its handlers by many.
package server
