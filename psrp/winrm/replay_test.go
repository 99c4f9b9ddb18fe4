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

// TestCheck40_Replay has every recorded conversation with a PowerShell shell
// again: the same pool operations, pipelines, inputs and answers, derived from
// what the recorded client sent, against a server that gives the recorded
// answers. What we send must be what was recorded, envelope by envelope and
// message by message, and what we decode must be what was received. The other
// recordings, of cmd shells and of the service itself, are operations that this
// client does not have: internal/wsman writes and reads them all the same.
func TestCheck40_Replay(t *testing.T) {
	t.Parallel()
	all, err := transcript.Load(transcripts)
	require.NoError(t, err)
	played := 0
	for _, file := range all {
		for i, c := range conversations(t, file) {
			played++
			t.Run(c.name+" "+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				replay(t, c)
			})
		}
	}
	require.Equal(t, 30, played)
}

// player is our client in a conversation.
type player struct {
	*conversation
	t         *testing.T
	server    *replayer
	config    winrm.Config
	transport *winrm.Transport
	pool      *psrp.Pool
}

func replay(t *testing.T, c *conversation) {
	p := &player{conversation: c, t: t, server: newReplayer(t, c)}
	pair := winrmtest.NewKeyPair(t)
	p.config = winrm.Config{
		URL: p.server.start(pair.Certificate), Auth: winrm.Basic{User: user, Password: password}, TLS: &tls.Config{RootCAs: pair.Pool},
	}
	p.configure(c.exchanges[0].request)
	for _, e := range c.exchanges {
		p.operation(e.request.Operation())
		for _, m := range c.sent {
			if c.exchanges[m.at] == e {
				p.step(m)
			}
		}
	}
	require.NoError(t, p.pool.Close(ctx(t)))
	p.server.compare()
}

// configure takes what the recorded client had chosen from its first request.
func (p *player) configure(create *transcript.Node) {
	var err error
	p.config.OperationTimeout, err = time.ParseDuration(strings.ToLower(strings.TrimPrefix(create.TextOf("OperationTimeout"), "PT")))
	require.NoError(p.t, err)
	_, p.config.ConfigurationName, _ = strings.Cut(create.TextOf("ResourceURI"), "powershell/")
	if idle := create.TextOf("IdleTimeOut"); idle != "" {
		p.config.IdleTimeout, _ = time.ParseDuration(strings.ToLower(strings.TrimPrefix(idle, "PT")))
	}
	if size, _ := strconv.Atoi(create.TextOf("MaxEnvelopeSize")); size != 153_600 {
		p.config.MaxEnvelopeSize = size
	}
}

// operation does what the recorded client did with the shell itself.
func (p *player) operation(name string) {
	p.t.Helper()
	switch name {
	case "Disconnect":
		require.NoError(p.t, p.transport.Disconnect(ctx(p.t)))
	case "Reconnect":
		require.NoError(p.t, p.transport.Reconnect(ctx(p.t)))
	case "Connect": // by another client
		id := p.pool.ID()
		require.NoError(p.t, p.pool.Close(ctx(p.t)), "closing what is disconnected leaves it there")
		p.connect(func(t psrp.Transport, c psrp.Config) (*psrp.Pool, error) { return psrp.Connect(ctx(p.t), t, id, c) }, nil)
	}
}

func (p *player) connect(open func(psrp.Transport, psrp.Config) (*psrp.Pool, error), init any) {
	p.t.Helper()
	c := psrp.Config{HostHandler: recordedAnswers(p.t, p.conversation, p.server.key)}
	if init != nil {
		c.MinRunspaces, c.MaxRunspaces = int(get(init, "MinRunspaces").(int32)), int(get(init, "MaxRunspaces").(int32))
		c.Host = hostInfo(get(init, "HostInfo"))
	}
	if p.server.key == nil {
		c.AckTimeout = 2 * time.Second // one recorded server does not answer PUBLIC_KEY
	}
	var err error
	p.transport, err = winrm.New(p.config)
	require.NoError(p.t, err)
	p.pool, err = open(p.transport, c)
	require.NoError(p.t, err)
}

// step does what the recorded client did with a message.
func (p *player) step(m message) {
	t := p.t
	t.Helper()
	v := plain(m.value)
	switch m.Type {
	case psrp.MsgInitRunspacePool:
		p.connect(func(t psrp.Transport, c psrp.Config) (*psrp.Pool, error) { return psrp.Open(ctx(p.t), t, c) }, v)
	case psrp.MsgPublicKey:
		requireExchange(t, p.pool, p.server.key)
	case psrp.MsgSetMaxRunspaces:
		requireAnswer(t, p.conversation, v, p.pool.SetMaxRunspaces(ctx(t), int(get(v, "MaxRunspaces").(int32))))
	case psrp.MsgSetMinRunspaces:
		requireAnswer(t, p.conversation, v, p.pool.SetMinRunspaces(ctx(t), int(get(v, "MinRunspaces").(int32))))
	case psrp.MsgResetRunspaceState:
		requireAnswer(t, p.conversation, v, p.pool.Reset(ctx(t)))
	case psrp.MsgGetAvailableRunspaces:
		n, err := p.pool.AvailableRunspaces(ctx(t))
		require.NoError(t, err)
		require.EqualValues(t, recordedAnswer(p.conversation, v), n)
	case psrp.MsgCreatePipeline:
		run, err := p.pool.Start(ctx(t), p.pipeline(m))
		require.NoError(t, err)
		p.requireEvents(run, p.next(m.target))
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
func recordedAnswers(t *testing.T, c *conversation, key []byte) psrp.HostHandler {
	var values []any
	for _, m := range c.sent {
		if m.Type == psrp.MsgPipelineHostResponse || m.Type == psrp.MsgPoolHostResponse {
			o, _ := m.value.(*clixml.Object)
			v, _ := o.Get("mr")
			values = append(values, unseal(t, key, v))
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

// pipeline is the one that a CREATE_PIPELINE message describes.
func (p *player) pipeline(m message) psrp.Pipeline {
	v := plain(m.value)
	options, _ := get(v, "RemoteStreamOptions").(int32)
	pl := psrp.Pipeline{RemoteStreamOptions: int(options), Host: hostInfo(get(v, "HostInfo"))}
	statements, _ := get(v, "PowerShell", "ExtraCmds").([]any)
	if len(statements) == 0 {
		statements = []any{map[string]any{"Cmds": get(v, "PowerShell", "Cmds")}}
	}
	raw := rawCommands(m.value)
	for i, s := range statements {
		var commands []psrp.Command
		for j, cmd := range get(s, "Cmds").([]any) {
			commands = append(commands, p.command(cmd, raw[i][j]))
		}
		if i == 0 {
			pl.Commands = commands
		} else {
			pl.Statements = append(pl.Statements, commands)
		}
	}
	if get(v, "NoInput") == false {
		values := []any{}
		for _, in := range find(p.sent, psrp.MsgPipelineInput, m.target) {
			values = append(values, in.value)
		}
		pl.Input = psrp.Values(values...)
	}
	return pl
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

func (p *player) command(v any, raw *clixml.Object) psrp.Command {
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
		c.Parameters = append(c.Parameters, psrp.Parameter{Name: text, Value: unseal(p.t, p.server.key, value)})
	}
	return c
}

// requireEvents: the run gives what was received, in order.
func (p *player) requireEvents(run *psrp.Run, want []message) {
	t := p.t
	t.Helper()
	for _, m := range want {
		v := plain(m.value)
		if m.Type == psrp.MsgPipelineHostCall && get(v, "ci") != int64(-100) {
			continue // answered, not an event
		}
		event, err := run.Next(ctx(t))
		require.NoError(t, err)
		requireEvent(t, m, v, event)
		if o, ok := event.(psrp.OutputEvent); ok {
			p.requireSecret(o.Value)
		}
	}
}

// requireSecret: a secret that was received can be read.
func (p *player) requireSecret(v any) {
	p.t.Helper()
	sealed, ok := v.(clixml.SecureString)
	if !ok {
		return
	}
	secret, err := p.pool.Decrypt(ctx(p.t), sealed)
	require.NoError(p.t, err)
	require.Equal(p.t, plainSecret(p.t, p.server.key, sealed), secret.Reveal())
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
