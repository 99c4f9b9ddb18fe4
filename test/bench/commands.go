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
	for _, g := range []goFigure{
		{"hand-out of a warm PowerShell", "≤ 10 ms", "./internal/executor", "BenchmarkHandOut/warm", "20x", "ns/op"},
		{"cold start of a PowerShell, for comparison", "–", "./internal/executor", "BenchmarkHandOut/cold", "5x", "ns/op"},
		{"inspection of a 10 KiB script in a process of its own, processor time", "–", "./internal/executor", "BenchmarkInspect/first", "3x", "cpu-ms"},
		{"the same, next script of the process", "–", "./internal/executor", "BenchmarkInspect/next", "3x", "cpu-ms"},
		{"inspection of 5 MiB of code, processor time", "≤ 10 s", "./internal/executor", "BenchmarkInspect/code", "1x", "cpu-ms"},
		{"the same, memory", "≤ 512 MiB", "./internal/executor", "BenchmarkInspect/code", "1x", "MiB"},
		{"REST page of 20 rows, secured against unsecured handler", "–", "./internal/server", "BenchmarkREST/page", "1x", "secured/unsecured"},
		{"REST one row, secured against unsecured handler", "–", "./internal/server", "BenchmarkREST/row", "1x", "secured/unsecured"},
		{"500 run pages open, memory of the server for each", "–", "./internal/server", "BenchmarkFollowers", "1000x", "KiB/follower"},
		{"500 run pages open, a durable line in the page's hands, p99", "≤ 250 ms", "./internal/server", "BenchmarkFollowers", "1000x", "line-p99-ms"},
		{"search of 1,000,000 records for one, to the last call", "≤ 3 s", "./db", "BenchmarkSearchLog/rare", "3x", "ns/op"},
		{"search of 1,000,000 records, the longest call", "–", "./db", "BenchmarkSearchLog/rare", "3x", "longest-ms"},
		{"pipeline on an open pool, scripted peer, p50", "–", "./psrp", "BenchmarkPipeline", "2000x", "p50-µs"},
		{"CLIXML decoding of objects", "–", "./psrp/clixml", "BenchmarkDecodeObject", "1s", "MB/s"},
	} {
		value, err := b.goBenchmark(g)
		if err != nil {
			return err
		}
		shown := fmt.Sprintf("%.4g %s", value, strings.TrimPrefix(strings.TrimPrefix(g.unit, "p50-"), "secured/unsecured"))
		switch g.unit {
		case "ns/op":
			shown = ms(time.Duration(value))
		case "line-p99-ms", "longest-ms":
			shown = ms(time.Duration(value * float64(time.Millisecond)))
		case "KiB/follower":
			shown = fmt.Sprintf("%.0f KiB", value)
		}
		b.add(g.what, g.goal, "%s", shown)
	}
	return nil
}

// goFigure is a figure that a Go benchmark gives.
type goFigure struct{ what, goal, pkg, name, time, unit string }

// goBenchmark runs one benchmark and returns its value in the figure's unit.
func (b *bench) goBenchmark(g goFigure) (float64, error) {
	pattern := "^" + strings.ReplaceAll(g.name, "/", "$/^") + "$"
	cmd := exec.CommandContext(b.ctx, "tools/go", "test", "-run", "^$", "-bench", pattern, "-benchtime", g.time, g.pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("benchmark %s: %w\n%s", g.name, err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || !strings.HasPrefix(fields[0], g.name) {
			continue
		}
		for i := 1; i < len(fields); i++ {
			if fields[i] == g.unit {
				return strconv.ParseFloat(fields[i-1], 64)
			}
		}
	}
	return 0, fmt.Errorf("benchmark %s gave no %s:\n%s", g.name, g.unit, out)
}

// agentOf returns the process of the agent whose state lies in the data folder.
func agentOf(data string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(line), "epo-agent\x00run\x00") && strings.Contains(string(line), data) {
			return strconv.Atoi(strings.Split(f, "/")[2])
		}
	}
	return 0, fmt.Errorf("no agent runs on %s", data)
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
