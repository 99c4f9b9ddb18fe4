package db_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// inspected gives the script of the bundle a document.
func (b bundle) inspected(t *testing.T, document string) {
	t.Helper()
	b.Call(t, b.Operator, "inspect_script", testkit.Args{"script_version_id": b.versionID})
	for _, i := range b.claimInspections(t, "script") {
		require.Equal(t, "done", b.endInspection(t, i, `{"engine":{"version":"7.6.9"},"document":`+document+`}`))
	}
}

// try asks for a run with parameters and returns what came, or the message of what was refused.
func (b bundle) try(t *testing.T, parameters string) (string, string) {
	t.Helper()
	reply, err := b.db.Call(t.Context(), b.Operator, "queue_run", testkit.Args{
		"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(parameters)})
	if err == nil {
		var out struct{ Checked bool }
		require.NoError(t, json.Unmarshal(reply.JSON, &out))
		return "checked " + fmt.Sprint(out.Checked), ""
	}
	refused := b.refuse(t, "parameter_rejected", b.Operator, "queue_run", testkit.Args{
		"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(parameters)})
	require.Equal(t, 400, refused.Status())
	return refused.Message, refused.Details
}

func TestWhatIsNotInspectedIsNotChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.Call(t, b.Operator, "queue_run", testkit.Args{
		"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(`{"Nonsense":1}`), "idempotency_key": "k"})
	require.Equal(t, false, answer["checked"])
	again := b.Call(t, b.Operator, "queue_run", testkit.Args{
		"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(`{"Nonsense":1}`), "idempotency_key": "k"})
	require.Equal(t, []any{answer["run_id"], false, false}, []any{again["run_id"], again["checked"], again["created"]})

	i := b.claimInspections(t)[0]
	b.endInspection(t, i, `{"engine":{"version":"7.6.9"},"not_inspected_reason":"configuration"}`)
	got, _ := b.try(t, `{"Nonsense":1}`)
	require.Equal(t, "checked false", got)
	b.inspected(t, `{"ok":true,"errors":[],"parameters":[]}`)
	got, _ = b.try(t, `{}`)
	require.Equal(t, "checked true", got)
	_, name := b.try(t, `{"Nonsense":1}`)
	require.Equal(t, "Nonsense", name)
	require.Equal(t, []bool{false, false, true}, testkit.Value[[]bool](t, b.db, "select array_agg(checked order by created_at) from epo.job_runs"))
}

func TestScriptWithSyntaxErrorsIsNotRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.inspected(t, `{"ok":true,"errors":[{"id":"TypeNotFound","message":"x","line":3,"environment":true}],"parameters":[]}`)
	got, _ := b.try(t, `{}`)
	require.Equal(t, "checked true", got, "another machine may have the type")
	b.inspected(t, `{"ok":false,"errors":[{"id":"TypeNotFound","message":"x","line":3,"environment":true},
		{"id":"MissingEndCurlyBrace","message":"Missing closing '}'.","line":7,"environment":false},{"id":"More","message":"x","line":9}],"parameters":[]}`)
	args := testkit.Args{"script_id": b.scriptID, "target_ids": []string{b.TargetID}}
	refused := b.refuse(t, "script_invalid", b.Operator, "queue_run", args)
	require.Equal(t, 409, refused.Status())
	require.Equal(t, "7", refused.Details)
	require.Contains(t, refused.Message, "line 7: Missing closing '}'.")
	require.Zero(t, testkit.Value[int](t, b.db, "select count(*)::int from epo.jobs where name is null and id not in (select job_id from epo.job_runs)"), "nothing is left behind")
}

// A run may name the version, of a script or alone.
func TestRunOfAVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, second := b.PushScript(t, "hello", "2")
	_, other := b.PushScript(t, "other", "3")
	for _, args := range []testkit.Args{{"script_version_id": b.versionID}, {"script_id": b.scriptID, "script_version_id": b.versionID}} {
		args["target_ids"] = []string{b.TargetID}
		run := b.Call(t, b.Operator, "queue_run", args)["run_id"]
		require.Equal(t, b.versionID, testkit.Value[string](t, b.db, "select script_version_id::text from epo.job_runs where id = $1", run))
	}
	run := b.QueueRun(t, b.scriptID)
	require.Equal(t, second, testkit.Value[string](t, b.db, "select script_version_id::text from epo.job_runs where id = $1", run))
	b.refuse(t, "not_found", b.Operator, "queue_run", testkit.Args{"script_id": b.scriptID, "script_version_id": other, "target_ids": []string{b.TargetID}})
	job := b.Call(t, b.Operator, "create_job", testkit.Args{"name": "j", "script_id": b.scriptID, "target_ids": []string{b.TargetID}})["id"]
	b.refuse(t, "invalid_argument", b.Operator, "queue_run", testkit.Args{"job_id": job, "script_version_id": b.versionID})
}

// param is one parameter of a document.
func param(name, resolved, more string) string {
	element, array := strings.CutSuffix(resolved, "[]")
	return fmt.Sprintf(`{"name":%q,"type":{"name":"x","resolved":%q,"element":%q,"array":%v},"aliases":[],"mandatory":false,
		"sets":[{"name":"__AllParameterSets","mandatory":false}],"validation":[]%s}`, name, resolved, element, array, more)
}

func TestParametersAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const text, whole = "System.String", "System.Int32"
	must := `,"mandatory":true,"sets":[{"name":"__AllParameterSets","mandatory":true}]`
	rule := func(rules string) string { return `,"validation":[` + rules + `]` }
	for _, test := range []struct {
		document string // parameters; with more members before "parameters" if it begins with "
		given    string
		want     string // "" where it is taken
	}{
		// Names.
		{param("Name", text, ""), `{"Name":"x"}`, ""},
		{param("Name", text, ""), `{"nAmE":"x"}`, ""},
		{param("Größe", text, ""), `{"GRÖSSE":"x","größe":"x"}`, "parameter GRÖSSE is unknown; the script has Größe"},
		{param("Größe", text, ""), `{"GRÖßE":"x"}`, ""},
		{param("ComputerName", text, `,"aliases":["cn"]`), `{"CN":"x"}`, ""},
		{param("ComputerName", text, ""), `{"Comp":"x"}`, ""},
		{param("Count", whole, "") + "," + param("Country", text, ""), `{"Coun":1}`, "parameter Coun could be several; the script has Count, Country"},
		{param("Count", whole, "") + "," + param("Counter", text, ""), `{"count":1}`, ""},
		{param("Name", text, ""), `{"Nam":"x","Name":"y"}`, "parameter Name is given twice, by another name or alias as well"},
		{param("Name", text, ""), `{"Other":1}`, "parameter Other is unknown; the script has Name"},
		{param("Name", text, "") + "," + param("Secret", text, `,"hidden":true`), `{"Other":1}`, "parameter Other is unknown; the script has Name"},
		{"", `{"Other":1}`, "parameter Other is unknown; the script has none"},
		{param("Name", text, ""), `{"Verbose":true}`, "parameter Verbose is unknown; the script has Name"},
		{`"advanced":true,` + param("Name", text, ""), `{"Verbose":true,"ErrorAction":"Stop","wa":"Stop","OutVar":"x"}`, ""},
		{`"advanced":true,` + param("Name", text, ""), `{"WhatIf":true}`, "parameter WhatIf is unknown; the script has Name"},
		{`"advanced":true,"cmdlet_binding":{"SupportsShouldProcess":true},` + param("Name", text, ""), `{"WhatIf":true,"Confirm":false}`, ""},
		{`"advanced":true,"dynamic_param":true,` + param("Name", text, ""), `{"Dynamic":1}`, ""},
		{`"advanced":true,` + param("Rest", "System.Object", `,"remaining":true`), `{"Anything":1}`, ""},
		// Mandatory.
		{param("Name", text, must), `{}`, "parameter Name is mandatory"},
		{param("Name", text, must), `{"NAME":"x"}`, ""},
		{param("Name", text, must), `{"Name":""}`, "parameter Name must not be empty"},
		{param("Name", text, must+`,"allow":["AllowEmptyString"]`), `{"Name":""}`, ""},
		{param("Name", text, ""), `{"Name":""}`, ""},
		{param("Names", text+"[]", must), `{"Names":[]}`, "parameter Names must not be empty"},
		{param("Name", text, rule(`{"kind":"notNullOrEmpty"}`)), `{"Name":""}`, "parameter Name must not be empty"},
		// Kinds.
		{param("Name", text, ""), `{"Name":["a"]}`, "parameter Name must be one value, not a list"},
		{param("Name", text, ""), `{"Name":{"a":1}}`, "parameter Name must be a text"},
		{param("Name", text, ""), `{"Name":5}`, ""},
		{param("Name", text, ""), `{"Name":null}`, ""},
		{param("Names", text+"[]", ""), `{"Names":["a",{}]}`, "parameter Names must be a text"},
		{param("Names", text+"[]", ""), `{"Names":"a"}`, ""},
		{param("Count", whole, ""), `{"Count":"many"}`, "parameter Count must be a whole number"},
		{param("Count", whole, ""), `{"Count":true}`, "parameter Count must be a whole number"},
		{param("Count", whole, ""), `{"Count":"42"}`, ""},
		{param("Count", whole, ""), `{"Count":"0x10"}`, ""},
		{param("Count", whole, ""), `{"Count":"1kb"}`, ""},
		{param("Count", whole, ""), `{"Count":1.4}`, ""},
		{param("Count", whole, ""), `{"Count":2147483648}`, "parameter Count must be a whole number from -2147483648 to 2147483647"},
		{param("Ratio", "System.Double", ""), `{"Ratio":"much"}`, "parameter Ratio must be a number"},
		{param("Ratio", "System.Double", ""), `{"Ratio":"1,000.5"}`, ""},
		{param("Force", "System.Management.Automation.SwitchParameter", ""), `{"Force":"yes"}`, "parameter Force must be true or false"},
		{param("Force", "System.Management.Automation.SwitchParameter", ""), `{"Force":false}`, ""},
		{param("On", "System.Boolean", ""), `{"On":1}`, ""},
		{param("Map", "System.Collections.Hashtable", ""), `{"Map":[]}`, "parameter Map must be one value, not a list"},
		{param("Map", "System.Collections.Hashtable", ""), `{"Map":"x"}`, "parameter Map must be an object with keys and values"},
		{param("When", "System.DateTime", ""), `{"When":{}}`, "parameter When must be a date"},
		{param("When", "System.DateTime", ""), `{"When":"next tuesday"}`, ""}, // the engine decides
		{param("Any", "System.Object", ""), `{"Any":[{}]}`, ""},
		{param("Day", "System.DayOfWeek", "") + `,` + param("X", text, ""), `{"Day":"Mon"}`, ""},
		{strings.Replace(param("Day", "System.DayOfWeek", ""), `"array":false`, `"array":false,"enum":["Monday","Friday"]`, 1), `{"Day":"someday"}`,
			"parameter Day must be one of Monday, Friday"},
		{strings.Replace(param("Day", "System.DayOfWeek", ""), `"array":false`, `"array":false,"enum":["Monday","Friday"]`, 1), `{"Day":"fri"}`, ""},
		{strings.Replace(param("Day", "System.DayOfWeek", ""), `"array":false`, `"array":false,"enum":["Monday","Friday"]`, 1), `{"Day":["Friday"]}`,
			"parameter Day must be one value, not a list"},
		// Rules.
		{param("Env", text, rule(`{"kind":"set","values":["dev","prod"],"ignore_case":true}`)), `{"Env":"Test"}`, "parameter Env must be one of dev, prod"},
		{param("Env", text, rule(`{"kind":"set","values":["dev","prod"],"ignore_case":true}`)), `{"Env":"PROD"}`, ""},
		{param("Env", text, rule(`{"kind":"set","values":["dev","prod"],"ignore_case":false}`)), `{"Env":"PROD"}`, "parameter Env must be one of dev, prod"},
		{param("Env", text+"[]", rule(`{"kind":"set","values":["dev","prod"],"ignore_case":true}`)), `{"Env":["dev","x"]}`, "parameter Env must be one of dev, prod"},
		{param("Size", whole, rule(`{"kind":"set","values":[1,2,4]}`)), `{"Size":3}`, "parameter Size must be one of 1, 2, 4"},
		{param("Size", whole, rule(`{"kind":"set","values":[1,2,4]}`)), `{"Size":"4"}`, ""},
		{param("Env", text, rule(`{"kind":"set","values":null,"generator":"Envs"}`)), `{"Env":"x"}`, ""},
		{param("Days", whole, rule(`{"kind":"range","min":1,"max":365}`)), `{"Days":0}`, "parameter Days must be from 1 to 365"},
		{param("Days", whole, rule(`{"kind":"range","min":1,"max":365}`)), `{"Days":"366"}`, "parameter Days must be from 1 to 365"},
		{param("Days", whole, rule(`{"kind":"range","min":1,"max":365}`)), `{"Days":365.3}`, ""},
		{param("Days", whole+"[]", rule(`{"kind":"range","min":1,"max":365}`)), `{"Days":[1,400]}`, "parameter Days must be from 1 to 365"},
		{param("Days", whole, rule(`{"kind":"range","range_kind":"Positive"}`)), `{"Days":0}`, "parameter Days must be above 0"},
		{param("Days", whole, rule(`{"kind":"range","min":"$min","max":5}`)), `{"Days":9}`, ""},
		{param("Code", text, rule(`{"kind":"length","min":2,"max":3}`)), `{"Code":"x"}`, "parameter Code must have 2 to 3 characters"},
		{param("Code", text, rule(`{"kind":"length","min":2,"max":3}`)), `{"Code":"😀"}`, ""}, // two units of UTF-16
		{param("Code", text, rule(`{"kind":"length","min":2,"max":3}`)), `{"Code":"😀😀"}`, "parameter Code must have 2 to 3 characters"},
		{param("Names", text+"[]", rule(`{"kind":"count","min":1,"max":2}`)), `{"Names":["a","b","c"]}`, "parameter Names must have 1 to 2 values"},
		{param("Names", text+"[]", rule(`{"kind":"count","min":2,"max":3}`)), `{"Names":"a"}`, "parameter Names must have 2 to 3 values"},
		{param("Code", text, rule(`{"kind":"pattern","pattern":"^a$"},{"kind":"script","text":"{ $false }"},{"kind":"other"}`)), `{"Code":"b"}`, ""}, // the engine decides
		// What an agent might say.
		{`{"name":"X"}`, `{"X":[{}]}`, ""},
		{`{}`, `{"X":1}`, "parameter X is unknown; the script has none"},
		{`{"name":"X","type":[],"aliases":"a","sets":5,"validation":{},"allow":1}`, `{"X":"y"}`, ""},
	} {
		more := ""
		if strings.HasPrefix(test.document, `"`) {
			at := strings.Index(test.document, `{"name"`)
			more, test.document = test.document[:at], test.document[at:]
		}
		b.inspected(t, `{"ok":true,"errors":[],`+more+`"parameters":[`+test.document+`]}`)
		got, _ := b.try(t, test.given)
		if test.want == "" {
			test.want = "checked true"
		}
		require.Equal(t, test.want, got, "%s\n%s", test.document, test.given)
	}
}

func TestParameterSetsAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	set := func(names ...string) string {
		var sets []string
		for _, n := range names {
			name, mandatory := strings.CutSuffix(n, "!")
			sets = append(sets, fmt.Sprintf(`{"name":%q,"mandatory":%v}`, name, mandatory))
		}
		return `,"sets":[` + strings.Join(sets, ",") + `]`
	}
	const text = "System.String"
	byName := param("Name", text, set("ByName!")) + "," + param("Id", text, set("ById!")) + "," + param("Both", text, set("__AllParameterSets"))
	for _, test := range []struct{ binding, document, given, want string }{
		{`{"DefaultParameterSetName":"ByName"}`, byName, `{"Name":"x"}`, ""},
		{`{"DefaultParameterSetName":"ByName"}`, byName, `{"Id":"x","Both":"y"}`, ""},
		{`{"DefaultParameterSetName":"ByName"}`, byName, `{"Id":"x","Name":"y"}`, "parameter Name cannot be given together with the others: no parameter set has all of them"},
		{`{"DefaultParameterSetName":"ByName"}`, byName, `{}`, "parameter Name is mandatory, or instead Id"},
		{`{"DefaultParameterSetName":"ById"}`, byName, `{"Both":"x"}`, "parameter Id is mandatory, or instead Name"},
		{`{}`, param("Name", text, set("A!", "B")), `{}`, ""},
		{`{}`, param("Name", text, set("A!", "B!")), `{}`, "parameter Name is mandatory"},
		{`{}`, param("Name", text, set("__AllParameterSets!")) + "," + param("X", text, set("A")), `{"X":"1"}`, "parameter Name is mandatory"},
		{`{}`, param("Name", text, set("__AllParameterSets!", "A")) + "," + param("X", text, set("A")), `{"X":"1"}`, ""},
	} {
		b.inspected(t, fmt.Sprintf(`{"ok":true,"errors":[],"advanced":true,"cmdlet_binding":%s,"parameters":[%s]}`, test.binding, test.document))
		got, _ := b.try(t, test.given)
		if test.want == "" {
			test.want = "checked true"
		}
		require.Equal(t, test.want, got, "%s\n%s", test.document, test.given)
	}
}

// What a job fixes must fit its script; what it leaves out may come with the run.
func TestParametersOfAJobAreCheckedWhenItIsMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := func(name, parameters string) testkit.Args {
		return testkit.Args{"name": name, "script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(parameters)}
	}
	b.inspected(t, `{"ok":true,"errors":[],"parameters":[`+param("A", "System.String", `,"mandatory":true,"sets":[{"name":"__AllParameterSets","mandatory":true}]`)+`,`+param("B", "System.Int32", "")+`]}`)
	for parameters, parameter := range map[string]string{`{"C":1}`: "C", `{"B":"x"}`: "B"} {
		require.Equal(t, parameter, b.refuse(t, "parameter_rejected", b.Operator, "create_job", job("j", parameters)).Details)
	}
	b.Call(t, b.Operator, "create_job", job("j", `{"B":1}`))
	b.inspected(t, `{"ok":false,"errors":[{"line":3,"message":"Missing"}],"parameters":[]}`)
	require.Equal(t, "3", b.refuse(t, "script_invalid", b.Operator, "create_job", job("k", `{}`)).Details)
}

// Parameters of the job and of the run are one selection.
func TestParametersOfAJobAreCheckedWhenItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.inspected(t, `{"ok":true,"errors":[],"parameters":[`+param("A", "System.String", `,"mandatory":true,"sets":[{"name":"__AllParameterSets","mandatory":true}]`)+`,`+param("B", "System.Int32", "")+`]}`)
	job := b.Call(t, b.Operator, "create_job", testkit.Args{
		"name": "j", "script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(`{"A":"x"}`)})["id"]
	require.Equal(t, true, b.Call(t, b.Operator, "queue_run", testkit.Args{"job_id": job, "parameters": json.RawMessage(`{"B":1}`)})["checked"])
	refused := b.refuse(t, "parameter_rejected", b.Operator, "queue_run", testkit.Args{"job_id": job, "parameters": json.RawMessage(`{"B":"x"}`)})
	require.Equal(t, "B", refused.Details)
}

// documents is what a real engine's inspection said of scripts of the corpus (the tests of internal/executor keep it true).
const documents = "../testdata/inspections.json"

// What a real engine bound is never refused. What it did not bind may be: the check knows less.
func TestCheckRefusesNothingThatTheEngineTakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data, err := os.ReadFile(documents)
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	taken, refused := 0, 0
	for script, document := range all {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "ps-corpus", strings.TrimSuffix(script, ".ps1")+".json"))
		require.NoError(t, err)
		var golden struct {
			Args json.RawMessage
			End  struct {
				Error *struct{ FQID, Category string }
			}
		}
		require.NoError(t, json.Unmarshal(data, &golden))
		if golden.Args == nil {
			golden.Args = json.RawMessage("{}")
		}
		b.inspected(t, string(document))
		got, _ := b.try(t, string(golden.Args))
		binder := golden.End.Error != nil && (strings.HasPrefix(golden.End.Error.FQID, "Parameter") || strings.HasPrefix(golden.End.Error.FQID, "NamedParameter") ||
			strings.HasPrefix(golden.End.Error.FQID, "AmbiguousParameterSet") || strings.HasPrefix(golden.End.Error.FQID, "MissingMandatory"))
		switch {
		case got == "checked true":
			taken++
		case !binder:
			t.Errorf("%s: the engine took %s: %s", script, golden.Args, got)
		default:
			refused++
		}
	}
	t.Logf("%d taken, %d refused", taken, refused)
	require.Greater(t, taken, 60)
	require.Greater(t, refused, 1)
}

// Whatever an agent says of a script, the check answers with a refusal or none, and never fails itself.
func TestNoDocumentBreaksTheCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data, err := os.ReadFile(documents)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	scripts := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(r *rapid.T) {
		copied, err := json.Marshal(all[rapid.SampledFrom(scripts).Draw(r, "script")])
		require.NoError(r, err)
		var document map[string]any
		require.NoError(r, json.Unmarshal(copied, &document))
		given := map[string]any{}
		for _, p := range document["parameters"].([]any) {
			if rapid.Bool().Draw(r, "given") {
				given[p.(map[string]any)["name"].(string)] = odd(r)
			}
		}
		for range rapid.IntRange(1, 6).Draw(r, "changes") {
			disturb(r, document)
		}
		result, err := json.Marshal(map[string]any{"engine": map[string]any{}, "document": document})
		require.NoError(r, err)
		parameters, err := json.Marshal(given)
		require.NoError(r, err)
		b.Call(t, b.Operator, "inspect_script", testkit.Args{"script_version_id": b.versionID})
		for _, i := range b.claimInspections(t, "script") {
			if _, err := b.db.Call(b.context(), b.agent, "finish_inspection", i.result(string(result))); err != nil {
				require.Equal(r, "invalid_argument", store.CodeOf(err), "%v", err)
				b.endInspection(t, i, `{"not_inspected_reason":"odd"}`)
			}
		}
		_, err = b.db.Call(b.context(), b.Operator, "queue_run", testkit.Args{
			"script_id": b.scriptID, "target_ids": []string{b.TargetID}, "parameters": json.RawMessage(parameters)})
		if err != nil {
			require.Contains(r, []string{"parameter_rejected", "script_invalid"}, store.CodeOf(err), "%v\n%s\n%s", err, result, parameters)
		}
	})
}

// odd is a value that a document may not expect there; a new one each time, since it may be disturbed itself.
func odd(r *rapid.T) (value any) {
	text := rapid.SampledFrom([]string{`null`, `true`, `0`, `-1.5`, `1e300`, `""`, `"x"`, `"Name"`, `[]`, `[null, 1, "a"]`, `{}`, `{"name": 1}`}).Draw(r, "odd")
	require.NoError(r, json.Unmarshal([]byte(text), &value))
	return value
}

// disturb puts something odd somewhere into a document.
func disturb(r *rapid.T, node map[string]any) {
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(node))).Draw(r, "key")
	switch inner := node[key].(type) {
	case map[string]any:
		if len(inner) > 0 && rapid.Bool().Draw(r, "deeper") {
			disturb(r, inner)
			return
		}
	case []any:
		if len(inner) > 0 && rapid.IntRange(0, 3).Draw(r, "deeper") > 0 {
			at := rapid.IntRange(0, len(inner)-1).Draw(r, "item")
			if item, ok := inner[at].(map[string]any); ok && len(item) > 0 {
				disturb(r, item)
			} else {
				inner[at] = odd(r)
			}
			return
		}
	}
	node[key] = odd(r)
}
