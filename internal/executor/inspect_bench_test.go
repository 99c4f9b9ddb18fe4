package executor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkInspect measures inspections in processor time of the process that parses, which other load does not change:
// the first script of a process (its start included), the next one, and the largest ones with the memory that they take.
func BenchmarkInspect(b *testing.B) {
	var code strings.Builder
	for n := 0; code.Len() < 5<<20-200; n++ {
		fmt.Fprintf(&code, "function Get-Thing%d($Value) { if ($Value -gt %d) { Write-Output \"$Value is more\" } else { $Value + %d } }\n", n, n, n)
	}
	data := "$data = @'\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", (5<<20-100)/77) + "'@\n"
	const usual = "<#\n.SYNOPSIS\nDoes it.\n#>\nparam(\n  [Parameter(Mandatory)][ValidateSet('a', 'b')][string]$Kind,\n  [ValidateRange(1, 9)][int]$Count = 3\n)\n"
	small := usual + code.String()[:10<<10]
	small = small[:strings.LastIndexByte(small, '\n')]
	e := newTestExecutor(b, Config{})
	for _, test := range []struct {
		name, before, script string
	}{
		{"first", "", small}, {"next", small, small}, {"data", "", usual + data}, {"code", "", usual + code.String()[:5<<20-1000]},
	} {
		b.Run(test.name, func(b *testing.B) {
			var total time.Duration
			var most int64
			for b.Loop() {
				i, err := e.newInspector(b.Context())
				require.NoError(b, err)
				if test.before != "" {
					i.inspect(b.Context(), []byte(test.before))
				}
				pid := i.worker.process.Pid()
				_, started := usage(pid)
				if test.before == "" {
					started = 0
				}
				require.Empty(b, i.inspect(b.Context(), []byte(test.script)).NotInspectedReason)
				memory, processor := usage(pid)
				total += processor - started
				most = max(most, memory)
				i.close()
			}
			b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(most>>20), "MiB")
		})
	}
}
