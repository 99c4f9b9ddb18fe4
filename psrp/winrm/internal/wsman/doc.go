// Package wsman writes requests and reads answers of WS-Management as Windows
// speaks it ([MS-WSMV]): SOAP envelopes for shells and their commands.
//
// A [Request] is a header and a body and is written with [Append]; an answer is
// read with [Parse] into an [Answer], which for a fault has Fault set. Payloads
// are bytes here and base64 on the wire.
//
//	operation  request body   answer
//	Create     Shell          Selectors that name the shell from then on
//	Command    CommandLine    CommandID
//	Send       Send           -
//	Receive    Receive        Streams and State, or the fault TimedOut
//	Signal     Signal         -
//	Delete     nil            -
//
// The package does no input or output, keeps no state and is safe for
// concurrent use. It never guesses: what is not well-formed XML, has a document
// type or is nested absurdly deep is an error.
package wsman
