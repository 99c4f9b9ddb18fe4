package executor

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp/clixml"
)

const corpusDir = "../../testdata/ps-corpus"

// TestValueMatchesEngine compares type and string of every recorded object
// with what the engine itself said about it.
func TestValueMatchesEngine(t *testing.T) {
	t.Parallel()
	compared := 0
	err := filepath.WalkDir(corpusDir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var golden struct {
			Events []struct {
				Stream, CLIXML string
				Type, String   *string
			}
		}
		require.NoError(t, json.Unmarshal(data, &golden))
		for _, e := range golden.Events {
			if e.Stream != "output" || e.Type == nil {
				continue
			}
			v, err := clixml.Decode([]byte(e.CLIXML), clixml.DecodeOptions{})
			require.NoError(t, err)
			compared++
			var got struct{ Type, String string }
			require.NoError(t, json.Unmarshal(objectJSON(v), &got))
			require.Equal(t, strings.TrimPrefix(*e.Type, "Deserialized."), got.Type, "%s: %s", path, e.CLIXML)
			if e.String != nil && !stringDiffersByDesign(got.Type, path) {
				require.Equal(t, *e.String, got.String, "%s: %s", path, e.CLIXML)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, compared, 15_000)
}

// stringDiffersByDesign names the two cases in which "$value" inside the
// engine is not what the value's ToString gives on the wire.
func stringDiffersByDesign(typeName, path string) bool {
	return typeName == "System.RuntimeType" || // the engine writes int for System.Int32
		strings.HasSuffix(path, "55-script-property-throws.json") // properties that throw are not sent
}
