package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/epo-dev/epo/internal/api"
)

// journal is one attempt on disk: a folder with
//
//	attempt.json   what was claimed; written first
//	started        made after the server committed the start and before the script runs
//	NNN….log       segments of records, named for their first seq; removed once stored on the server
//	result.json    how the script ended; written after the last record
//
// What is promised: whatever append, markStarted or saveResult returned for survives kill -9 of the agent, because it is
// in the kernel by then. A power cut may take the last seconds, so flush (fsync) is called whenever something has to wait
// for the server; what the server has already needs none. A torn tail is cut off when the journal is opened again.
//
// One goroutine appends, one reads batches and confirms them; both may run at once.
type journal struct {
	dir     string
	head    head
	options journalOptions

	mu       sync.Mutex
	segments []segment // in order; the last one is open for appending
	out      *os.File  // of the last segment, nil until the first append
	last     int64     // seq of the last record
	sent     int64     // seq of the last record that the server has stored
	unsent   int64     // bytes of payload after sent, about
	read     cursor    // behind the last confirmed record
	ahead    cursor    // behind the last batch that was read
	result   *api.Result
	dirty    bool          // something since the last flush
	changed  chan struct{} // capacity 1: records or a result have come
	drained  chan struct{} // closed and replaced when unsent shrinks
}

// head is attempt.json: what a new process must know to end an attempt that an earlier one began.
type head struct {
	RunID         string `json:"run_id"`
	RunTargetID   string `json:"run_target_id"`
	AttemptID     string `json:"attempt_id"`
	AttemptNumber int    `json:"attempt_number"`
	FencingToken  int64  `json:"fencing_token"`
	ScriptName    string `json:"script_name"`
	TargetName    string `json:"target_name"`
}

func (h head) fence() api.Fence {
	return api.Fence{AttemptID: h.AttemptID, FencingToken: h.FencingToken}
}

// journalOptions bound what one attempt may take on disk.
type journalOptions struct {
	segmentBytes int64 // a segment is closed beyond this
	maxUnsent    int64 // append waits while more than this waits for the server
}

type segment struct {
	first int64 // seq of its first record
	bytes int64
}

// cursor is where the next batch begins: the record seq lies at offset of the segment that begins with first.
type cursor struct {
	seq, first, offset int64
}

const (
	headFile    = "attempt.json"
	startedFile = "started"
	resultFile  = "result.json"
	segmentExt  = ".log"
)

func newJournal(dir string, h head, o journalOptions) *journal {
	return &journal{
		dir: dir, head: h, options: o, read: cursor{seq: 1, first: 1}, dirty: true,
		changed: make(chan struct{}, 1), drained: make(chan struct{}),
	}
}

// createJournal makes the folder of a claimed attempt.
func createJournal(dir string, h head, o journalOptions) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	j := newJournal(dir, h, o)
	if err := j.writeJSON(headFile, h); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *journal) path(name string) string { return filepath.Join(j.dir, name) }

func (j *journal) segmentPath(first int64) string {
	return j.path(fmt.Sprintf("%020d%s", first, segmentExt))
}

// writeJSON replaces a small file in one step.
func (j *journal) writeJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	next := j.path(name + ".new")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(next, j.path(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// markStarted says that the script runs from now on.
func (j *journal) markStarted() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dirty = true
	if err := os.WriteFile(j.path(startedFile), nil, 0o600); err != nil {
		return fmt.Errorf("mark start: %w", err)
	}
	return nil
}

func (j *journal) started() bool {
	_, err := os.Stat(j.path(startedFile))
	return err == nil
}

// append adds a record, whose seq must follow the last one. While too much waits for the server it blocks, which slows the
// script down; when ctx ends it writes at once, so that what a cancelled script still says is kept.
func (j *journal) append(ctx context.Context, r api.Record) error {
	payload, err := encodeRecord(r)
	if err != nil {
		return err
	}
	j.awaitRoom(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Seq != j.last+1 {
		return fmt.Errorf("append record: seq %d follows %d", r.Seq, j.last)
	}
	if err := j.write(appendFrame(nil, payload)); err != nil {
		return fmt.Errorf("append record: %w", err)
	}
	j.last++
	j.unsent += int64(len(payload))
	j.dirty = true
	j.signal()
	return nil
}

func (j *journal) awaitRoom(ctx context.Context) {
	for {
		j.mu.Lock()
		full, drained := j.unsent > j.options.maxUnsent, j.drained
		j.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-drained:
		}
	}
}

// write appends a frame to the open segment, or to a new one when that is full. A frame that the disk took in part is
// taken back, so that what follows can be read.
func (j *journal) write(frame []byte) error {
	if err := j.openSegment(); err != nil {
		return err
	}
	s := &j.segments[len(j.segments)-1]
	if _, err := j.out.WriteAt(frame, s.bytes); err != nil {
		return errors.Join(err, j.out.Truncate(s.bytes))
	}
	s.bytes += int64(len(frame))
	return nil
}

func (j *journal) openSegment() error {
	if n := len(j.segments); j.out != nil && j.segments[n-1].bytes < j.options.segmentBytes {
		return nil
	}
	first := j.last + 1
	f, err := os.OpenFile(j.segmentPath(first), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if j.out != nil {
		err = errors.Join(j.out.Sync(), j.out.Close())
	}
	j.out = f
	j.segments = append(j.segments, segment{first: first})
	return err
}

// saveResult says how the script ended; no record may follow.
func (j *journal) saveResult(r api.Result) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result = &r
	j.dirty = true
	j.signal()
	return j.writeJSON(resultFile, r)
}

func (j *journal) signal() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// status tells what there is to send.
type status struct {
	last, sent, unsent int64
	result             *api.Result
}

// done reports whether the result is known and every record is stored.
func (s status) done() bool { return s.result != nil && s.sent >= s.last }

func (j *journal) status() status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return status{last: j.last, sent: j.sent, unsent: j.unsent, result: j.result}
}

// flush brings everything to the disk itself; it does nothing when there is nothing new.
func (j *journal) flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.dirty {
		return nil
	}
	var errs []error
	if j.out != nil {
		errs = append(errs, j.out.Sync())
	}
	for _, name := range []string{headFile, startedFile, resultFile} {
		errs = append(errs, syncFile(j.path(name)))
	}
	errs = append(errs, syncDir(j.dir), syncDir(filepath.Dir(j.dir)))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("flush journal: %w", err)
	}
	j.dirty = false
	return nil
}

// remove deletes the journal, the head first: without it, what a kill leaves of the folder is dropped at the next start.
func (j *journal) remove() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.out != nil {
		j.out.Close()
		j.out = nil
	}
	os.Remove(j.path(headFile))
	if err := os.RemoveAll(j.dir); err != nil {
		return fmt.Errorf("remove journal: %w", err)
	}
	return nil
}
