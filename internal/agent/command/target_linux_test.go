package command

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
)

// TestExecAndDoctorOnATarget: a script runs over SSH with the same JSON lines as
// here, and doctor tests the way there.
func TestExecAndDoctorOnATarget(t *testing.T) {
	t.Parallel()
	engine, err := runtime.Find(context.Background())
	require.NoError(t, err)
	server := sshtest.Start(t, sshtest.Options{PowerShell: append([]string{engine.Path}, engine.Args...)})
	identities := filepath.Join(t.TempDir(), "identities.json")
	text, err := json.Marshal(map[string]any{"identities": map[string]any{"me": map[string]any{"key": string(sshtest.UserKeys(t)["ed25519"].PEM)}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(identities, text, 0o600))
	host, port, err := net.SplitHostPort(server.Address)
	require.NoError(t, err)
	target := []string{"--target", "ssh://" + server.User + "@" + host + ":" + port, "--identities", identities, "--identity", "me", "--host-key", server.HostKeyLines()[0]}

	o := run("", append([]string{"exec", "--script", script(t, "param($N) $N; exit 3"), "--param", "N=7", "--json"}, target...)...)
	require.Equal(t, 3, o.code, o.err)
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	require.Contains(t, lines[0], `"stream":"output","text":"7"`)
	require.Contains(t, lines[len(lines)-1], `{"result":{"state":"failed","exit_code":3,`)

	o = run("", append([]string{"doctor", "--json"}, target...)...)
	require.Zero(t, o.code, o.err)
	var found api.ConnectionResult
	require.NoError(t, json.Unmarshal([]byte(o.out), &found))
	require.True(t, found.OK)
	require.Equal(t, "Core", found.Edition)

	require.NoError(t, os.Chmod(identities, 0o644))
	o = run("", append([]string{"exec", "--script", script(t, "1")}, target...)...)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "chmod 600 "+identities)
	o = run("", append([]string{"doctor"}, target...)...)
	require.Equal(t, 1, o.code)
	require.Regexp(t, `failed +authentication +.*chmod 600`, o.out)

	o = run("", "exec", "--script", script(t, "1"), "--target", "ssh://ann:hunter22@host")
	require.NotZero(t, o.code)
	require.Contains(t, o.err, "must not come with a password")
	require.NotContains(t, o.err, "hunter22")
}
