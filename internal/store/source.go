package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// script is one SQL file.
type script struct {
	name string
	sql  string
}

func (s script) checksum() string {
	sum := sha256.Sum256([]byte(s.sql))
	return hex.EncodeToString(sum[:])
}

// breaking reports whether programs of before the migration cannot work with the schema any more.
func (s script) breaking() bool {
	for line := range strings.Lines(s.sql) {
		if strings.TrimSpace(line) == "--! breaking" {
			return true
		}
	}
	return false
}

// source is all SQL that a database is brought to.
type source struct {
	migrations []script // in order, named NNNN_verb_noun
	code       []script // functions and views, current state, in order; they drop what they replace
	digest     string   // of code
	rules      []rule
}

// rule is a query that returns object and problem of whatever breaks the rule, so no row is fine.
type rule struct {
	name   string
	reason string // why the rule stands
	sql    string
}

func (s source) validate() error {
	for i, m := range s.migrations {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(m.name, want) {
			return fmt.Errorf("migration %s is out of order, its name should start with %s", m.name, want)
		}
	}
	return nil
}
