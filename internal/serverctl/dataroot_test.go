package serverctl

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataRootRefusesAFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600))
	_, err := OpenDataRoot(dir)
	require.ErrorContains(t, err, "was not made by EPO")
	require.ErrorContains(t, DataRoot{dir}.Delete(), "was not made by EPO")
	require.FileExists(t, filepath.Join(dir, "thesis.doc"))
}

func TestDataRootIsFoundAgainAndDeleted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r, err := OpenDataRoot(dir)
	require.NoError(t, err)
	require.NoError(t, r.writeRunning(running{PID: 4711, URL: "http://127.0.0.1:1"}))
	r, err = OpenDataRoot(dir)
	require.NoError(t, err)
	state, err := r.readRunning()
	require.NoError(t, err)
	require.Equal(t, 4711, state.PID)
	require.NoError(t, r.Delete())
	require.NoDirExists(t, dir)
	require.NoError(t, r.Delete(), "deleting nothing is no error")
}

func TestDownWithNothingRunning(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var out bytes.Buffer
	require.NoError(t, down(t.Context(), DataRoot{dir}, false, &out))
	require.Contains(t, out.String(), "nothing runs")
	r, err := OpenDataRoot(dir)
	require.NoError(t, err)
	out.Reset()
	require.NoError(t, down(t.Context(), r, false, &out))
	require.Equal(t, "nothing runs\n", out.String())
	require.DirExists(t, dir, "the data stays unless --delete-data says otherwise")
}
