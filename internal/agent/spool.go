package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/epo-dev/epo/internal/api"
)

// spool is the folder of all journals, one folder per attempt.
type spool struct {
	dir     string
	options journalOptions
	logger  *slog.Logger
}

// openSpool makes the folder when it is missing.
func openSpool(dir string, o journalOptions, logger *slog.Logger) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return &spool{dir: dir, options: o, logger: logger}, nil
}

// create makes the journal of a claimed attempt. The id comes from the server and becomes a folder's name, so it must
// look like one.
func (s *spool) create(h head) (*journal, error) {
	if !safeName(h.AttemptID) {
		return nil, fmt.Errorf("create journal: attempt id %q is no name for a folder", h.AttemptID)
	}
	return createJournal(filepath.Join(s.dir, h.AttemptID), h, s.options)
}

func safeName(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "0123456789abcdefABCDEF-") == ""
}

// recover opens what earlier processes left. A folder without a readable head is from before the start of a script, or
// from a power cut: nothing can be reported for it, so it is removed and its lease settles it.
func (s *spool) recover() ([]*journal, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var found []*journal
	for _, e := range entries {
		dir := filepath.Join(s.dir, e.Name())
		j, err := s.open(dir)
		if err != nil {
			s.logger.Warn("journal dropped: it cannot be read", "attempt_id", e.Name(), "error", err)
			if err := os.RemoveAll(dir); err != nil {
				return nil, fmt.Errorf("remove journal: %w", err)
			}
			continue
		}
		found = append(found, j)
	}
	return found, nil
}

// open reads a journal back. A result that cannot be read is as good as none.
func (s *spool) open(dir string) (*journal, error) {
	var h head
	if err := readJSON(filepath.Join(dir, headFile), &h); err != nil {
		return nil, err
	}
	if h.AttemptID != filepath.Base(dir) {
		return nil, fmt.Errorf("the folder belongs to attempt %q", h.AttemptID)
	}
	j := newJournal(dir, h, s.options)
	var r api.Result
	if readJSON(j.path(resultFile), &r) == nil && r.State != "" {
		j.result = &r
	}
	return j, s.openSegments(j)
}

// openSegments repairs the segments and keeps those that follow each other; what lies behind a hole cannot be sent.
func (s *spool) openSegments(j *journal) error {
	firsts, err := listSegments(j.dir)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		frames, size, torn, err := repair(j.segmentPath(first))
		if err != nil {
			return err
		}
		if torn {
			s.logger.Warn("torn end of a journal cut off", "attempt_id", j.head.AttemptID, "segment", first, "records", frames)
		}
		if frames == 0 && len(j.segments) == 0 {
			j.last, j.sent, j.read = first-1, first-1, cursor{seq: first, first: first} // all before it is stored
		}
		if frames == 0 || (len(j.segments) > 0 && first != j.last+1) {
			if err := os.Remove(j.segmentPath(first)); err != nil {
				return err
			}
			continue
		}
		j.segments = append(j.segments, segment{first: first, bytes: size})
		j.last = first + frames - 1
	}
	if len(j.segments) > 0 {
		first := j.segments[0].first
		j.sent, j.read = first-1, cursor{seq: first, first: first}
		j.count()
	}
	return nil
}

// listSegments returns the first seqs in order.
func listSegments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var firsts []int64
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), segmentExt)
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil && n > 0 {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing", filepath.Base(path))
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
