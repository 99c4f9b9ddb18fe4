package masking

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// MinLength is how many characters a secret has to have: shorter ones would be
// found everywhere.
const MinLength = 6

// Mask is what stands in place of a secret.
const Mask = "***"

// A Masker hides a set of secrets. It may be used from any number of goroutines.
// A nil Masker hides nothing.
type Masker struct{ words *automaton }

// A Secret is a value to hide. Name is for messages and is no secret.
type Secret struct{ Name, Text string }

// New makes a Masker. It gives the names of the secrets that are too short to be
// hidden.
func New(secrets []Secret) (m *Masker, refused []string) {
	var patterns []string
	for _, s := range secrets {
		switch {
		case s.Text == "":
		case utf8.RuneCountInString(strings.TrimSpace(s.Text)) < MinLength:
			refused = append(refused, s.Name)
		default:
			patterns = append(patterns, formsOf(s.Text)...)
			if trimmed := strings.TrimSpace(s.Text); trimmed != s.Text {
				patterns = append(patterns, formsOf(trimmed)...)
			}
		}
	}
	if len(patterns) == 0 {
		return nil, refused
	}
	return &Masker{words: build(patterns)}, refused
}

// Text hides secrets in a text that stands for itself.
func (m *Masker) Text(text string) string {
	if m == nil {
		return text
	}
	found, _ := m.words.find(0, text)
	return cover(text, found)
}

func cover(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(Mask)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// JSON hides secrets in the strings and numbers of a JSON text, which stays one.
func (m *Masker) JSON(text json.RawMessage) json.RawMessage {
	if m == nil || len(text) == 0 {
		return text
	}
	if found, _ := m.words.find(0, string(text)); len(found) == 0 {
		return text
	}
	var out []byte
	for i := 0; i < len(text); {
		end := tokenEnd(text, i)
		token := text[i:end]
		if len(token) > 1 || token[0] >= '0' && token[0] <= '9' {
			token = m.token(token)
		}
		out = append(out, token...)
		i = end
	}
	return out
}

// tokenEnd gives the end of the string, number or word that begins at i, or of
// one other character.
func tokenEnd(text []byte, i int) int {
	if text[i] == '"' {
		for i++; i < len(text) && text[i] != '"'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
		return min(i+1, len(text))
	}
	start := i
	for i < len(text) && !strings.ContainsRune("\"{}[]:, \t\r\n", rune(text[i])) {
		i++
	}
	return max(i, start+1)
}

func (m *Masker) token(token []byte) []byte {
	var value string
	if token[0] != '"' {
		if found, _ := m.words.find(0, string(token)); len(found) == 0 {
			return token
		}
		return []byte(`"` + Mask + `"`)
	}
	if json.Unmarshal(token, &value) != nil {
		return []byte(`"` + Mask + `"`)
	}
	hidden := m.Text(value)
	if hidden == value {
		return token
	}
	return []byte(`"` + jsonEscape(hidden) + `"`)
}

// A Stream hides secrets in pieces of a text that belong together. What of a
// secret is in an earlier piece is gone already when the rest comes, so an end
// that is half of a secret or more is hidden at once.
type Stream struct {
	masker *Masker
	at     uint32
}

// Stream begins a stream.
func (m *Masker) Stream() Stream { return Stream{masker: m} }

// Text hides secrets in the next piece.
func (s *Stream) Text(text string) string {
	if s.masker == nil || text == "" {
		return text
	}
	words := s.masker.words
	found, at := words.find(s.at, text)
	s.at = at
	if n := words.begun(at); n > 0 {
		found = join(found, span{max(0, len(text)-n), len(text)})
	}
	return cover(text, found)
}

// Cut gives the length of the longest beginning of text behind which no secret
// of this text goes on: where a long text may be cut in two. It is 0 if there is
// none.
func (m *Masker) Cut(text string) int {
	if m == nil {
		return len(text)
	}
	found, at := m.words.find(0, text)
	cut := len(text) - int(m.words.nodes[at].depth)
	for _, f := range slices.Backward(found) {
		if f.from < cut && cut < f.to {
			cut = f.from
		}
	}
	for cut > 0 && cut < len(text) && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return max(cut, 0)
}
