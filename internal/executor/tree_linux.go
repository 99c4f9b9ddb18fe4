package executor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// treeDeadline is how long killing a tree may take as a whole.
	treeDeadline = 5 * time.Second
	// treePause is the wait between two looks.
	treePause = 2 * time.Millisecond
)

// forest is where the trees of one executor live: a cgroup of its own, or
// nothing where none can be made.
type forest struct{ dir string }

// forestName is the cgroup name of the executor with that name. The process id
// in it lets others tell whether it is still needed.
func forestName(name string) string { return fmt.Sprintf("epo-%s-%d", name, os.Getpid()) }

// newForest makes the cgroup below the one this process is in.
func newForest(name string) *forest {
	parent := ownCgroup()
	if parent == "" {
		return &forest{}
	}
	removeEmptyForests(parent)
	dir := filepath.Join(parent, forestName(name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return &forest{}
	}
	if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err != nil { // Linux 5.14
		_ = os.Remove(dir)
		return &forest{}
	}
	return &forest{dir: dir}
}

// ownCgroup gives the folder of the own cgroup in the v2 hierarchy, "" without.
func ownCgroup() string {
	mount := cgroupMount()
	lines, err := os.ReadFile("/proc/self/cgroup")
	if mount == "" || err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(lines), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return filepath.Join(mount, path)
		}
	}
	return ""
}

func cgroupMount() string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(mounts), "\n") {
		fields, rest, ok := strings.Cut(line, " - ")
		if f := strings.Fields(fields); ok && strings.HasPrefix(rest, "cgroup2 ") && len(f) > 4 {
			return f[4]
		}
	}
	return ""
}

// remove kills whatever is left in the forest and removes it.
func (f *forest) remove() {
	if f.dir == "" {
		return
	}
	removeCgroup(f.dir)
}

// removeStale does the same for the forest of an executor that is gone.
func removeStale(name string) {
	if parent := ownCgroup(); parent != "" {
		left, _ := filepath.Glob(filepath.Join(parent, "epo-"+name+"-*"))
		for _, dir := range left {
			removeCgroup(dir)
		}
	}
	_ = killMarked(markPrefix + name)
}

// removeEmptyForests removes the cgroups of executors whose work directory is
// gone too. One that holds processes is never touched here.
func removeEmptyForests(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, "epo-"+sessionPrefix+"*"))
	for _, dir := range left {
		pid := dir[strings.LastIndexByte(dir, '-')+1:]
		if _, err := os.Stat("/proc/" + pid); err == nil {
			continue
		}
		inside, _ := filepath.Glob(filepath.Join(dir, "a-*"))
		for _, sub := range inside {
			_ = os.Remove(sub) // fails while it holds processes
		}
		_ = os.Remove(dir)
	}
}

func removeCgroup(dir string) {
	_ = writeFile(filepath.Join(dir, "cgroup.kill"), "1") // not there: nothing to kill
	inside, _ := os.ReadDir(dir)
	for _, e := range inside {
		if e.IsDir() {
			removeCgroup(filepath.Join(dir, e.Name()))
		}
	}
	for deadline := time.Now().Add(treeDeadline); time.Now().Before(deadline); time.Sleep(treePause) {
		if err := os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// writeFile writes to a file that must exist.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// tree is one attempt's share of the forest.
type tree struct {
	mark string // executor and tree, the value of markName
	dir  string // its cgroup, "" without
	fd   *os.File
}

func (f *forest) newTree(executor, name string) *tree {
	t := &tree{mark: markPrefix + executor + "/" + name}
	if f.dir == "" {
		return t
	}
	dir := filepath.Join(f.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return t
	}
	fd, err := os.Open(dir)
	if err != nil {
		_ = os.Remove(dir)
		return t
	}
	t.dir, t.fd = dir, fd
	return t
}

// attr makes a process start inside the cgroup.
func (t *tree) attr(a *attributes) {
	if t.fd != nil {
		a.UseCgroupFD, a.CgroupFD = true, int(t.fd.Fd())
	}
}

// contained tells whether the tree has a cgroup, which nothing can leave.
func (t *tree) contained() bool { return t.fd != nil }

// leaveCgroup gives the cgroup up, where the kernel does not let this process
// start others in it.
func (t *tree) leaveCgroup() {
	if t.fd != nil {
		_ = t.fd.Close()
		_ = os.Remove(t.dir)
		t.fd, t.dir = nil, ""
	}
}

// kill ends every process of the tree and returns when they are gone. It is
// called while the engine still lives where that is possible: without a cgroup
// its children are known by their parents.
func (t *tree) kill() error {
	if t.contained() {
		return killCgroup(t.dir)
	}
	return killMarked(t.mark)
}

func killCgroup(dir string) error {
	if err := writeFile(filepath.Join(dir, "cgroup.kill"), "1"); err != nil {
		return fmt.Errorf("kill cgroup: %w", err)
	}
	for deadline := time.Now().Add(treeDeadline); ; time.Sleep(treePause) {
		events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err != nil {
			return fmt.Errorf("kill cgroup: %w", err)
		}
		if bytes.Contains(events, []byte("populated 0")) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("kill cgroup: processes are left")
		}
	}
}

// remove gives back what the tree holds, after kill.
func (t *tree) remove() {
	if t.fd == nil {
		return
	}
	_ = t.fd.Close()
	removeCgroup(t.dir)
}

// killMarked looks for processes by their mark and by their parents until there
// are none.
func killMarked(mark string) error {
	for deadline := time.Now().Add(treeDeadline); ; time.Sleep(treePause) {
		found := findMarked(mark)
		if len(found) == 0 {
			return nil
		}
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is fine
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kill process tree: %d processes are left", len(found))
		}
	}
}

// process is a line of the process table.
type process struct{ pid, parent int }

func findMarked(mark string) []int {
	all := processTable()
	member := map[int]bool{}
	want := []byte(markName + "=" + mark)
	for _, p := range all {
		if hasMark(p.pid, want) {
			member[p.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !member[p.pid] && member[p.parent] {
				member[p.pid], grown = true, true
			}
		}
	}
	delete(member, os.Getpid())
	found := make([]int, 0, len(member))
	for pid := range member {
		found = append(found, pid)
	}
	slices.Sort(found)
	return found
}

// hasMark reads the environment a process was started with. A mark that ends in
// the name of an executor matches all its trees.
func hasMark(pid int, want []byte) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	for len(env) > 0 {
		var entry []byte
		entry, env, _ = bytes.Cut(env, []byte{0})
		if rest, ok := bytes.CutPrefix(entry, want); ok && (len(rest) == 0 || rest[0] == '/') {
			return true
		}
	}
	return false
}

// processTable reads /proc; zombies are left out.
func processTable() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	var list []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state ppid …; the name may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		list = append(list, process{pid, parent})
	}
	return list
}

// runAs makes a process start as another account, without further groups.
func runAs(a *attributes, uid, gid int) {
	a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}}
}

// giveStderr makes an account the owner of the pipe that its process has as
// standard error, so that scripts can open /dev/stderr and /dev/stdout.
func giveStderr(pid, uid int) {
	_ = os.Chown(fmt.Sprintf("/proc/%d/fd/2", pid), uid, -1) // a convenience
}
