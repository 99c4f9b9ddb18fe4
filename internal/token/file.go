package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fileKey and the two types below are the key file: JSON, readable by its owner only.
type fileKey struct {
	ID     string    `json:"kid"`
	State  string    `json:"state"` // previous, active or next
	Made   time.Time `json:"created_at"`
	Secret string    `json:"secret"` // base64url without padding
}

type fileRing struct {
	Users  []fileKey `json:"users"`
	Agents []fileKey `json:"agents"`
}

// LoadOrCreate reads the key file at path, or makes it with fresh keys and mode 0600 where there is none. Two processes
// that create it at once end with the same keys. It refuses a file that others can read, and weak keys.
func LoadOrCreate(path string, now time.Time) (*Ring, error) {
	r, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	fresh, err := NewRing(now)
	if err != nil {
		return nil, err
	}
	fresh.path = path
	if err := fresh.create(); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return Load(path)
}

// Load reads the key file at path.
func Load(path string) (*Ring, error) {
	r := &Ring{path: path}
	if _, err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// Reload reads the key file again if it was replaced, and reports whether it was. The keys stay as they are when the
// file cannot be used; a ring without a file never changes.
func (r *Ring) Reload() (changed bool, err error) {
	if r.path == "" {
		return false, nil
	}
	info, err := os.Stat(r.path)
	if err != nil {
		return false, fmt.Errorf("read key file: %w", err)
	}
	if r.isCurrent(info) {
		return false, nil
	}
	users, agents, err := readFile(r.path)
	if err != nil {
		return false, fmt.Errorf("read key file: %w", err)
	}
	r.replace(users, agents, info)
	return true, nil
}

// isCurrent reports whether info is the file that the keys were read from. A replaced file is another file even if time
// and size are the same.
func (r *Ring) isCurrent(info fs.FileInfo) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	have := r.file
	return have != nil && os.SameFile(have, info) && have.ModTime().Equal(info.ModTime()) && have.Size() == info.Size()
}

// replace puts new keys in force.
func (r *Ring) replace(users, agents keySet, file fs.FileInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users, r.agents, r.file = users, agents, file
	r.generation++
}

// Rotate moves both sets one step: the next key starts to sign, the active one is accepted until the step after, a new
// next key is made. Other replicas take the change over within a moment by [Ring.Reload]; since they knew the next key
// already, no token is refused meanwhile. Two steps within [Lifetime] void tokens that are still running.
func (r *Ring) Rotate(now time.Time) error {
	users, _ := r.set(AudienceUsers)
	agents, _ := r.set(AudienceAgents)
	users, err := users.rotated(now)
	if err != nil {
		return err
	}
	if agents, err = agents.rotated(now); err != nil {
		return err
	}
	if r.path == "" {
		r.replace(users, agents, nil)
		return nil
	}
	if err := writeFile(r.path, users, agents); err != nil {
		return err
	}
	_, err = r.Reload()
	return err
}

// create writes a new key file and fails with fs.ErrExist if there is one.
func (r *Ring) create() error {
	temporary, err := writeTemporary(r.path, r.users, r.agents)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary) }()
	// A link, unlike a rename, never replaces what is there.
	if err := os.Link(temporary, r.path); err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	return nil
}

// writeFile replaces the key file as a whole.
func writeFile(path string, users, agents keySet) error {
	temporary, err := writeTemporary(path, users, agents)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("replace key file: %w", err)
	}
	return nil
}

// writeTemporary writes the keys to a new file beside path; os.CreateTemp gives it mode 0600.
func writeTemporary(path string, users, agents keySet) (string, error) {
	b, err := json.MarshalIndent(fileRing{Users: users.file(), Agents: agents.file()}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode key file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", fmt.Errorf("write key file: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write key file: %w", err)
	}
	return f.Name(), nil
}

// readFile reads and checks a key file.
func readFile(path string) (users, agents keySet, err error) {
	if err := checkPrivate(path); err != nil {
		return keySet{}, keySet{}, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return keySet{}, keySet{}, err
	}
	var file fileRing
	if err := json.Unmarshal(b, &file); err != nil {
		return keySet{}, keySet{}, errors.New("the file is no key file")
	}
	if users, err = fromFile(file.Users); err != nil {
		return keySet{}, keySet{}, fmt.Errorf("users: %w", err)
	}
	if agents, err = fromFile(file.Agents); err != nil {
		return keySet{}, keySet{}, fmt.Errorf("agents: %w", err)
	}
	return users, agents, shared(users, agents)
}

// shared refuses a key that stands in both sets.
func shared(users, agents keySet) error {
	for _, u := range users.keys {
		for _, a := range agents.keys {
			if u.id == a.id || string(u.secret.Reveal()) == string(a.secret.Reveal()) {
				return errors.New("users and agents must not share a key")
			}
		}
	}
	return nil
}

// file gives the form of the key file.
func (s keySet) file() []fileKey {
	list := make([]fileKey, 0, len(s.keys))
	for i, k := range s.keys {
		state := "active"
		if i < s.active {
			state = "previous"
		} else if i > s.active {
			state = "next"
		}
		list = append(list, fileKey{k.id, state, k.made, base64.RawURLEncoding.EncodeToString(k.secret.Reveal())})
	}
	return list
}

// fromFile reads and checks one set.
func fromFile(list []fileKey) (keySet, error) {
	s := keySet{active: -1}
	for i, k := range list {
		secret, err := base64.RawURLEncoding.DecodeString(k.Secret)
		if err != nil {
			return keySet{}, fmt.Errorf("key %d: the secret is not base64url", i)
		}
		if k.State == "active" && s.active < 0 {
			s.active = i
		}
		s.keys = append(s.keys, key{id: k.ID, secret: NewSecret(secret), made: k.Made})
	}
	return s, s.validate()
}

// JWKS returns the keys that verify tokens as a JSON Web Key Set of kind oct, for a stock PostgREST. It is a secret.
func (r *Ring) JWKS() (Secret, error) {
	type jwk struct {
		Kind      string `json:"kty"`
		Algorithm string `json:"alg"`
		ID        string `json:"kid"`
		Key       string `json:"k"`
	}
	list := []jwk{}
	for _, audience := range []string{AudienceUsers, AudienceAgents} {
		set, _ := r.set(audience)
		for _, k := range set.keys {
			list = append(list, jwk{"oct", "HS512", k.id, base64.RawURLEncoding.EncodeToString(k.secret.Reveal())})
		}
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		return Secret{}, fmt.Errorf("encode key set: %w", err)
	}
	return NewSecret(b), nil
}
