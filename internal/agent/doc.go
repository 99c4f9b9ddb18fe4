// Package agent works for one tenant on one machine: it waits for work, claims it under leases, lets an Executor run it,
// and brings every record and every result to the server exactly once. It opens no listening socket, never starts a
// script twice, and refuses to know how PowerShell is run.
//
//	          wake, poll                start_attempts            result on disk,
//	         ┌──────────┐   content      committed                all records stored
//	waiter ──┤dispatcher├──► claimed ──────────────► running ─────────────────────► finish_attempts
//	         └────▲─────┘      │                        │  executor → journal → uploader      │ (claims the next
//	              │            │ not ok: dropped        │                                     │  in the same call)
//	              └────────────┴── lease lost: script killed, journal dropped ◄───────────────┘
//
// What must survive lies in the state folder (0700): identity and keys, and for each attempt a journal (journal.go). An
// attempt's script starts only after the server has committed the start and the journal says so; whatever a new process
// finds started without a result is reported as unknown and never run again.
//
// Leases: the time a lease has left is counted on this machine's monotonic clock from before the call that renewed it, so
// it is never longer here than in the database. Beyond it nothing new is started. A script that already runs is killed
// there only if its job is retryable, because then another agent may start it; otherwise it runs on and the lease is
// renewed as soon as the server answers again.
//
// Inspections (inspect.go) are work that is no run, parsing a script or testing a connection: short, under a lease that is
// not renewed, and repeated by another agent when this one ends. They leave nothing on the disk.
//
// Concurrency: Run starts four services (waiter, dispatcher, heartbeat, inspections) and per attempt one goroutine that executes and
// one that uploads. The table of attempts (table.go) is what they share.
package agent
