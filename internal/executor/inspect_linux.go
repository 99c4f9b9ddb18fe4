package executor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// limitMemory lets the kernel end the tree when it takes more, where its cgroup
// has a memory controller.
func (t *tree) limitMemory(limit int64) {
	if !t.contained() {
		return
	}
	if writeFile(filepath.Join(t.dir, "memory.max"), strconv.FormatInt(limit, 10)) == nil {
		_ = writeFile(filepath.Join(t.dir, "memory.swap.max"), "0")  // not there without swap accounting
		_ = writeFile(filepath.Join(t.dir, "memory.oom.group"), "1") // all or nothing
	}
}

// outOfMemory tells whether the kernel did.
func (t *tree) outOfMemory() bool {
	if !t.contained() {
		return false
	}
	events, _ := os.ReadFile(filepath.Join(t.dir, "memory.events"))
	for line := range bytes.Lines(events) {
		if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			return string(bytes.TrimSpace(n)) != "0"
		}
	}
	return false
}

// ticks is how many of them a second of processor time has in /proc, on every
// platform that Go supports.
const ticks = 100

// usage is the resident memory of a process in bytes and the processor time
// that it has taken, 0 where nothing is known.
func usage(pid int) (memory int64, processor time.Duration) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	// pid (name) state …; the name may hold anything. utime, stime and rss are the fields 14, 15 and 24.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return 0, 0
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(string(fields[field-3]), 10, 64)
		return n
	}
	return number(24) * int64(os.Getpagesize()), time.Duration(number(14)+number(15)) * time.Second / ticks
}
