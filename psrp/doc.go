// Package psrp is a client of the PowerShell Remoting Protocol ([MS-PSRP]): it
// runs pipelines in a PowerShell engine on the other side of a transport and
// gives back objects, records and host calls as they come.
//
// # Layers
//
//	clixml            one .NET object as XML, both ways
//	Fragment, Message the binary frames around it
//	Pool, Run         a runspace pool and a pipeline in it
//	Transport         moves fragments; psrp/stdio, psrp/ssh and psrp/winrm do
//
// The lower layers are pure: bytes in, values out. Only Pool does input and
// output, and only through its Transport.
//
// # Life of a pool
//
//	Open ──▶ opened ──Close──▶ closed (Err nil)
//	  │        │
//	  └────────┴── transport lost, protocol violated, engine broken ──▶ broken
//
// A pool ends exactly once, and every [Run] on it ends with exactly one
// [StateEvent] or exactly one error. A broken pool stays broken: its owner
// starts anew.
//
// Over WinRM a pool can be left on the server, and [Connect] finds it again by
// its id, from another process too.
//
// # Events, memory and back-pressure
//
// The events of a run are one ordered queue over all streams. What is queued is
// bounded in bytes (Config.MaxQueueBytes); beyond it the pool stops reading, the
// pipe to the engine fills, and the engine's pipeline waits. One run that is not
// read therefore holds up every other run of its pool, acknowledgements
// included. That is the price of bounded memory on a single stream: read each
// run in a goroutine of its own, or close it. [Run.Stop] and [Run.Close] work on
// a run that nobody reads.
//
// # Hosts
//
// Without a [HostInfo] the engine has the null host: every prompt fails inside
// the engine at once. With one, calls without an answer are events of the run in
// their place in the order, and calls with one go to the [HostHandler]. Without
// a handler nobody is there: calls are answered from facts, with the default
// choice, or with an error, so that no script ever hangs on a question.
//
// A handler may take as long as it likes: it runs beside the reader. [Dialog] is
// a handler made of functions for the single questions.
//
// # Secrets
//
// A [Secret] or [Credential] may stand wherever a value is sent: in a parameter,
// in input, in the answer of a host call. It goes out encrypted with the session
// key of the pool, which the first one makes the two sides exchange. One that
// comes in stays encrypted ([clixml.SecureString]) until somebody asks
// [Pool.Decrypt].
//
// The exchange keeps secrets from whoever reads along, not from whoever can
// change what is sent: RSA with PKCS #1 padding and AES-CBC without a check sum
// are what the protocol has. A transport that matters is encrypted itself.
//
// # Protocol version
//
// The client declares 2.3, that of PowerShell 5 and later, and speaks 2.2
// (PowerShell 3 and 4) with those who have no more. 2.1 and everything else is
// refused. Version 2.4 has no exchange of keys and sends secrets as they are; it
// must be asked for and is refused where the transport is not confidential.
//
// All exported types are safe for concurrent use unless they say otherwise.
//
// # Proof
//
// docs/psrp-checks.md names the tests that show each of the 52 checks of the
// protocol, and which recordings of Windows are replayed. Package psrptest is the
// list of behaviours that every transport has to pass.
package psrp
