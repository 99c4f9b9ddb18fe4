// Command bench measures the figures of docs/performance.md on the built binaries and the real stack, and prints them as
// a table beside their goals; with -update it also writes the table into that file. It is run by `make bench`, on a quiet
// machine, and stops everything it started. Latencies are taken from database time (transaction start of the queueing call
// to transaction start of the first stored log chunk), so that no client's polling is measured.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figure is one measured value with the goal that an issue set for it.
type figure struct{ what, measured, goal string }

// bench collects figures.
type bench struct {
	ctx     context.Context
	bin     string
	only    string
	figures []figure
}

func (b *bench) add(what, goal, format string, args ...any) {
	f := figure{what, fmt.Sprintf(format, args...), goal}
	b.figures = append(b.figures, f)
	fmt.Fprintf(os.Stderr, "  %-60s %-28s goal %s\n", f.what, f.measured, f.goal)
}

func main() {
	bin := flag.String("bin", "bin", "folder of the built binaries")
	only := flag.String("only", "", "measure only this: inspection")
	update := flag.String("update", "", "file whose part between the bench marks is written again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{ctx: ctx, bin: *bin, only: *only}
	err := b.run()
	table := b.table()
	fmt.Print(table)
	if err == nil && *update != "" {
		err = replaceTable(*update, table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run() error {
	if b.only != "" {
		return b.stack()
	}
	if err := b.commands(); err != nil {
		return err
	}
	if err := b.stack(); err != nil {
		return err
	}
	return b.packages()
}

func (b *bench) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "Measured %s, %d cores, %s/%s, by `make bench`.\n\n| what | measured | goal |\n|---|---|---|\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, f := range b.figures {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", f.what, f.measured, f.goal)
	}
	return t.String()
}

const openMark, closeMark = "<!-- bench -->\n", "<!-- /bench -->\n"

func replaceTable(file, table string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok1 := bytes.Cut(text, []byte(openMark))
	_, after, ok2 := bytes.Cut(rest, []byte(closeMark))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no bench marks", file)
	}
	return os.WriteFile(file, slices.Concat(before, []byte(openMark+table+closeMark), after), 0o644)
}

// quantile returns the q-quantile of values, which it sorts.
func quantile(values []time.Duration, q float64) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
}
