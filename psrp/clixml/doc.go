// Package clixml reads and writes CLIXML, the XML form in which PowerShell
// serializes one .NET object ([MS-PSRP] 2.2.5): the body of every remoting
// message.
//
// [Decode] takes exactly one element, with or without a byte order mark, and
// gives the Go value for it; [Encode] does the reverse. The mapping:
//
//	S string              By..U64, SB..I64  uint8..uint64, int8..int64
//	C Char                Sg, Db            float32, float64
//	B bool                D                 Decimal (text, exact)
//	DT DateTime           BA                []byte
//	TS TimeSpan           G, URI, Version   GUID, URI, Version
//	Nil nil               XD, SBK           XML, ScriptBlock
//	SS SecureString       PR                *Progress
//	Obj *Object           Ref               the *Object it refers to
//
// Strings are UTF-8. A lone UTF-16 surrogate, which UTF-8 cannot hold, is kept
// as its three WTF-8 bytes, so that every .NET string survives a round trip.
//
// The parser is a small pull parser of its own: elements, attributes, the five
// named entities, numeric references, CDATA and comments. Document types and
// processing instructions are refused. Depth, element count and size have
// limits, so hostile input costs no more than its own length.
//
// The package depends on the standard library only, keeps no state and may be
// used from any number of goroutines; a decoded value is owned by the caller.
package clixml
