package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// commands measures what a user waits for at each call of the CLI.
func (b *bench) commands() error {
	var took []time.Duration
	for range 20 {
		began := time.Now()
		if err := exec.CommandContext(b.ctx, filepath.Join(b.bin, "epo"), "--help").Run(); err != nil {
			return fmt.Errorf("epo --help: %w", err)
		}
		took = append(took, time.Since(began))
	}
	b.add("`epo --help`, median of 20", "≤ 50 ms", "%s", ms(quantile(took, 0.5)))
	return nil
}

// packages runs the Go benchmarks that stand for a figure.
func (b *bench) packages() error {
	for _, g := range []struct{ what, goal, pkg, name, unit string }{
		{"hand-out of a warm PowerShell", "≤ 10 ms", "./internal/executor", "BenchmarkWarmHandOut", "ns/op"},
		{"cold start of a PowerShell, for comparison", "–", "./internal/executor", "BenchmarkColdStart", "ns/op"},
		{"pipeline on an open pool, scripted peer", "–", "./psrp", "BenchmarkPipelineOverhead", "ns/op"},
		{"CLIXML decoding", "–", "./psrp/clixml", "BenchmarkDecode", "MB/s"},
	} {
		value, err := b.goBenchmark(g.pkg, g.name, g.unit)
		if err != nil {
			return err
		}
		shown := fmt.Sprintf("%.0f MB/s", value)
		if g.unit == "ns/op" {
			shown = ms(time.Duration(value))
		}
		b.add(g.what, g.goal, "%s", shown)
	}
	return nil
}

// goBenchmark runs one benchmark and returns its value in the given unit; where it has parts, the first one's.
func (b *bench) goBenchmark(pkg, name, unit string) (float64, error) {
	cmd := exec.CommandContext(b.ctx, "tools/go", "test", "-run", "^$", "-bench", "^"+name+"$", pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("benchmark %s: %w\n%s", name, err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		for i := 1; i < len(fields); i++ {
			if fields[i] == unit {
				return strconv.ParseFloat(fields[i-1], 64)
			}
		}
	}
	return 0, fmt.Errorf("benchmark %s gave no %s:\n%s", name, unit, out)
}

// rss returns the resident memory of a process in MiB.
func rss(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
