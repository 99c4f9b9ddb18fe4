package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	checkTest    = regexp.MustCompile(`^TestCheck(\d\d)_`)
	checkRow     = regexp.MustCompile(`^\| (\d+) \| [^|]+ \| (.*) \|$`)
	quoted       = regexp.MustCompile("`([^`]+)`")
)

// testsBelow are the tests of the packages below a folder, by package.
func testsBelow(t *testing.T, folder string) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	sources(t, []string{".go"}, func(rel string, text []byte) {
		if !strings.HasPrefix(rel, folder+"/") || !strings.HasSuffix(rel, "_test.go") {
			return
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		if all[dir] == nil {
			all[dir] = map[string]bool{}
		}
		for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
			all[dir][m[1]] = true
		}
	})
	return all
}

// TestEveryCheckOfPSRPIsShown holds docs/psrp-checks.md against the tests: what
// it names is there, each check has a test, and each test of a check has its
// place in the row of that check.
func TestEveryCheckOfPSRPIsShown(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join(root(t), "docs", "psrp-checks.md"))
	require.NoError(t, err)
	tests := testsBelow(t, "psrp")
	shown := map[string]int{} // package and test: check
	rows := 0
	for line := range strings.Lines(string(doc)) {
		m := checkRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		rows++
		number, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.Equal(t, rows, number)
		dir, found := "", 0
		for _, q := range quoted.FindAllStringSubmatch(m[2], -1) {
			switch name := q[1]; {
			case tests[name] != nil:
				dir = name
			case strings.HasPrefix(name, "Test"), strings.HasPrefix(name, "Fuzz"):
				require.True(t, tests[dir][name], "check %d: there is no %s in %s", number, name, dir)
				shown[dir+" "+name] = number
				found++
			}
		}
		require.Positive(t, found, "check %d is not shown", number)
	}
	require.Equal(t, 52, rows)
	for dir, names := range tests {
		for name := range names {
			if m := checkTest.FindStringSubmatch(name); m != nil {
				number, _ := strconv.Atoi(m[1])
				require.Equal(t, number, shown[dir+" "+name], "%s in %s is not in docs/psrp-checks.md", name, dir)
			}
		}
	}
	for _, q := range quoted.FindAllStringSubmatch(string(doc), -1) {
		if testFunction.MatchString("func " + q[1] + "(") {
			require.True(t, anyHas(tests, q[1]), "there is no %s", q[1])
		}
	}
}

func anyHas(tests map[string]map[string]bool, name string) bool {
	for _, names := range tests {
		if names[name] {
			return true
		}
	}
	return false
}
