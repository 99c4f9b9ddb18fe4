// Package winrm carries PowerShell remoting over WinRM, the WS-Management
// service of Windows ([MS-WSMV]). Its [Transport] is what [psrp.Open] needs:
//
//	t, err := winrm.New(winrm.Config{
//		URL:  "https://server.example:5986",
//		Auth: winrm.NTLM{User: `EXAMPLE\deploy`, Password: password},
//	})
//	if err != nil { … }
//	pool, err := psrp.Open(ctx, t, psrp.Config{})
//
// # Layers
//
//	Transport   one shell: Create, Receive loops, Command, Send, Signal, Delete
//	client      connections that are open, each used by one request at a time
//	connection  TCP, TLS, one security context, HTTP, sealing
//	internal/   envelopes (wsman), sealed bodies (sealing), NTLMv2 (ntlm)
//
// # Operations
//
// A pool is a shell, a pipeline is a command of it. Create carries the first
// fragments of the pool, Command those of a pipeline, Send all others. Output
// is fetched: the shell and every running pipeline have one Receive under way,
// which the server answers when there is something, and after OperationTimeout
// with the fault TimedOut, whereupon it is simply repeated, without limit.
//
// So a pool without pipelines uses two connections (one waits, one is there to
// send) and each running pipeline one more. They are kept for the next request.
//
// # What is repeated, and what is not
//
// A Receive that is lost on the way is repeated on a new connection with a new
// security context, a few times with growing pauses: if an answer was lost with
// it, the fragments that are missing break the pool instead of passing
// unnoticed. Create, Command, Send and Signal are never repeated: nobody can
// know whether they were carried out.
//
// # Leaving a shell and coming back
//
// [Transport.Disconnect] leaves the shell with what runs in it, and
// [Transport.Reconnect] comes back to it. Closing a pool while its shell is
// disconnected leaves it on the server, where [psrp.Connect] with another
// Transport finds it by its id, until IdleTimeout is over.
//
// # Security
//
// On plain HTTP every body is sealed, in both directions, or it is not sent and
// not accepted ([ErrUnsealed]); there is no switch to turn this off. [Basic]
// and [Certificate] therefore need TLS. On TLS, [NTLM] binds its handshake to
// the server's certificate (channel binding), so that it cannot be relayed.
// Another mechanism, such as Kerberos, is added by an [Authenticator].
//
// Passwords are of the type [Password], which has no text form. Bodies, headers
// and tokens are never logged and never part of an error.
package winrm
