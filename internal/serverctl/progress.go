package serverctl

import (
	"fmt"
	"io"
	"time"
)

// progress prints one line per step with what it did and how long it took, so that nobody waits in front of a silent
// terminal. A nil writer prints nothing.
type progress struct {
	w io.Writer
}

// step runs f and prints what it returned. While f runs, the name of the step is already there.
func (p progress) step(name string, f func() (did string, err error)) error {
	began := time.Now()
	p.printf("  %-12s", name)
	did, err := f()
	if err != nil {
		p.printf("failed\n")
		return fmt.Errorf("%s: %w", name, err)
	}
	p.printf("%-72s %6.1f s\n", did, time.Since(began).Seconds())
	return nil
}

func (p progress) printf(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, format, args...)
	}
}
