package httpjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	many := "{"
	for i := range 100 {
		many += fmt.Sprintf(`"k%d":%d,`, i, i)
	}
	for input, want := range map[string]error{
		`{}`: nil, ` {"a":1} `: nil, `[]`: nil, `"x"`: nil, `null`: nil, `-0`: nil, `[1,[2,{"a":[]}]]`: nil, `{"a":{"a":1},"b":{"a":1}}`: nil,
		`{"a\"}":"{\"a\":"}`: nil, `{"a":"\\"}`: nil, many + `"z":1}`: nil,
		``: errSyntax, `[`: errSyntax, `{"a":1}x`: errSyntax, `{"a":1}{}`: errSyntax, `NaN`: errSyntax, `{"a":"` + "\xff" + `"}`: errSyntax, `{'a':1}`: errSyntax, `{"a":1,}`: errSyntax,
		`{"a":1,"a":2}`: errDuplicate, `{"a":1,"\u0061":2}`: errDuplicate, `{"x":[{"a":1,"b":2,"a":3}]}`: errDuplicate, many + `"k7":1}`: errDuplicate, many + `"k99":1}`: errDuplicate,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth): nil, strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1): errDepth,
		strings.Repeat("[", 100000): errSyntax, strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100): errDepth,
	} {
		require.ErrorIs(t, Check([]byte(input)), want, input[:min(len(input), 80)])
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	names, err := Members([]byte(` {"a":{"x":1},"\u0062":[{"y":2}]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names)
	_, err = Members([]byte(`[]`))
	require.ErrorIs(t, err, errObject)
	names, err = Members([]byte(`{}`))
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestDecodeIsStrict(t *testing.T) {
	t.Parallel()
	type input struct {
		User string `json:"user"`
	}
	for name, tc := range map[string]struct {
		body, contentType, coding string
		status                    int
	}{
		"good": {`{"user":"a"}`, "application/json", "", 0}, "charset": {`{"user":"a"}`, "application/json; charset=UTF-8", "", 0}, "no type": {`{"user":"a"}`, "", "", 0},
		"unknown": {`{"user":"a","x":1}`, "", "", 400}, "twice": {`{"user":"a","user":"b"}`, "", "", 400}, "object": {`{"user":{"$ne":1}}`, "", "", 400},
		"array": {`[]`, "", "", 400}, "empty": {``, "", "", 400}, "form": {`user=a`, "application/x-www-form-urlencoded", "", 415}, "text": {`{}`, "text/plain", "", 415},
		"gzip": {`{}`, "", "gzip", 415}, "large": {`{"user":"` + strings.Repeat("a", 200) + `"}`, "", "", 413}, "latin": {`{}`, "application/json; charset=latin1", "", 415},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.contentType)
		r.Header.Set("Content-Encoding", tc.coding)
		var v input
		err := Decode(r, 100, &v)
		if tc.status == 0 {
			require.NoError(t, err, name)
			require.Equal(t, "a", v.User, name)
			continue
		}
		require.Equal(t, tc.status, AsError(err).Status, name)
	}
}

// TestErrorsHaveFourMembers: the body has exactly the four, and the cause stays inside.
func TestErrorsHaveFourMembers(t *testing.T) {
	t.Parallel()
	for _, err := range []error{NewError(404, "not_found", "there is no such object"), Unauthorized("PGRST301", "bad"), Internal(errors.New("canary")), errors.New("canary")} {
		w := httptest.NewRecorder()
		sent := WriteError(w, fmt.Errorf("read: %w", err))
		require.Equal(t, sent.Status, w.Code)
		var m map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m))
		require.Len(t, m, 4)
		require.NotContains(t, w.Body.String(), "canary")
		require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\u0000"}]}`, `[[[]]]`, `{"a":1,"a":2}`, `"\\"`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if Check(data) == nil && !json.Valid(data) {
			t.Fatal("accepted what is no JSON")
		}
	})
}
