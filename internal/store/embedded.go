package store

import (
	"path"

	"github.com/epo-dev/epo/db"
)

// embedded is the schema that this program was built with.
func embedded() source {
	s := source{digest: db.Digest()}
	for _, f := range db.Migrations() {
		s.migrations = append(s.migrations, script{path.Base(f.Name), f.SQL})
	}
	for _, f := range db.API() {
		s.code = append(s.code, script{f.Name, f.SQL})
	}
	for _, r := range db.Rules() {
		s.rules = append(s.rules, rule{r.Name, r.Reason, r.SQL})
	}
	return s
}
