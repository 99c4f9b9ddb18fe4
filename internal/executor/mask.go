package executor

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/masking"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// maskers keeps what hides the secrets of the identities file: it takes a moment
// to make, and the file rarely changes.
type maskers struct {
	mu      sync.Mutex
	sum     [sha256.Size]byte
	masker  *masking.Masker
	refused []string
}

// of gives what hides secrets, and the names of those that are too short.
func (k *maskers) of(secrets []masking.Secret) (*masking.Masker, []string) {
	h := sha256.New()
	for _, s := range secrets {
		writeLengthed(h, s.Name)
		writeLengthed(h, s.Text)
	}
	sum := [sha256.Size]byte(h.Sum(nil))
	k.mu.Lock()
	defer k.mu.Unlock()
	if sum != k.sum {
		k.masker, k.refused = masking.New(secrets)
		k.sum = sum
	}
	return k.masker, k.refused
}

func writeLengthed(h hash.Hash, s string) {
	_, _ = h.Write([]byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}) // never fails, see hash
	_, _ = h.Write([]byte(s))
}

// secretsOf collects what is secret in a run: every identity of the agent,
// whether the run uses it or not, and its parameters that are.
func secretsOf(all identities, parameters []psrp.Parameter) []masking.Secret {
	var list []masking.Secret
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, all[name].secrets()...)
	}
	for _, p := range parameters {
		list = append(list, secretValues("parameter "+strings.TrimPrefix(p.Name, "-"), p.Value)...)
	}
	return list
}

// secretValues finds secrets in a value that is sent to an engine.
func secretValues(name string, v any) (list []masking.Secret) {
	switch x := v.(type) {
	case psrp.Secret:
		return []masking.Secret{{Name: name, Text: x.Reveal()}}
	case psrp.Credential:
		return []masking.Secret{{Name: name, Text: x.Password.Reveal()}}
	case []any:
		for _, item := range x {
			list = append(list, secretValues(name, item)...)
		}
	case *clixml.Object:
		switch inner := x.Value.(type) {
		case *clixml.List:
			return secretValues(name, inner.Items)
		case *clixml.Dictionary:
			for _, e := range inner.Entries {
				list = append(list, secretValues(name, e.Value)...)
			}
		}
	}
	return list
}

// hideSecrets makes the recorder hide them.
func (a *attempt) hideSecrets(all identities) {
	secrets := secretsOf(all, a.params)
	m, refused := a.executor.maskers.of(secrets)
	a.recorder.mask = m
	for _, name := range refused {
		if strings.HasPrefix(name, "parameter ") || a.identity != nil && strings.HasSuffix(name, "identity "+a.identity.name) {
			a.recorder.note("warning: the " + name + " is shorter than 6 characters and cannot be hidden in this log")
		}
	}
}

// result hides secrets in how an attempt ended.
func (r *recorder) result(result api.Result) api.Result {
	if result.Error == nil || r.mask == nil {
		return result
	}
	e := *result.Error
	for _, text := range []*string{&e.Message, &e.ErrorID, &e.Category, &e.Exception, &e.TargetName, &e.Position, &e.ScriptName, &e.StackTrace, &e.Parameter} {
		*text = r.mask.Text(*text)
	}
	result.Error = &e
	return result
}

// hide hides secrets in a record.
func (r *recorder) hide(rec api.Record) api.Record {
	if r.mask == nil {
		return rec
	}
	s, ok := r.streams[rec.Stream]
	if !ok {
		if r.streams == nil {
			r.streams = map[string]*masking.Stream{}
		}
		stream := r.mask.Stream()
		s = &stream
		r.streams[rec.Stream] = s
	}
	rec.Text = s.Text(rec.Text)
	rec.Object = r.mask.JSON(json.RawMessage(rec.Object))
	return rec
}

// knownIdentities reads the identities file. Where a run does not need it, a file
// that cannot be read is told to the log only.
func (a *attempt) knownIdentities() (identities, error) {
	all, err := readIdentities(a.executor.config.Identities)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if a.request.Target.Local() {
		a.executor.config.Logger.Warn("executor: identities cannot be read, so nothing of them is hidden in logs", "error", err)
		return nil, nil
	}
	return nil, err
}
