package serverctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// marker names the file that makes a folder recognisable as ours, so that --delete-data never removes anything else.
const marker = "epo-data"

// DataRoot is the folder in which one `epo up` keeps everything: the database, passwords and keys (0600), the local
// agent's state, and logs. It must lie where the unprivileged accounts of PostgreSQL and of scripts can reach their own
// parts, which is why it is not inside the clone when EPO runs as root.
type DataRoot struct{ dir string }

// DefaultDataDir is EPO_DATA, else the place that the platform has for such data.
func DefaultDataDir() string {
	if dir := os.Getenv("EPO_DATA"); dir != "" {
		return dir
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		return "/var/lib/epo"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "epo")
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("LOCALAPPDATA"), "epo")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "epo")
	}
	return filepath.Join(home, ".local", "state", "epo")
}

// OpenDataRoot makes the folder if needed. It refuses a folder that holds something but was not made by EPO.
func OpenDataRoot(dir string) (DataRoot, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return DataRoot{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return DataRoot{}, fmt.Errorf("make the data folder: %w (--data DIR or EPO_DATA names another one)", err)
	}
	r := DataRoot{dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return DataRoot{}, fmt.Errorf("read the data folder: %w", err)
	}
	if len(entries) > 0 && !r.ours() {
		return DataRoot{}, fmt.Errorf("%s is not empty and was not made by EPO; name another folder with --data DIR or EPO_DATA", dir)
	}
	for _, sub := range []string{"log", "agent"} {
		if err := os.MkdirAll(r.path(sub), 0o755); err != nil {
			return DataRoot{}, fmt.Errorf("make the data folder: %w", err)
		}
	}
	if err := os.WriteFile(r.path(marker), []byte("This folder belongs to EPO; `epo down --delete-data` removes it.\n"), 0o644); err != nil {
		return DataRoot{}, fmt.Errorf("write to the data folder: %w", err)
	}
	return r, nil
}

func (r DataRoot) ours() bool {
	_, err := os.Stat(r.path(marker))
	return err == nil
}

func (r DataRoot) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

func (r DataRoot) secretsFile() string { return r.path("secrets.json") }
func (r DataRoot) keysFile() string    { return r.path("keys.json") }
func (r DataRoot) postgresDir() string { return r.path("postgres") }
func (r DataRoot) agentDir() string    { return r.path("agent") }
func (r DataRoot) logFile(name string) string {
	return r.path("log", name+".log")
}

// running tells others how to reach the `epo up` that holds the lock.
type running struct {
	PID         int      `json:"pid"`
	URL         string   `json:"url"`
	DatabaseURL string   `json:"database_url"`
	Accounts    []string `json:"accounts"` // system accounts that this `epo up` or an earlier one made
}

func (r DataRoot) runningFile() string { return r.path("running.json") }

func (r DataRoot) readRunning() (running, error) {
	var s running
	text, err := os.ReadFile(r.runningFile())
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

func (r DataRoot) writeRunning(s running) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := r.runningFile() + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, r.runningFile())
}

// Delete removes the folder with everything in it.
func (r DataRoot) Delete() error {
	if _, err := os.Stat(r.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !r.ours() {
		return fmt.Errorf("%s was not made by EPO, it stays", r.dir)
	}
	return os.RemoveAll(r.dir)
}
