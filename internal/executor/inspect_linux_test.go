package executor

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Parsing a `using module` or `using assembly` opens the file: a FIFO would hang there for ever. All spellings that the
// parser takes are blanked, and recorded.
func TestUsingOpensNothing(t *testing.T) {
	t.Parallel()
	i := inspectorOf(t)
	fifo := filepath.Join(i.worker.dir.work, "fifo.psm1")
	require.NoError(t, syscall.Mkfifo(fifo, 0o666))
	for _, test := range []struct {
		script string
		kinds  string
		ok     bool
	}{
		{"using module " + fifo + "\nparam($A)\n$A", "module", true},
		{"#Requires -Version 7\n# comment\n\nusing namespace System.IO\nUSING Assembly '" + fifo + "'; using module \"" + fifo + "\"\nparam($A)", "assembly module namespace", true},
		{"using <# why #> module " + fifo + "\nparam($A)", "module", true},
		{"using `\n  module `\n  " + fifo + "\nparam($A)", "module", true},
		{"using module @{\n  ModuleName = '" + fifo + "'\n  ModuleVersion = '1.0'\n}\nparam($A)", "module", true},
		{"using module \\\\server.invalid\\share\\x.psm1\nusing assembly \\\\server.invalid\\share\\x.dll\nparam($A)", "module assembly", true},
		{"param($A)\nusing module " + fifo, "module", false},
		{"param($A)\n& { using module " + fifo + "\n 1 }", "module", false},
		{"param($A)\n\"$(using module " + fifo + ")\"", "module", false},
		{"param($A)\n# using module " + fifo + "\n'using module x'; echo using module x; $using:module", "", true},
		{"param($A)\nif (1) {\nusing assembly " + fifo, "assembly", false},
	} {
		d := i.document(t, test.script)
		var kinds []string
		for _, u := range d.Usings {
			kinds = append(kinds, u.Kind)
			if u.Kind != "namespace" {
				require.Contains(t, strings.ToLower(u.Text), "using")
			}
		}
		require.Equal(t, test.kinds, strings.Join(kinds, " "), test.script)
		require.Equal(t, test.ok, d.OK, "%s\n%+v", test.script, d.Errors)
		require.Len(t, d.Parameters, 1, test.script)
	}
}
