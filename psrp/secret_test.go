package psrp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

const plainText = "hunter2-ünïcode-€"

// requireUnseen checks that no message shows the text in any of the forms it
// could have.
func requireUnseen(t *testing.T, messages []psrp.Message, text string) {
	t.Helper()
	wide := &bytes.Buffer{}
	require.NoError(t, binary.Write(wide, binary.LittleEndian, utf16.Encode([]rune(text))))
	encoded, err := clixml.Encode(clixml.SecureString{Cipher: wide.Bytes()})
	require.NoError(t, err)
	escaped, err := clixml.Encode(text)
	require.NoError(t, err)
	for _, m := range messages {
		for _, form := range [][]byte{
			[]byte(text), wide.Bytes(), bytes.TrimSuffix(bytes.TrimPrefix(encoded, []byte("<SS>")), []byte("</SS>"))[:16],
			bytes.TrimSuffix(bytes.TrimPrefix(escaped, []byte("<S>")), []byte("</S>")),
		} {
			require.False(t, bytes.Contains(m.Body, form), "%v shows the secret", m.Type)
		}
	}
}

func TestCheck14_SecretParameterIsNeverOnTheWire(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Output(p.Server().Reveal(p.Argument(0)))
		table := p.Argument(1).(*clixml.Object).Value.(*clixml.Dictionary)
		inner, _ := table.Get("inner")
		list := inner.(*clixml.Object).Value.(*clixml.List)
		p.Output(p.Server().Reveal(list.Items[1]))
	}}, psrp.Config{})
	secret := psrp.NewSecret(plainText)
	nested := map[string]any{"inner": []any{"x", &secret}}
	for range 2 {
		events, _ := collect(t, pool, psrp.Script("param($a, $b)",
			psrp.Parameter{Name: "a", Value: secret}, psrp.Parameter{Name: "b", Value: nested}))
		require.Equal(t, []any{plainText, plainText}, outputs(events))
	}
	require.Equal(t, []any{"x", &secret}, nested["inner"], "the caller's values are not changed")
	requireUnseen(t, b.server.Received(), plainText)
	require.Equal(t, 1, count(b.server.Received(), psrp.MsgPublicKey), "keys are exchanged once")
}

func count(messages []psrp.Message, kind psrp.MessageType) int {
	n := 0
	for _, m := range messages {
		if m.Type == kind {
			n++
		}
	}
	return n
}

func TestCheck14_NoSecretNoExchange(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: emit(1)}, psrp.Config{})
	collect(t, pool, psrp.Script("param($a)", psrp.Parameter{Name: "a", Value: map[string]any{"x": []any{nil, 1, "s"}}}))
	require.Zero(t, count(b.server.Received(), psrp.MsgPublicKey))
}

// Everything that carries values carries secrets: input, answers, statements.
func TestCheck14_SecretsInInputAndAnswers(t *testing.T) {
	t.Parallel()
	secret := psrp.NewSecret(plainText)
	handler := psrp.Dialog{ReadSecret: func(context.Context) (psrp.Secret, error) { return secret, nil }}
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for v := range p.Inputs {
			p.Output(p.Server().Reveal(v))
		}
		mr, _ := p.Ask(1, psrp.HostReadLineAsSecureString).Get("mr")
		p.Output(p.Server().Reveal(mr))
	}}, psrp.Config{HostHandler: handler})
	pipeline := psrp.Script("$input")
	pipeline.Input = psrp.Values(secret, secret)
	events, state := collect(t, pool, pipeline)
	require.Equal(t, psrp.PipelineCompleted, state.State)
	require.Equal(t, []any{plainText, plainText, plainText}, outputs(events))
	requireUnseen(t, b.server.Received(), plainText)
}

// The reader goes on while a SecureString cannot be read yet, also when the
// goroutine that reads the run is the one that waits for the key.
func TestCheck15_SecretComesBeforeTheExchange(t *testing.T) {
	t.Parallel()
	const after = 400
	pool, _ := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		p.Output(p.Server().Secret(plainText))
		for i := range after {
			p.Output(fmt.Sprint(i, strings.Repeat("x", 100)))
		}
	}}, psrp.Config{MaxQueueBytes: 64 << 10})
	run, err := pool.Start(ctx(t), psrp.Script("secret"))
	require.NoError(t, err)
	event, err := run.Next(ctx(t))
	require.NoError(t, err)
	sealed := event.(psrp.OutputEvent).Value.(clixml.SecureString)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s %x", sealed, sealed, sealed, sealed, sealed), plainText)

	secret, err := pool.Decrypt(ctx(t), sealed)
	require.NoError(t, err)
	require.Equal(t, plainText, secret.Reveal())
	events, _ := drain(t, run)
	require.Len(t, events, after)
	for i, v := range outputs(events) {
		require.True(t, strings.HasPrefix(v.(string), fmt.Sprint(i, "x")), "output after it is still in order")
	}
	require.NoError(t, run.Close(ctx(t)))
	require.NoError(t, pool.Close(ctx(t)))
	secret, err = pool.Decrypt(ctx(t), sealed)
	require.NoError(t, err, "the key outlives the pool")
	require.Equal(t, plainText, secret.Reveal())
}

func TestCheck16_Credentials(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { p.Output(p.Argument(0)) }}, psrp.Config{})
	for _, c := range []psrp.Credential{
		{UserName: "DOM\\user", Password: psrp.NewSecret(plainText)},
		{UserName: "Grüßer 😀", Password: psrp.NewSecret("")},
		{UserName: "", Password: psrp.Secret{}},
	} {
		events, _ := collect(t, pool, psrp.Script("param($c)", psrp.Parameter{Name: "c", Value: &c}))
		object := outputs(events)[0].(*clixml.Object)
		require.Equal(t, "System.Management.Automation.PSCredential", object.TypeName())
		got, err := pool.DecryptCredential(ctx(t), object)
		require.NoError(t, err)
		require.Equal(t, c.UserName, got.UserName)
		require.Equal(t, c.Password.Reveal(), got.Password.Reveal())
	}
	requireUnseen(t, b.server.Received(), plainText)
	for _, v := range []any{nil, "x", clixml.NewBag(), clixml.NewBag(prop("UserName", "u"))} {
		_, err := pool.DecryptCredential(ctx(t), v)
		require.Error(t, err)
	}
}

// A secret of another pool, sent on, would leave the server waiting for ever.
func TestCheck14_SecretOfAnotherPoolIsRefused(t *testing.T) {
	t.Parallel()
	echo := func(p *peer.Pipeline) { p.Output(p.Argument(0)) }
	one, _ := openPool(t, peer.Config{Handle: echo}, psrp.Config{})
	two, _ := openPool(t, peer.Config{Handle: echo}, psrp.Config{})
	parameter := psrp.Parameter{Name: "x", Value: psrp.NewSecret(plainText)}
	events, _ := collect(t, one, psrp.Script("x", parameter))
	sealed := outputs(events)[0].(clixml.SecureString)
	parameter.Value = clixml.NewArrayList(sealed, &sealed)
	_, err := two.Start(ctx(t), psrp.Script("x", parameter))
	require.ErrorIs(t, err, psrp.ErrForeignSecret)
	_, err = two.Decrypt(ctx(t), sealed)
	require.ErrorIs(t, err, psrp.ErrForeignSecret)
	events, _ = collect(t, one, psrp.Script("x", parameter))
	require.Equal(t, sealed, outputs(events)[0].(*clixml.Object).Value.(*clixml.List).Items[0], "its own goes back as it is")
}

func TestCheck17_NewerServerStillExchanges(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Version: "2.4", Handle: func(p *peer.Pipeline) {
		p.Output(p.Server().Reveal(p.Argument(0)))
	}}, psrp.Config{})
	require.Equal(t, "2.3", pool.ProtocolVersion())
	events, _ := collect(t, pool, psrp.Script("x", psrp.Parameter{Name: "x", Value: psrp.NewSecret(plainText)}))
	require.Equal(t, []any{plainText}, outputs(events))
	require.Equal(t, 1, count(b.server.Received(), psrp.MsgPublicKey))
}

func TestCheck17_Version24OnlyWhereNobodyReadsAlong(t *testing.T) {
	t.Parallel()
	handle := func(p *peer.Pipeline) {
		p.Output(p.Server().Reveal(p.Argument(0)))
		p.Output(p.Server().Secret("back"))
	}
	b := startPeer(t, peer.Config{Handle: handle})
	_, err := psrp.Open(ctx(t), readable{b.conn.Transport()}, psrp.Config{ProtocolVersion: "2.4"})
	require.ErrorIs(t, err, psrp.ErrPlainTransport)
	require.Empty(t, b.server.Received(), "refused before anything is sent")

	pool, b := openPool(t, peer.Config{Handle: handle}, psrp.Config{ProtocolVersion: "2.4"})
	require.Equal(t, "2.4", pool.ProtocolVersion())
	run, err := pool.Start(ctx(t), psrp.Script("x", psrp.Parameter{Name: "x", Value: psrp.NewSecret(plainText)}))
	require.NoError(t, err)
	events, _ := drain(t, run)
	require.Equal(t, plainText, outputs(events)[0])
	secret, err := pool.Decrypt(ctx(t), outputs(events)[1].(clixml.SecureString))
	require.NoError(t, err)
	require.Equal(t, "back", secret.Reveal())
	require.NoError(t, run.Close(ctx(t)))
	require.Zero(t, count(b.server.Received(), psrp.MsgPublicKey))
}

// readable hides that a transport is confidential.
type readable struct{ psrp.Transport }

func TestOpen_VersionThatCannotBeDeclared(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.1", "2.5", "3.0", "x"} {
		b := startPeer(t, peer.Config{})
		_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{ProtocolVersion: version})
		require.ErrorIs(t, err, psrp.ErrVersion)
	}
}

func TestKeyExchange_SilenceTimesOutAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	var tries int
	pool, _ := openPool(t, peer.Config{
		Handle: func(p *peer.Pipeline) { p.Output(p.Server().Reveal(p.Argument(0))) },
		OnMessage: func(_ *peer.Server, m psrp.Message) bool {
			if m.Type == psrp.MsgPublicKey {
				tries++
			}
			return m.Type == psrp.MsgPublicKey && tries == 1
		},
	}, psrp.Config{AckTimeout: 2 * time.Second})
	p := psrp.Script("x", psrp.Parameter{Name: "x", Value: psrp.NewSecret("s")})
	_, err := pool.Start(ctx(t), p)
	require.ErrorIs(t, err, psrp.ErrNoSessionKey)
	require.ErrorIs(t, err, psrp.ErrAckTimeout)
	events, _ := collect(t, pool, p)
	require.Equal(t, []any{"s"}, outputs(events))
}

func TestKeyExchange_EndsWithThePoolAndWithTheCaller(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	pool, _ := openPool(t, peer.Config{Handle: emit(0), OnMessage: func(_ *peer.Server, m psrp.Message) bool {
		if m.Type == psrp.MsgPublicKey {
			asked <- struct{}{}
		}
		return m.Type == psrp.MsgPublicKey
	}}, psrp.Config{})
	short, cancel := context.WithCancel(ctx(t))
	failed := make(chan error, 2)
	start := func(ctx context.Context) {
		_, err := pool.Start(ctx, psrp.Script("x", psrp.Parameter{Name: "x", Value: psrp.NewSecret("s")}))
		failed <- err
	}
	go start(short)
	<-asked
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	go start(ctx(t))
	require.NoError(t, pool.Close(ctx(t)))
	require.Error(t, <-failed)
}

func TestKeyExchange_OnRequestOfTheServer(t *testing.T) {
	t.Parallel()
	exchanged := make(chan struct{})
	b := startPeer(t, peer.Config{OnMessage: func(_ *peer.Server, m psrp.Message) bool {
		if m.Type == psrp.MsgPublicKey {
			close(exchanged)
		}
		return false
	}, OnOpen: func(s *peer.Server) {
		s.Open()
		s.SendBody(psrp.MsgPublicKeyRequest, psrp.GUID{}, nil)
	}})
	pool, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
	require.NoError(t, err)
	<-exchanged
	require.NoError(t, pool.Close(ctx(t)))
}

// A server that asks again and again gets one exchange, and no goroutine each.
func TestKeyExchange_RequestsDoNotPileUp(t *testing.T) {
	t.Parallel()
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) {
		for range 1000 {
			p.Server().SendBody(psrp.MsgPublicKeyRequest, psrp.GUID{}, nil)
		}
		p.Output(p.Server().Reveal(p.Argument(0)))
	}}, psrp.Config{})
	events, _ := collect(t, pool, psrp.Script("x", psrp.Parameter{Name: "x", Value: psrp.NewSecret("s")}))
	require.Equal(t, []any{"s"}, outputs(events))
	require.Equal(t, 1, count(b.server.Received(), psrp.MsgPublicKey))
}

func TestSecret_NeverShowsItself(t *testing.T) {
	t.Parallel()
	s := psrp.NewSecret(plainText)
	type holder struct {
		Open   psrp.Secret
		closed psrp.Secret
		c      psrp.Credential
	}
	h := holder{s, s, psrp.Credential{UserName: "u", Password: s}}
	var out strings.Builder
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t"} {
		fmt.Fprintf(&out, "%"+verb+"%"+verb+"%"+verb+"%"+verb, s, &s, h, &h)
	}
	text, err := json.Marshal(map[string]any{"s": s, "p": &s, "h": h, "c": h.c})
	require.NoError(t, err)
	out.Write(text)
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "s", s, "p", &s, "h", h, "c", h.c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "h", h)
	for _, form := range []string{plainText, fmt.Sprintf("%x", plainText), fmt.Sprintf("%X", plainText), fmt.Sprint([]byte(plainText))} {
		require.NotContains(t, out.String(), form)
	}
	require.Contains(t, out.String(), "hidden")
	require.Equal(t, plainText, s.Reveal())
	require.Empty(t, psrp.Secret{}.Reveal())
}

func TestEcho_IsNotAServer(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{OnLine: func(s *peer.Server, l stdio.Line) bool {
		s.Write(l)
		return true
	}})
	_, err := psrp.Open(ctx(t), b.conn.Transport(), psrp.Config{})
	var protocol *psrp.ProtocolError
	require.ErrorAs(t, err, &protocol)
}
