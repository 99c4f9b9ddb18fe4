package agent

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

func TestEnrollKeepsKeysPrivateAndProvesThem(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o755))
	client, err := api.New(api.Config{Server: s.URL})
	require.NoError(t, err)
	_, err = Enroll(t.Context(), Enrollment{StateDir: dir, Client: client, Token: "good", Name: "worker"})
	require.NoError(t, err)
	id, err := LoadIdentity(dir)
	require.NoError(t, err)
	require.Equal(t, "worker", id.Name)
	require.GreaterOrEqual(t, id.keys.encryption.N.BitLen(), 3072)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{signingKeyFile, encryptionKeyFile, identityFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	secret, err := id.keys.signing.Bytes()
	require.NoError(t, err)
	printed := fmt.Sprintf("%v %+v %#v", id, id, id)
	require.NotContains(t, printed, fmt.Sprint(new(big.Int).SetBytes(secret)))
	require.NotContains(t, printed, "0x")
}

func TestEnrollRefusesUsedTokensAndASecondIdentity(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	dir := enrolled(t, s)
	client, err := api.New(api.Config{Server: s.URL})
	require.NoError(t, err)
	_, err = Enroll(t.Context(), Enrollment{StateDir: dir, Client: client, Token: "good-2"})
	require.ErrorIs(t, err, ErrEnrolled)
	old, err := LoadIdentity(dir)
	require.NoError(t, err)
	fresh, err := Enroll(t.Context(), Enrollment{StateDir: dir, Client: client, Token: "good-2", Replace: true})
	require.NoError(t, err)
	require.NotEqual(t, old.AgentID, fresh.AgentID)
	_, err = Enroll(t.Context(), Enrollment{StateDir: t.TempDir(), Client: client, Token: "good-2"})
	require.True(t, api.Is(err, api.CodeEnrollmentTokenInvalid))
}

func TestKeysOpenToOthersAreRefused(t *testing.T) {
	t.Parallel()
	dir := enrolled(t, newFakeServer(t))
	for _, name := range []string{signingKeyFile, encryptionKeyFile} {
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o640))
		_, err := LoadIdentity(dir)
		require.ErrorContains(t, err, "open to others")
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o600))
	}
	_, err := LoadIdentity(dir)
	require.NoError(t, err)
	_, err = LoadIdentity(t.TempDir())
	require.ErrorIs(t, err, ErrNotEnrolled)
}
