package clixml

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCorpusRoundTrip reads every object that a real engine serialized for the
// corpus, writes it and wants the same value back.
func TestCorpusRoundTrip(t *testing.T) {
	t.Parallel()
	bodies := 0
	err := filepath.WalkDir("../../testdata/ps-corpus", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var golden struct {
			Events []struct{ CLIXML *string }
		}
		require.NoError(t, json.Unmarshal(data, &golden), path)
		for _, e := range golden.Events {
			if e.CLIXML == nil {
				continue
			}
			bodies++
			v, err := Decode([]byte(*e.CLIXML), DecodeOptions{})
			require.NoError(t, err, "%s: %s", path, *e.CLIXML)
			again, err := Encode(v)
			require.NoError(t, err, path)
			back, err := Decode(again, DecodeOptions{})
			require.NoError(t, err, path)
			// Cycles make a deep comparison endless; the text has them as Ref.
			third, err := Encode(back)
			require.NoError(t, err, path)
			require.Equal(t, string(again), string(third), path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, bodies, 15_000)
}
