package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/masking"
	"github.com/epo-dev/epo/psrp"
)

// IdentitiesFile is the name of the identities file in an agent's state folder.
const IdentitiesFile = "identities.json"

// identity is one entry of the identities file: whom to be on targets.
type identity struct {
	User       string `json:"user"`
	Password   string `json:"password"`
	Key        string `json:"key"`         // private key, PEM
	KeyFile    string `json:"key_file"`    // or the file that holds it
	Passphrase string `json:"passphrase"`  // of the key
	Agent      string `json:"agent"`       // socket of an ssh-agent
	KnownHosts any    `json:"known_hosts"` // file or list of files
	Jump       string `json:"jump"`        // the entry for the jump host; "": this one

	Certificate     string `json:"certificate"` // for winrm, PEM; key is its key
	CertificateFile string `json:"certificate_file"`

	name       string
	knownHosts []string
}

// identities are the entries by name.
type identities map[string]*identity

// IdentityError is an identities file, or a file it names, that is not used.
type IdentityError struct {
	Path    string
	Problem string
	Mend    string // a command, or ""
}

func (e *IdentityError) Error() string {
	text := fmt.Sprintf("identities: %s: %s", e.Path, e.Problem)
	if e.Mend != "" {
		text += "; mend it with `" + e.Mend + "`"
	}
	return text
}

// maxIdentities is the size of the largest file that is read.
const maxIdentities = 4 << 20

// readIdentities reads the identities file and the files it names. No path or no
// file means no identities. Nothing of what the files hold is ever in an error.
func readIdentities(path string) (identities, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Identities identities `json:"identities"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(&file)
	if err == nil {
		if _, after := d.Token(); !errors.Is(after, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return nil, &IdentityError{Path: path, Problem: jsonProblem(err, text, d.InputOffset())}
	}
	for name, id := range file.Identities {
		if id == nil || name == "" {
			return nil, &IdentityError{Path: path, Problem: fmt.Sprintf("entry %q is empty", name)}
		}
		id.name = name
		if err := id.complete(path); err != nil {
			return nil, err
		}
	}
	return file.Identities, nil
}

// jsonProblem tells where a file is wrong without repeating any of it.
func jsonProblem(err error, text []byte, offset int64) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	what := "is not what an identities file holds (an unknown member?)"
	switch {
	case errors.As(err, &syntax):
		what, offset = "is not JSON", syntax.Offset
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		what, offset = "is not JSON: it ends too early", int64(len(text))
	case errors.As(err, &kind):
		what, offset = "member "+kind.Field+" is of the wrong type", kind.Offset
	}
	line := 1 + bytes.Count(text[:min(max(offset, 0), int64(len(text)))], []byte("\n"))
	return fmt.Sprintf("%s, near line %d", what, line)
}

// complete reads the files that an entry names and checks what belongs together.
func (id *identity) complete(path string) error {
	wrong := func(problem string) error {
		return &IdentityError{Path: path, Problem: fmt.Sprintf("entry %q: %s", id.name, problem)}
	}
	switch hosts := id.KnownHosts.(type) {
	case nil:
	case string:
		id.knownHosts = []string{hosts}
	case []any:
		for _, h := range hosts {
			file, ok := h.(string)
			if !ok {
				return wrong("known_hosts is a file or a list of files")
			}
			id.knownHosts = append(id.knownHosts, file)
		}
	default:
		return wrong("known_hosts is a file or a list of files")
	}
	for i, file := range id.knownHosts {
		id.knownHosts[i] = beside(path, file)
	}
	if id.Key != "" && id.KeyFile != "" || id.Certificate != "" && id.CertificateFile != "" {
		return wrong("a key or certificate is given twice")
	}
	if id.KeyFile != "" {
		key, err := readPrivate(beside(path, id.KeyFile))
		if err != nil {
			return err
		}
		id.Key = string(key)
	}
	if id.CertificateFile != "" {
		certificate, err := os.ReadFile(beside(path, id.CertificateFile))
		if err != nil {
			return wrong("certificate_file: " + err.Error())
		}
		id.Certificate = string(certificate)
	}
	if id.Password == "" && id.Key == "" && id.Agent == "" {
		return wrong("has neither password nor key nor agent")
	}
	return nil
}

// beside makes a path absolute that is relative to the folder of a file.
func beside(path, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(path), file)
}

// readPrivate reads a file that nobody but its owner, who is this process or
// root, may read or write.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("identities: %w", err)
		}
		return nil, &IdentityError{Path: path, Problem: "cannot be read: " + errors.Unwrap(err).Error()}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &IdentityError{Path: path, Problem: err.Error()}
	}
	if !info.Mode().IsRegular() {
		return nil, &IdentityError{Path: path, Problem: "is not a regular file"}
	}
	if problem, mend := notPrivate(path, info); problem != "" {
		return nil, &IdentityError{Path: path, Problem: problem, Mend: mend}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxIdentities+1))
	if err != nil || len(text) > maxIdentities {
		return nil, &IdentityError{Path: path, Problem: "cannot be read, or is too large"}
	}
	return text, nil
}

// choose gives the entry for a target: the one that its options name, else that
// of the target's own name, else "default".
func (all identities) choose(t api.TargetSpec, targetName string) (*identity, error) {
	if wanted := t.Options.Identity; wanted != "" {
		if id := all[wanted]; id != nil {
			return id, nil
		}
		return nil, fmt.Errorf("the agent has no identity %q", wanted)
	}
	for _, name := range []string{targetName, "default"} {
		if id := all[name]; id != nil && name != "" {
			return id, nil
		}
	}
	if targetName != "" {
		return nil, fmt.Errorf("the agent has neither an identity %q nor one named \"default\"", targetName)
	}
	return nil, errors.New(`the target names no identity, and the agent has none named "default"`)
}

// secrets are the values to hide.
func (id *identity) secrets() []masking.Secret {
	return []masking.Secret{
		{Name: "password of identity " + id.name, Text: id.Password},
		{Name: "passphrase of identity " + id.name, Text: id.Passphrase},
		{Name: "key of identity " + id.name, Text: id.Key},
	}
}

func (id *identity) password() *psrp.Secret {
	if id.Password == "" {
		return nil
	}
	s := psrp.NewSecret(id.Password)
	return &s
}
