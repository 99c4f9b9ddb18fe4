// Package transcript reads recorded conversations between a WinRM client and
// real Windows hosts. Only tests import it.
//
// The files are YAML, of which this reader knows exactly what they use: one
// list of maps, scalars in plain or single-quoted style that may go over
// several lines, and one level of nested maps, which it reads as flags.
package transcript

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Transcript is one recorded conversation.
type Transcript struct {
	Name      string // of the file, without ending
	Exchanges []Exchange
}

// An Exchange is one request and its answer, both SOAP envelopes.
type Exchange struct {
	Request, Response string
	Fault             bool // the answer came with HTTP status 500
	Unreachable       bool // there was no answer
	TimedOut          bool // the client gave up before there was an answer
}

// Load reads all transcripts of a folder, in order of their names.
func Load(dir string) ([]Transcript, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no transcripts in %s", dir)
	}
	var all []Transcript
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		exchanges, err := parse(string(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		all = append(all, Transcript{Name: strings.TrimSuffix(filepath.Base(path), ".yml"), Exchanges: exchanges})
	}
	return all, nil
}

func parse(text string) ([]Exchange, error) {
	var all []Exchange
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" || line[0] == '#' || line == "messages:" {
			continue
		}
		if strings.HasPrefix(line, "- ") {
			all = append(all, Exchange{})
			line = "  " + line[2:]
		}
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "    ") {
			i++
			line += " " + strings.TrimSpace(lines[i])
		}
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || len(all) == 0 {
			return nil, fmt.Errorf("line %d is not understood", i+1)
		}
		if err := all[len(all)-1].set(key, unquote(strings.TrimSpace(value))); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return all, nil
}

func (e *Exchange) set(key, value string) error {
	switch key {
	case "request":
		e.Request = value
	case "response":
		e.Response = strings.TrimPrefix(value, "null")
	case "transport_error":
		e.Fault = true
	case "http_error":
		e.Unreachable = true
	case "timeout":
		e.TimedOut = true
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}
