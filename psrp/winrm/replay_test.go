package winrm_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/internal/transcript"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

const transcripts = "testdata/winrm-transcripts"

// notPlayed are the conversations that cannot be had again, and why. What they
// say on the level of SOAP is tested in internal/wsman.
var notPlayed = map[string]string{
	"test_psrp_disconnect_runspaces":     "Disconnect, Reconnect and Connect are not there yet",
	"test_psrp_key_exchange_timeout":     "the answer was taken out of the recording",
	"test_psrp_multiple_commands":        "secrets are encrypted with a session key for the recorded client",
	"test_psrp_pshost_ui_mocked_methods": "secrets are encrypted with a session key for the recorded client",
}

// TestReplay has every recorded conversation with a PowerShell shell again: the
// same pool operations, pipelines, inputs and answers, derived from what the
// recorded client sent, against a server that gives the recorded answers. What
// we send must be what was recorded, envelope by envelope and message by
// message, and what we decode must be what was received (check 40).
func TestReplay(t *testing.T) {
	t.Parallel()
	all, err := transcript.Load(transcripts)
	require.NoError(t, err)
	played, left := 0, 0
	for _, file := range all {
		for i, c := range conversations(t, file) {
			if notPlayed[c.name] != "" {
				left++
				continue
			}
			played++
			t.Run(c.name+" "+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				replay(t, c)
			})
		}
	}
	require.Equal(t, 25, played)
	require.Equal(t, 5, left)
}

func replay(t *testing.T, c *conversation) {
	server := newReplayer(t, c)
	pair := winrmtest.NewKeyPair(t)
	var err error
	config := winrm.Config{
		URL: server.start(pair.Certificate), Auth: winrm.Basic{User: user, Password: password}, TLS: &tls.Config{RootCAs: pair.Pool},
	}
	create := c.exchanges[0].request
	config.OperationTimeout, err = time.ParseDuration(strings.ToLower(strings.TrimPrefix(create.TextOf("OperationTimeout"), "PT")))
	require.NoError(t, err)
	_, config.ConfigurationName, _ = strings.Cut(create.TextOf("ResourceURI"), "powershell/")
	if idle := create.TextOf("IdleTimeOut"); idle != "" {
		config.IdleTimeout, _ = time.ParseDuration(strings.ToLower(strings.TrimPrefix(idle, "PT")))
	}
	if size, _ := strconv.Atoi(create.TextOf("MaxEnvelopeSize")); size != 153_600 {
		config.MaxEnvelopeSize = size
	}
	transport, err := winrm.New(config)
	require.NoError(t, err)

	init := plain(find(c.sent, psrp.MsgInitRunspacePool, "")[0].value)
	pool, err := psrp.Open(ctx(t), transport, psrp.Config{
		MinRunspaces: int(get(init, "MinRunspaces").(int32)), MaxRunspaces: int(get(init, "MaxRunspaces").(int32)),
		Host: hostInfo(get(init, "HostInfo")), HostHandler: recordedAnswers(c),
	})
	require.NoError(t, err)
	for _, m := range c.sent[2:] {
		step(t, pool, c, m)
	}
	require.NoError(t, pool.Close(ctx(t)))
	server.compare()
}

// step does what the recorded client did with a message.
func step(t *testing.T, pool *psrp.Pool, c *conversation, m message) {
	t.Helper()
	v := plain(m.value)
	switch m.Type {
	case psrp.MsgSetMaxRunspaces:
		requireAnswer(t, c, v, pool.SetMaxRunspaces(ctx(t), int(get(v, "MaxRunspaces").(int32))))
	case psrp.MsgSetMinRunspaces:
		requireAnswer(t, c, v, pool.SetMinRunspaces(ctx(t), int(get(v, "MinRunspaces").(int32))))
	case psrp.MsgResetRunspaceState:
		requireAnswer(t, c, v, pool.Reset(ctx(t)))
	case psrp.MsgGetAvailableRunspaces:
		n, err := pool.AvailableRunspaces(ctx(t))
		require.NoError(t, err)
		require.EqualValues(t, recordedAnswer(c, v), n)
	case psrp.MsgCreatePipeline:
		run, err := pool.Start(ctx(t), recordedPipeline(t, c, m))
		require.NoError(t, err)
		requireEvents(t, run, c.next(m.target))
		require.NoError(t, run.Close(ctx(t)))
	}
}

// recordedAnswer is what the server answered to a request with that ci.
func recordedAnswer(c *conversation, request any) any {
	for _, m := range c.received[""] {
		if v := plain(m.value); m.Type == psrp.MsgRunspaceAvailability && get(v, "ci") == get(request, "ci") {
			return get(v, "SetMinMaxRunspacesResponse")
		}
	}
	return nil
}

func requireAnswer(t *testing.T, c *conversation, request any, err error) {
	t.Helper()
	if recordedAnswer(c, request) == true {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, psrp.ErrRefused)
	}
}

func hostInfo(v any) *psrp.HostInfo {
	if get(v, "_isHostNull") != false || get(v, "_useRunspaceHost") == true {
		return nil
	}
	return &psrp.HostInfo{UI: get(v, "_isHostUINull") == false, RawUI: get(v, "_isHostRawUINull") == false}
}

// recordedAnswers answers host calls as the recorded client did, in order.
func recordedAnswers(c *conversation) psrp.HostHandler {
	var values []any
	for _, m := range c.sent {
		if m.Type == psrp.MsgPipelineHostResponse || m.Type == psrp.MsgPoolHostResponse {
			o, _ := m.value.(*clixml.Object)
			v, _ := o.Get("mr")
			values = append(values, v)
		}
	}
	return psrp.HostHandlerFunc(func(context.Context, psrp.HostCall) (any, error) {
		if len(values) == 0 {
			return nil, errors.New("no more answers were recorded")
		}
		v := values[0]
		values = values[1:]
		return v, nil
	})
}

// recordedPipeline is the pipeline that a CREATE_PIPELINE message describes.
func recordedPipeline(t *testing.T, c *conversation, m message) psrp.Pipeline {
	t.Helper()
	v := plain(m.value)
	options, _ := get(v, "RemoteStreamOptions").(int32)
	p := psrp.Pipeline{RemoteStreamOptions: int(options), Host: hostInfo(get(v, "HostInfo"))}
	statements, _ := get(v, "PowerShell", "ExtraCmds").([]any)
	if len(statements) == 0 {
		statements = []any{map[string]any{"Cmds": get(v, "PowerShell", "Cmds")}}
	}
	raw := rawCommands(m.value)
	for i, s := range statements {
		var commands []psrp.Command
		for j, cmd := range get(s, "Cmds").([]any) {
			commands = append(commands, recordedCommand(cmd, raw[i][j]))
		}
		if i == 0 {
			p.Commands = commands
		} else {
			p.Statements = append(p.Statements, commands)
		}
	}
	if get(v, "NoInput") == false {
		values := []any{}
		for _, in := range find(c.sent, psrp.MsgPipelineInput, m.target) {
			values = append(values, in.value)
		}
		p.Input = psrp.Values(values...)
	}
	return p
}

// rawCommands are the command bags of a pipeline with their types, by statement.
func rawCommands(v any) (all [][]*clixml.Object) {
	shell := object(v, "PowerShell")
	list := func(o *clixml.Object) (items []*clixml.Object) {
		for _, item := range o.Value.(*clixml.List).Items {
			items = append(items, item.(*clixml.Object))
		}
		return items
	}
	if extra := object(shell, "ExtraCmds"); extra != nil && len(list(extra)) > 0 {
		for _, s := range list(extra) {
			all = append(all, list(object(s, "Cmds")))
		}
		return all
	}
	return [][]*clixml.Object{list(object(shell, "Cmds"))}
}

func object(v any, name string) *clixml.Object {
	inner, _ := v.(*clixml.Object).Get(name)
	o, _ := inner.(*clixml.Object)
	return o
}

func recordedCommand(v any, raw *clixml.Object) psrp.Command {
	kind := func(name string) psrp.ResultType {
		n, _ := get(v, name).(int32)
		return psrp.ResultType(n)
	}
	c := psrp.Command{
		Text: get(v, "Cmd").(string), IsScript: get(v, "IsScript").(bool),
		Merge: psrp.Merge{
			MyResult: kind("MergeMyResult"), ToResult: kind("MergeToResult"), PreviousResults: kind("MergePreviousResults"),
			Error: kind("MergeError"), Warning: kind("MergeWarning"), Verbose: kind("MergeVerbose"),
			Debug: kind("MergeDebug"), Information: kind("MergeInformation"),
		},
	}
	if scope, ok := get(v, "UseLocalScope").(bool); ok {
		c.UseLocalScope = &scope
	}
	args, _ := object(raw, "Args").Value.(*clixml.List)
	for _, a := range args.Items {
		name, _ := a.(*clixml.Object).Get("N")
		value, _ := a.(*clixml.Object).Get("V")
		text, _ := name.(string)
		c.Parameters = append(c.Parameters, psrp.Parameter{Name: text, Value: value})
	}
	return c
}

// requireEvents: the run gives what was received, in order.
func requireEvents(t *testing.T, run *psrp.Run, want []message) {
	t.Helper()
	for _, m := range want {
		v := plain(m.value)
		if m.Type == psrp.MsgPipelineHostCall && get(v, "ci") != int64(-100) {
			continue // answered, not an event
		}
		event, err := run.Next(ctx(t))
		require.NoError(t, err)
		requireEvent(t, m, v, event)
	}
}

func requireEvent(t *testing.T, m message, v any, event psrp.Event) {
	t.Helper()
	text := get(v, "InformationalRecord_Message")
	switch e := event.(type) {
	case psrp.OutputEvent:
		require.Equal(t, psrp.MsgPipelineOutput, m.Type)
		require.Equal(t, m.value, e.Value)
	case psrp.ErrorEvent:
		require.Equal(t, psrp.MsgErrorRecord, m.Type)
		require.Equal(t, get(v, "FullyQualifiedErrorId"), e.FullyQualifiedErrorID)
	case psrp.WarningEvent:
		require.Equal(t, psrp.MsgWarningRecord, m.Type)
		require.Equal(t, text, e.Message)
	case psrp.VerboseEvent:
		require.Equal(t, psrp.MsgVerboseRecord, m.Type)
		require.Equal(t, text, e.Message)
	case psrp.DebugEvent:
		require.Equal(t, psrp.MsgDebugRecord, m.Type)
		require.Equal(t, text, e.Message)
	case psrp.InformationEvent:
		require.Equal(t, psrp.MsgInformationRecord, m.Type)
		require.Equal(t, get(v, "Source"), e.Source)
	case psrp.ProgressEvent:
		require.Equal(t, psrp.MsgProgressRecord, m.Type)
		require.Equal(t, get(v, "Activity"), e.Activity)
	case psrp.HostCallEvent:
		require.Equal(t, psrp.MsgPipelineHostCall, m.Type)
		require.EqualValues(t, get(v, "mi"), e.Method)
	case psrp.StateEvent:
		require.Equal(t, psrp.MsgPipelineState, m.Type)
		require.EqualValues(t, get(v, "PipelineState"), e.State)
		require.Equal(t, get(v, "ExceptionAsErrorRecord") != nil, e.Error != nil)
	default:
		require.Fail(t, fmt.Sprintf("event %T for message %v", event, m.Type))
	}
}
