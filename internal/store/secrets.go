package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Secrets are the passwords of the database logins that EPO itself uses. They are shared by all replicas of a server.
// However they are printed, logged or encoded, they show as redacted.
type Secrets struct {
	RestUser  string
	RestAdmin string
	RestAgent string
	Gateway   string
	Migrator  string
}

const redacted = "[redacted]"

// String redacts.
func (Secrets) String() string { return redacted }

// GoString redacts.
func (Secrets) GoString() string { return redacted }

// LogValue redacts.
func (Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON redacts; the file has an encoding of its own.
func (Secrets) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// secretsFile is how Secrets lie in their file.
type secretsFile struct {
	RestUser  string `json:"epo_rest_user"`
	RestAdmin string `json:"epo_rest_admin"`
	RestAgent string `json:"epo_rest_agent"`
	Gateway   string `json:"epo_gateway"`
	Migrator  string `json:"epo_migrator"`
}

// NewSecrets makes fresh random passwords of 256 bits.
func NewSecrets() Secrets {
	return Secrets{password(), password(), password(), password(), password()}
}

func password() string { return rand.Text() + rand.Text() }

func (s Secrets) validate() error {
	for _, l := range logins {
		if l.password(s) == "" {
			return fmt.Errorf("the password of %s is empty", l.name)
		}
	}
	return nil
}

// LoadOrCreateSecrets reads the file, or makes it (0600) with fresh passwords if there is none. Several processes may do
// so at once: all get the same. A file that others can read is refused.
func LoadOrCreateSecrets(path string) (Secrets, error) {
	s, err := loadSecrets(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := createSecrets(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Secrets{}, fmt.Errorf("create database passwords: %w", err)
	}
	return loadSecrets(path)
}

func loadSecrets(path string) (Secrets, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("read database passwords: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Secrets{}, fmt.Errorf("read database passwords: others can read %s (chmod 600 it, and delete it if they did)", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("read database passwords: %w", err)
	}
	var f secretsFile
	if err := json.Unmarshal(text, &f); err != nil {
		return Secrets{}, fmt.Errorf("read database passwords: %s: %w", path, err)
	}
	s := Secrets(f)
	if err := s.validate(); err != nil {
		return Secrets{}, fmt.Errorf("read database passwords: %s: %w", path, err)
	}
	return s, nil
}

// createSecrets lets the file appear complete or not at all, and never over one that another process made meanwhile.
func createSecrets(path string) error {
	text, err := json.MarshalIndent(secretsFile(NewSecrets()), "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
