package executor

import (
	"os"
	"testing"

	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// remoteStep: one script in so many is in the sample of each remote transport.
const remoteStep = 40

// TestCorpusRemote runs scripts of the corpus over SSH and over WinRM and wants
// the recorded results, as TestCorpus does. EPO_CORPUS chooses as there.
func TestCorpusRemote(t *testing.T) {
	t.Parallel()
	free := make(chan struct{}, 2) // engines at once
	for at, begin := range map[string]func() *site{
		"ssh":   func() *site { return sshSite(t) },
		"winrm": func() *site { return winrmSite(t, winrmtest.NTLM) },
	} {
		s := begin()
		e := s.executor(t, Config{ProgressInterval: -1})
		want := os.Getenv("EPO_CORPUS")
		list := corpus(t, want)
		if want == "" {
			list = sample(corpus(t, "all"), len(at))
		}
		for _, g := range list {
			t.Run(at+"/"+g.Script, func(t *testing.T) {
				t.Parallel()
				free <- struct{}{}
				defer func() { <-free }()
				runGolden(t, e, g, at, s.target).require()
			})
		}
	}
}

// sample takes a script in remoteStep, from a place that differs by transport.
func sample(all []golden, from int) (some []golden) {
	for i := from; i < len(all); i += remoteStep {
		some = append(some, all[i])
	}
	return some
}
