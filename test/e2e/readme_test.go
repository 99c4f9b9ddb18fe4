package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeSession types the session of the README, word for word, into a shell on a terminal, and finds in what the
// terminal shows each line that the README promises, in that order. An ellipsis in the README stands for anything.
func TestReadmeSession(t *testing.T) {
	t.Parallel()
	commands, promised := readmeSession(t)
	s := newStack(t)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(binaries, filepath.Join(dir, "bin")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "session"), []byte(commands), 0o600))
	cmd := exec.Command("script", "-qec", "bash -e session", "/dev/null")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "EPO_SERVER="+s.URL, "TERM=dumb", "NO_COLOR=1")
	cmd.Stdin = strings.NewReader(s.Password + "\n")
	out, err := cmd.CombinedOutput()
	shown := strings.ReplaceAll(string(out), "\r\n", "\n")
	require.NoError(t, err, "%s", shown)
	rest := shown
	for _, line := range promised {
		found := line.FindStringIndex(rest)
		require.NotNil(t, found, "the terminal does not show, after what came before, a line like %s; it showed\n%s", line, shown)
		rest = rest[found[1]:]
	}
}

// readmeSession returns the commands between the session marks and, as patterns, the lines they are said to print.
func readmeSession(t *testing.T) (commands string, promised []*regexp.Regexp) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, session, ok := strings.Cut(string(text), "<!-- session -->")
	require.True(t, ok)
	session, _, ok = strings.Cut(session, "<!-- /session -->")
	require.True(t, ok)
	for line := range strings.SplitSeq(session, "\n") {
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			commands += typed + "\n"
		} else if more, ok := strings.CutPrefix(line, "> "); ok {
			commands += more + "\n"
		} else if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "```") {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
			promised = append(promised, regexp.MustCompile("(?m)"+pattern))
		}
	}
	require.NotEmpty(t, commands)
	require.NotEmpty(t, promised)
	return commands, promised
}
