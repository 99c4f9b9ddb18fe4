// Package masking hides known secrets in text and in JSON, in the forms that
// scripts print them in:
//
//   - as they are, and each line of a secret of several lines
//   - base64 of the text in UTF-8 and in UTF-16LE, wherever in a longer text
//     the secret begins; with both alphabets
//   - UTF-16LE itself, and hexadecimal of both, also with - or spaces between
//   - escaped for URLs, for JSON, for XML and CLIXML, and for PowerShell
//     strings of both kinds
//
// Nothing else is promised: a secret that was reversed, encrypted, compressed
// or cut up on purpose is not found.
//
// All forms are looked for at once, by an Aho-Corasick automaton, so that the
// cost does not depend on how many there are. A Stream goes on over the borders
// of writes and records.
package masking
