package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// TestPeopleAreLetInAndShutOut: an administrator and a new user, each at their own machine.
func TestPeopleAreLetInAndShutOut(t *testing.T) {
	t.Parallel()
	s := newStack(t, "--no-agent")
	admin := s.admin()
	r := admin.run("user", "create", "olga", "--role", "operator")
	require.Equal(t, 0, r.code, "%s", r)
	here, elsewhere := s.signIn("", "olga", shownPassword(t, r)), s.signIn("", "olga", shownPassword(t, r))
	require.Equal(t, 1, here.run("user", "create", "friend").code, "an operator lets nobody in")

	r = here.runInput(shownPassword(t, r)+"\ntoo short\n", "passwd")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "12 characters")
	r = here.runInput("wrong\na password of olga's own\n", "passwd")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "wrong")
	reset := admin.run("user", "reset-password", "olga", "-o", "json")
	var made api.CreatedUser
	require.NoError(t, json.Unmarshal([]byte(reset.stdout), &made), "%s", reset)
	here = s.signIn("", "olga", made.Password)
	r = here.runInput(made.Password+"\na password of olga's own\n", "passwd")
	require.Equal(t, 0, r.code, "%s", r)
	require.Contains(t, here.ok("whoami"), "olga")
	s.signIn("", "olga", "a password of olga's own")

	require.Contains(t, admin.ok("user", "disable", "olga"), "Disabled user olga")
	for _, u := range []*user{here, elsewhere} {
		r = u.run("script", "list")
		require.Equal(t, 1, r.code)
		require.Contains(t, r.stderr, "sign in", "neither the token nor the session counts")
	}
	require.Equal(t, 1, admin.run("user", "disable", s.User).code, "the last administrator stays")
	require.Contains(t, admin.ok("user", "list"), "disabled")
}

// TestTargetIsTestedByItsAgent: the agent of the stack tests its own machine, and a host that nobody answers for.
func TestTargetIsTestedByItsAgent(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	admin := s.admin()
	require.Contains(t, admin.ok("target", "test", "local"), "works: PowerShell 7.")

	admin.ok("target", "create", "gone", "--kind", "ssh", "--address", "127.0.0.1", "--port", "1", "--user", "nobody")
	r := admin.run("target", "test", "gone")
	require.Equal(t, 1, r.code, "%s", r)
	require.Contains(t, r.stdout+r.stderr, "gone")
	r = admin.run("target", "delete", "gone")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "target_in_use")
	require.Contains(t, admin.ok("target", "disable", "gone"), "Disabled")
}
