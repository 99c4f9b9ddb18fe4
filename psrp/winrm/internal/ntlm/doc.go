// Package ntlm is the NTLMv2 security provider as WinRM uses it: the three
// messages of the handshake, the keys, and sealing of what follows ([MS-NLMP]).
//
//	client                                    server
//	NEGOTIATE (what the client can)    ──▶
//	                                   ◀──    CHALLENGE (8 random bytes, target info)
//	AUTHENTICATE (proof, session key,  ──▶
//	 MIC over all three messages)
//	sealed messages, numbered, each way with keys of its own
//
// Only the strong variant exists here: NTLMv2 responses, extended session
// security, 128 bit keys, key exchange. A server that offers less is refused
// with [ErrWeak], never obliged.
//
// NTLM rests on MD4, MD5 and RC4. Nothing better is in its standard; where TLS
// or Kerberos can be had they are to be preferred.
//
// A [Session] numbers its messages and is for one goroutine at a time. Nothing
// here logs, and no error contains a key, a hash or a password.
package ntlm
