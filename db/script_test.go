package db_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/testkit"
)

func pushArgs(name string, content []byte) testkit.Args {
	return testkit.Args{"name": name, "content": base64.StdEncoding.EncodeToString(content)}
}

func TestPushKeepsTheExactBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, content := range map[string][]byte{
		"crlf": []byte("a\r\nb\r\n"), "no newline": []byte("a"), "utf-8 with mark": []byte("\xef\xbb\xbfWrite-Output 'ü'"),
		"utf-16 le": []byte("\xff\xfea\x00\x00\x4e"), "utf-16 be": []byte("\xfe\xff\x00a"), "controls": []byte("\t\f\x1b[0m"),
		"largest": bytes.Repeat([]byte("x"), 5<<20),
	} {
		t.Run(name, func(t *testing.T) {
			answer := b.Call(t, b.Operator, "push_script", pushArgs(name, content))
			digest := sha256.Sum256(content)
			require.Equal(t, hex.EncodeToString(digest[:]), answer["sha256"])
			require.EqualValues(t, len(content), answer["size_bytes"])
			stored := testkit.Value[[]byte](t, b.db, "select content from epo.script_versions where id = $1", answer["script_version_id"])
			require.True(t, bytes.Equal(content, stored))
		})
	}
}

func TestPushRefusesWhatIsNoScript(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct {
		name, code string
		status     int
		args       testkit.Args
	}{
		{"empty", "script_empty", 400, pushArgs("x", nil)},
		{"null", "script_empty", 400, testkit.Args{"name": "x", "content": nil}},
		{"one byte too many", "script_too_large", 413, pushArgs("x", bytes.Repeat([]byte("x"), 5<<20+1))},
		{"far too large", "script_too_large", 413, pushArgs("x", bytes.Repeat([]byte("x"), 6<<20))},
		{"invalid UTF-8", "script_not_text", 400, pushArgs("x", []byte("caf\xe9"))},
		{"NUL", "script_not_text", 400, pushArgs("x", []byte("a\x00b"))},
		{"a program", "script_not_text", 400, pushArgs("x", []byte("\x7fELF\x02\x01\x01\x00"))},
		{"half a UTF-16 character", "script_not_text", 400, pushArgs("x", []byte("\xff\xfea"))},
		{"NUL in UTF-16", "script_not_text", 400, pushArgs("x", []byte("\xff\xfea\x00\x00\x00"))},
		{"no base64", "invalid_argument", 400, testkit.Args{"name": "x", "content": "***"}},
		{"no name", "invalid_name", 400, pushArgs("", []byte("a"))},
		{"null name", "invalid_name", 400, testkit.Args{"name": nil, "content": "YQ=="}},
		{"blank end", "invalid_name", 400, pushArgs("x ", []byte("a"))},
		{"newline in the name", "invalid_name", 400, pushArgs("x\ny", []byte("a"))},
		{"right-to-left name", "invalid_name", 400, pushArgs("x\u202ey", []byte("a"))},
		{"not normalised", "invalid_name", 400, pushArgs("u\u0308", []byte("a"))},
		{"long name", "invalid_name", 400, pushArgs(string(bytes.Repeat([]byte("x"), 129)), []byte("a"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.status, b.refuse(t, test.code, b.Operator, "push_script", test.args).Status())
		})
	}
	require.EqualValues(t, 1, testkit.Value[int](t, b.db, "select count(*)::int from epo.scripts"))
}

func TestSameBytesMakeNoVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.Call(t, b.Operator, "push_script", pushArgs("s", []byte("1")))
	again := b.Call(t, b.Operator, "push_script", pushArgs("s", []byte("1")))
	require.Equal(t, first["script_version_id"], again["script_version_id"])
	require.Equal(t, []any{true, false}, []any{first["created"], again["created"]})
	b.Call(t, b.Operator, "push_script", pushArgs("s", []byte("2")))
	back := b.Call(t, b.Operator, "push_script", pushArgs("s", []byte("1"))) // going back is a change
	require.EqualValues(t, 3, back["version"])
}

func TestVersionsFollowEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var group errgroup.Group
	for i := range 12 {
		group.Go(func() error {
			_, err := b.db.Call(t.Context(), b.Operator, "push_script", pushArgs("s", fmt.Append(nil, i)))
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, testkit.Value[[]int32](t, b.db,
		"select array_agg(v.version order by v.version) from epo.script_versions as v join epo.scripts as s on s.id = v.script_id where s.name = 's'"))
}

func TestLargeScriptsAreFetched(t *testing.T) {
	t.Parallel()
	b := setup(t)
	content := bytes.Repeat([]byte("#"), 65537)
	script := b.Call(t, b.Operator, "push_script", pushArgs("large", content))
	b.QueueRun(t, script["script_id"].(string))
	c := b.claim(t, 1)[0]
	require.Empty(t, c.Script.Content)
	fetched := b.Call(t, b.agent, "get_script_content", testkit.Args{"script_version_id": c.Script.VersionID})
	require.Equal(t, c.Script.SHA256, fetched["sha256"])
	require.Equal(t, base64.StdEncoding.EncodeToString(content), fetched["content"])
	b.finish(t, c, 0, "failed")
	b.refuse(t, "not_found", b.agent, "get_script_content", testkit.Args{"script_version_id": c.Script.VersionID})
}
