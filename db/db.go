package db

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed migrations/*.sql epo/*.sql auth/*.sql api/*.sql rules/*.sql
var files embed.FS

// File is one SQL file. It consists of several statements, is meant for the
// simple protocol inside a transaction, and leaves the role as it found it.
type File struct {
	Name string // path below db/, as in "migrations/0001_create_roles.sql"
	SQL  string
}

// Checksum is the SHA-256 of the SQL in hex.
func (f File) Checksum() string {
	sum := sha256.Sum256([]byte(f.SQL))
	return hex.EncodeToString(sum[:])
}

// Rule is one rule of the catalogue.
type Rule struct {
	Name   string // file name without its end, as in "tables_force_row_security"
	Reason string // why the rule stands, for the failure text
	SQL    string // returns (object text, problem text), no row when the rule holds
}

// Migrations returns the migrations of the tables in the order they run.
func Migrations() []File {
	return list("migrations")
}

// API returns the files that make functions, triggers, grants and views, in the
// order they run, all in one transaction. They drop what they build anew.
func API() []File {
	const first, last = "api/schema.sql", "api/finish.sql"
	out := []File{read(first)}
	for _, dir := range []string{"epo", "auth", "api"} {
		for _, f := range list(dir) {
			if f.Name != first && f.Name != last {
				out = append(out, f)
			}
		}
	}
	return append(out, read(last))
}

// Digest is the SHA-256 in hex over names and contents of the files of API. A
// database that carries another one has to be rebuilt.
func Digest() string {
	h := sha256.New()
	for _, f := range API() {
		h.Write([]byte(f.Name + "\x00" + f.SQL + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Rules returns the rules of the catalogue, sorted by name.
func Rules() []Rule {
	files := list("rules")
	out := make([]Rule, 0, len(files))
	for _, f := range files {
		out = append(out, Rule{
			Name:   strings.TrimSuffix(path.Base(f.Name), ".sql"),
			Reason: leadingComment(f.SQL),
			SQL:    f.SQL,
		})
	}
	return out
}

func list(dir string) []File {
	names, err := fs.Glob(files, dir+"/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	slices.Sort(names)
	out := make([]File, 0, len(names))
	for _, name := range names {
		out = append(out, read(name))
	}
	return out
}

func read(name string) File {
	sql, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded, so it exists
	}
	return File{Name: name, SQL: string(sql)}
}

// leadingComment joins the comment lines a file begins with.
func leadingComment(sql string) string {
	var lines []string
	for line := range strings.Lines(sql) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	return strings.Join(lines, " ")
}
