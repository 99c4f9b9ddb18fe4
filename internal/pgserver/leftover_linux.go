package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clearLeftovers ends what an earlier server left behind on this cluster. We hold the folder's lock, so nobody of ours
// uses it: a postmaster whose parent was killed (it is shutting down by itself already, or gets told to), or backends
// whose postmaster was killed and which are too busy to notice. It returns how many there were. A postmaster.pid whose
// process is something else by now is removed, because PostgreSQL believes such a file.
func clearLeftovers(ctx context.Context, cluster string) (int, error) {
	found := serversOf(cluster)
	steps := []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 3 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	if len(found) > 0 && postmasterOf(cluster) == 0 {
		steps = steps[1:] // backends alone: nothing is left that could be shut down cleanly
	}
	for _, step := range steps {
		for _, pid := range serversOf(cluster) {
			if step.signal != syscall.SIGINT || pid == postmasterOf(cluster) {
				_ = syscall.Kill(pid, step.signal) // gone already is fine
			}
		}
		if waitGone(ctx, cluster, step.wait) {
			break
		}
		if err := ctx.Err(); err != nil {
			return len(found), err
		}
	}
	if left := serversOf(cluster); len(left) > 0 {
		return len(found), &Error{Code: InUse, What: "an earlier server does not end (process " + strconv.Itoa(left[0]) + ")", Do: "End it and start again"}
	}
	if err := os.Remove(filepath.Join(cluster, "postmaster.pid")); err != nil && !os.IsNotExist(err) {
		return len(found), err
	}
	return len(found), nil
}

// waitGone polls, since these are not our children.
func waitGone(ctx context.Context, cluster string, limit time.Duration) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(serversOf(cluster)) > 0 {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// serversOf returns the processes that work in the cluster's folder: postmaster and backends all do, and nothing else
// that is called postgres.
func serversOf(cluster string) []int {
	if real, err := filepath.EvalSymlinks(cluster); err == nil {
		cluster = real
	}
	var pids []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink("/proc/" + e.Name() + "/cwd")
		if err != nil || strings.TrimSuffix(cwd, " (deleted)") != cluster {
			continue
		}
		if comm, err := os.ReadFile("/proc/" + e.Name() + "/comm"); err == nil && strings.TrimSpace(string(comm)) == "postgres" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// postmasterOf returns the process that postmaster.pid names, if it is one of the cluster's servers, else 0.
func postmasterOf(cluster string) int {
	text, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	for _, running := range serversOf(cluster) {
		if running == pid {
			return pid
		}
	}
	return 0
}
