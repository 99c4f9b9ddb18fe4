package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/epo-dev/epo"

// listed is what `go list` tells of one package.
type listed struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

// rule says what the packages below `from` may not import.
type rule struct {
	from   string   // import path below the module; "x/..." includes all below x
	deny   []string // the same notation; "*" is every package outside the standard library
	except []string // what is allowed all the same; a path with a dot is one outside the module
	why    string
}

var (
	serverSide = []string{"internal/server/...", "internal/serverctl/...", "internal/gateway/...", "internal/rest/...", "internal/store/...", "internal/pgserver/...", "internal/token/...", "db/..."}
	agentSide  = []string{"internal/agent/...", "internal/executor/...", "internal/runtime/...", "psrp/..."}
)

// testSupport are the packages that only tests and test support import.
var testSupport = []string{"psrp/psrptest", "psrp/winrm/winrmtest", "psrp/ssh/sshtest"}

var rules = []rule{
	{"psrp/...", []string{"*"}, []string{"psrp/...", "golang.org/x/crypto/ssh/..."}, "psrp is a public package: the standard library only"},
	{"psrp", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/clixml", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/internal/...", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/psrptest", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/stdio/...", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/winrm/...", []string{"golang.org/..."}, nil, "only psrp/ssh may use x/crypto/ssh"},
	{"psrp/clixml", []string{"psrp/..."}, []string{"psrp/clixml"}, "clixml is the lowest layer of psrp"},
	{"psrp", []string{"psrp/..."}, []string{"psrp", "psrp/clixml"}, "transports import psrp, never the other way round"},
	{"db/...", []string{"*"}, nil, "db only carries SQL"},
	{"internal/version", []string{"*"}, nil, "a leaf"},
	{"internal/token", []string{"internal/..."}, []string{"internal/token"}, "a leaf"},
	{"internal/runtime", []string{"internal/...", "psrp/..."}, []string{"internal/runtime"}, "a leaf"},
	{"internal/masking", []string{"internal/...", "psrp/...", "db/..."}, []string{"internal/masking"}, "a leaf"},
	{"internal/account", []string{"internal/...", "psrp/...", "db/..."}, []string{"internal/account"}, "a leaf"},
	{"internal/agent/...", serverSide, nil, "server and agent meet only in api types and SQL"},
	{"internal/executor/...", append([]string{"internal/agent/..."}, serverSide...), nil, "the executor is usable without agent and server"},
	{"cmd/epo-agent", serverSide, nil, "the agent's binary carries no server code"},
	{"internal/cli/...", append(slices.Clone(serverSide), agentSide...), nil, "the user's CLI talks HTTP"},
	{"internal/api/...", append(slices.Clone(serverSide), agentSide...), nil, "api is what server, agent and CLI meet in"},
	{"internal/server/...", agentSide, nil, "the server never runs user code"},
	{"internal/gateway/...", append([]string{"internal/server/...", "internal/rest/..."}, agentSide...), nil, "arrows point down"},
	{"internal/rest/...", append([]string{"internal/server/...", "internal/gateway/..."}, agentSide...), nil, "arrows point down"},
	{"internal/store/...", append([]string{"internal/server/...", "internal/gateway/...", "internal/rest/...", "internal/serverctl/..."}, agentSide...), nil, "arrows point down"},
	{"internal/pgserver/...", []string{"internal/..."}, []string{"internal/pgserver/...", "internal/account", "internal/filelock"}, "a leaf but for its lock and the account it runs under"},
}

func matches(pattern, path string) bool {
	if pattern == "*" {
		first, _, _ := strings.Cut(path, "/")
		return strings.Contains(first, ".")
	}
	full := module + "/" + pattern
	if first, _, _ := strings.Cut(pattern, "/"); strings.Contains(first, ".") {
		full = pattern
	}
	if prefix, ok := strings.CutSuffix(full, "/..."); ok {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	return path == full
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// violation returns the reason why package `from` may not import `imp`, or "".
func violation(from, imp string) string {
	for _, r := range rules {
		if matches(r.from, from) && matchesAny(r.deny, imp) && !matchesAny(r.except, imp) {
			return r.why
		}
	}
	return ""
}

func TestImportArrowsPointDown(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if why := violation(p.ImportPath, imp); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
			if strings.HasPrefix(imp, module+"/internal/testkit") && !strings.HasPrefix(p.ImportPath, module+"/internal/testkit") && !strings.HasPrefix(p.ImportPath, module+"/test/") {
				t.Errorf("%s imports %s: testkit is for tests only", p.ImportPath, imp)
			}
			if slices.Contains(testSupport, strings.TrimPrefix(imp, module+"/")) && !strings.HasPrefix(p.ImportPath, module+"/internal/testkit") {
				t.Errorf("%s imports %s: only _test.go files may", p.ImportPath, imp)
			}
		}
	}
}

// TestImportRulesCatchAViolation proves that the table above is not empty words.
func TestImportRulesCatchAViolation(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, violation(module+"/psrp/stdio", "github.com/google/uuid"))
	require.NotEmpty(t, violation(module+"/psrp/stdio", "golang.org/x/crypto/ssh"))
	require.NotEmpty(t, violation(module+"/psrp/ssh", "golang.org/x/sys/unix"))
	require.Empty(t, violation(module+"/psrp/ssh", "golang.org/x/crypto/ssh/agent"))
	require.NotEmpty(t, violation(module+"/psrp", module+"/psrp/stdio"))
	require.NotEmpty(t, violation(module+"/internal/agent", module+"/internal/store"))
	require.NotEmpty(t, violation(module+"/internal/server", module+"/internal/executor"))
	require.Empty(t, violation(module+"/psrp/stdio", module+"/psrp"))
	require.Empty(t, violation(module+"/psrp", "encoding/binary"))
	require.Empty(t, violation(module+"/internal/agent", module+"/internal/api"))
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		var comments int
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
			require.NoError(t, err)
			if f.Doc != nil {
				comments++
			}
		}
		if len(p.GoFiles) > 0 && comments != 1 {
			t.Errorf("%s has %d package comments, want exactly 1", p.ImportPath, comments)
		}
	}
}

func TestPackageNamesSayWhatIsInside(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		if slices.Contains([]string{"util", "utils", "common", "helpers", "models", "types", "misc", "shared"}, name) {
			t.Errorf("%s: the name does not say what is inside", p.ImportPath)
		}
	}
}

// sources calls f for each source file of the repository with the given endings.
func sources(t *testing.T, endings []string, f func(rel string, text []byte)) {
	t.Helper()
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".tools", "vendor", "node_modules", "testdata", "bin"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains(endings, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		if err == nil {
			f(rel, text)
		}
		return err
	}))
}

func TestFilesStayReadable(t *testing.T) {
	t.Parallel()
	sources(t, []string{".go"}, func(rel string, text []byte) {
		if n := bytes.Count(text, []byte("\n")); n > 800 && !strings.HasSuffix(rel, "_test.go") {
			t.Errorf("%s has %d lines, at most 800: split the central object early", rel, n)
		}
	})
}

func TestNothingIsLeftOpen(t *testing.T) {
	t.Parallel()
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}
	sources(t, []string{".go", ".sql", ".ts", ".tsx"}, func(rel string, text []byte) {
		for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) {
			if slices.Contains(marks, word) {
				t.Errorf("%s still says %s", rel, word)
			}
		}
	})
}

// TestEveryDirectDependencyHasAReason compares go.mod with docs/dependencies.md.
func TestEveryDirectDependencyHasAReason(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	require.NoError(t, err)
	doc, err := os.ReadFile(filepath.Join(root(t), "docs", "dependencies.md"))
	require.NoError(t, err)
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue
		}
		if !bytes.Contains(doc, []byte("`"+fields[0]+"`")) {
			t.Errorf("docs/dependencies.md has no line for %s", fields[0])
		}
	}
}
