package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
)

const (
	inspections     = 15                    // pushes whose inspection is timed
	inspectionPause = 15 * time.Second      // between them: longer than the agent keeps the process that parses
	inspectionAsk   = 10 * time.Millisecond // how often it is asked for
	scriptLimit     = 5 << 20               // the largest script
	someScript      = "<#\n.SYNOPSIS\nDoes it.\n#>\n[CmdletBinding()]\nparam(\n  [Parameter(Mandatory)][ValidateSet('a', 'b')][string]$Kind,\n  [ValidateRange(1, 9)][int]$Count = 3\n)\n"
	someFunction    = "function Get-Thing%d($Value) { if ($Value -gt %[1]d) { Write-Output \"$Value is more\" } else { $Value + %[1]d } }\n"
)

// inspection times push → inspected: one script at a time on an idle system with a warm agent, scripts in a row, and the
// largest scripts there are.
func (s *session) inspection() error {
	var took []time.Duration
	for n := range inspections {
		time.Sleep(inspectionPause)
		elapsed, _, err := s.inspected(script(n, 10<<10))
		if err != nil {
			return err
		}
		took = append(took, elapsed)
	}
	s.add(fmt.Sprintf("push → inspected, script of 10 KiB, p50 of %d", inspections), "≤ 3 s", "%.2f s", quantile(took, 0.5).Seconds())
	s.add("the same, slowest", "–", "%.2f s", quantile(took, 1).Seconds())

	took = nil
	for n := range inspections {
		elapsed, _, err := s.inspected(script(100+n, 10<<10))
		if err != nil {
			return err
		}
		took = append(took, elapsed)
	}
	s.add("the same, one after another, p50", "–", "%s", ms(quantile(took, 0.5)))

	data := someScript + "$data = @'\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", (scriptLimit-1000)/77) + "'@\n"
	for _, large := range []struct{ what, script string }{
		{"push → inspected, 5 MiB, most of it data", data},
		{"push → inspected, 5 MiB of code", script(1000, scriptLimit)},
	} {
		elapsed, found, err := s.inspected(large.script)
		if err != nil {
			return err
		}
		outcome := "inspected"
		if found.Document == nil {
			outcome = "not inspected: " + *found.NotInspectedReason
		}
		s.add(large.what, "within its limits", "%.2f s, %s", elapsed.Seconds(), outcome)
	}
	return nil
}

// script makes one of about so many bytes, like no other.
func script(n, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d\n%s", n, someScript)
	for i := 0; b.Len() < size-200; i++ {
		fmt.Fprintf(&b, someFunction, i)
	}
	return b.String()
}

// inspected pushes a script and waits for its inspection: from the time before the push to that of the result, both of the
// database's clock and this machine's, which are one here.
func (s *session) inspected(text string) (time.Duration, api.ScriptInspection, error) {
	began := time.Now()
	pushed, err := s.PushScript(s.ctx, api.PushScript{Name: "inspected", Content: []byte(text)})
	if err != nil {
		return 0, api.ScriptInspection{}, err
	}
	for deadline := began.Add(longestWait); time.Now().Before(deadline); time.Sleep(inspectionAsk) {
		found, err := api.One[api.ScriptInspection](s.ctx, s.Client, api.ViewScriptInspections, api.Where("script_version_id", pushed.ScriptVersionID))
		if err != nil {
			return 0, found, err
		}
		if found.State == "done" {
			return found.FinishedAt.Sub(began), found, nil
		}
		if found.Finished() {
			return 0, found, fmt.Errorf("the inspection ended as %s", found.State)
		}
	}
	return 0, api.ScriptInspection{}, fmt.Errorf("no inspection within %s", longestWait)
}
