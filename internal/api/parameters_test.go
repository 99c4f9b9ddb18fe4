package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

func TestParseParameters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object string
		pairs  []string
		want   string
	}{
		"none":                  {"", nil, `{}`},
		"text":                  {"", []string{"a=b c", "b="}, `{"a":"b c","b":""}`},
		"code stays text":       {"", []string{"a=$(Remove-Item x)", "b=';'"}, `{"a":"$(Remove-Item x)","b":"';'"}`},
		"equals sign in value":  {"", []string{"a=b=c"}, `{"a":"b=c"}`},
		"typed":                 {"", []string{"n=5", "m=-12", "t=true", "z=null", `s="5"`, "l=[1,2]", `o={"k":1}`}, `{"l":[1,2],"m":-12,"n":5,"o":{"k":1},"s":"5","t":true,"z":null}`},
		"digits that would go":  {"", []string{"a=1.10", "b=1e3", "c=007", "d=-0", "e=12345678901234567890"}, `{"a":"1.10","b":"1e3","c":"007","d":"-0","e":"12345678901234567890"}`},
		"forced JSON":           {"", []string{"a:=1.5"}, `{"a":1.5}`},
		"switch":                {"", []string{"Force"}, `{"Force":true}`},
		"pairs win":             {`{"Name":"x","k":12345678901234567890}`, []string{"name=y"}, `{"k":12345678901234567890,"name":"y"}`},
		"space is not trimmed":  {"", []string{"a= 5"}, `{"a":" 5"}`},
		"word that begins like": {"", []string{"a=truely", "b=nul"}, `{"a":"truely","b":"nul"}`},
	} {
		got, err := api.ParseParameters([]byte(c.object), c.pairs)
		require.NoError(t, err, name)
		require.Equal(t, c.want, string(got), name)
	}
	for _, bad := range []struct {
		object string
		pairs  []string
	}{{"[1]", nil}, {"null", nil}, {"{} {}", nil}, {"{", nil}, {"", []string{"=x"}}, {"", []string{"a:=x"}}, {"", []string{"a:"}}, {"", []string{""}}} {
		_, err := api.ParseParameters([]byte(bad.object), bad.pairs)
		require.Error(t, err, "%v", bad)
	}
}

func FuzzParseParameters(f *testing.F) {
	f.Add(`{"a":1}`, "b=2")
	f.Add("", `c:={"d":null}`)
	f.Add(" ", "=")
	f.Fuzz(func(t *testing.T, object, pair string) {
		got, err := api.ParseParameters([]byte(object), []string{pair})
		if err != nil {
			return
		}
		var values map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(got, &values))
		require.NotEmpty(t, values)
	})
}
