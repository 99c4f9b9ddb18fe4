package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// inspected waits for the end of the inspection of a script's latest version and returns it.
func (p *person) inspected(scriptID string) api.ScriptInspection {
	p.t.Helper()
	script, err := api.One[api.Script](p.ctx, p.Client, api.ViewScripts, api.Where("id", scriptID))
	require.NoError(p.t, err)
	var found api.ScriptInspection
	until(p.t, "the inspection of "+script.Name, func() bool {
		found, err = api.One[api.ScriptInspection](p.ctx, p.Client, api.ViewScriptInspections, api.Where("script_version_id", script.LatestVersionID))
		return err == nil && found.Finished()
	})
	return found
}

// A script with mistakes is pushed, shown with its mistakes, and not run; then one without.
func testInspection(t *testing.T, s *stack) {
	u, p := s.admin(), s.adminPerson()
	file := filepath.Join(t.TempDir(), "broken.ps1")
	require.NoError(t, os.WriteFile(file, []byte("param([ValidateSet('a','b')][string]$Kind = 'a')\nif ($Kind {\n}\n"), 0o600))
	u.ok("script", "push", file, "--no-wait")
	broken, err := api.One[api.Script](p.ctx, p.Client, api.ViewScripts, api.Where("name", "broken"))
	require.NoError(t, err)
	found := p.inspected(broken.ID)
	require.Equal(t, "done", found.State)
	require.False(t, *found.OK)

	require.Contains(t, u.run("script", "push", file).stderr, file+":2:11: Missing closing ')' after expression")
	require.Contains(t, u.ok("script", "show", "broken"), "broken:2:11: ")
	r := u.run("run", "start", "--script", "broken", "--target", "local")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "syntax error in line 2")

	require.NoError(t, os.WriteFile(file, []byte("param([ValidateSet('a','b')][string]$Kind = 'a')\n$Kind\n"), 0o600))
	u.ok("script", "push", file)
	p.inspected(broken.ID)
	shown := u.ok("script", "show", "broken")
	require.Contains(t, shown, "1 parameter, no syntax errors")
	require.Contains(t, shown, "a, b")
	r = u.run("run", "start", "--script", "broken", "--target", "local", "--param", "Kind=c")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "must be one of a, b")
	require.Equal(t, "b\n", u.ok("run", "start", "--script", "broken", "--target", "local", "--param", "kind=b", "--wait"))
	require.Contains(t, u.ok("run", "start", "--script", "broken", "--version", "2", "--target", "local", "--wait"), "a\n")
}

// An agent that is killed in the middle of an inspection leaves it to the next; what it leaves behind is cleared away.
func TestKillAgentWhileInspecting(t *testing.T) {
	t.Parallel()
	s, a, _ := newFaultStack(t)
	p := s.adminPerson()
	pushed, err := p.PushScript(p.ctx, api.PushScript{Name: "long", Content: []byte(strings.Repeat("if ($a) { Get-Item x | ForEach-Object { $_ + 1 } }\n", 20_000))})
	require.NoError(t, err)
	until(t, "the agent to have the inspection", func() bool {
		found, err := api.One[api.ScriptInspection](p.ctx, p.Client, api.ViewScriptInspections, api.Where("script_version_id", pushed.ScriptVersionID))
		require.NoError(t, err)
		require.False(t, found.Finished(), "it was over before the agent could be killed")
		return found.State == "claimed"
	})
	a.kill()
	s.superuser("update epo.inspections set lease_expires_at = now() - interval '1 second' where state = 'claimed'")
	a.start()
	found := p.inspected(pushed.ScriptID)
	require.Equal(t, "done", found.State)
	require.Equal(t, 2, found.Attempts)
}
