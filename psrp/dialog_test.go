package psrp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

func field(name, typeName string, mandatory bool) any {
	return clixml.NewBag(prop("name", name), prop("label", "&"+name), prop("parameterTypeFullName", typeName),
		prop("helpMessage", "help"), prop("isMandatory", mandatory))
}

func choices(labels ...string) any {
	list := make([]any, len(labels))
	for i, label := range labels {
		list[i] = clixml.NewBag(prop("label", label), prop("helpMessage", "help "+label))
	}
	return clixml.NewArrayList(list...)
}

// ask plays a script that asks one question, and gives the answer: the value in
// mr, or the text of the error in me.
func ask(t *testing.T, handler psrp.HostHandler, method psrp.HostMethod, args ...any) (value any, failure string, server *peer.Server) {
	t.Helper()
	got := make(chan *clixml.Object, 1)
	pool, b := openPool(t, peer.Config{Handle: func(p *peer.Pipeline) { got <- p.Ask(9, method, args...) }},
		psrp.Config{HostHandler: handler, Host: &psrp.HostInfo{UI: true}})
	_, state := collect(t, pool, psrp.Script("ask"))
	require.Equal(t, psrp.PipelineCompleted, state.State)
	requireAnswersApart(t, b.server.Lines())
	answer := <-got
	if me, ok := answer.Get("me"); ok {
		exception, _ := me.(*clixml.Object).Get("Exception")
		message, _ := exception.(*clixml.Object).Get("Message")
		return nil, message.(string), b.server
	}
	mr, _ := answer.Get("mr")
	return mr, "", b.server
}

// requireAnswersApart checks that the answer travelled on its own stream.
func requireAnswersApart(t *testing.T, lines []stdio.Line) {
	t.Helper()
	n := 0
	for _, l := range lines {
		if l.Stream == psrp.PromptResponse {
			n++
		}
	}
	require.Equal(t, 1, n)
}

func TestCheck28_PromptWithThreeFields(t *testing.T) {
	t.Parallel()
	handler := psrp.Dialog{Prompt: func(_ context.Context, q psrp.PromptQuestion) (map[string]any, error) {
		require.Equal(t, psrp.PromptQuestion{Caption: "caption", Message: "message", Fields: []psrp.PromptField{
			{Name: "name", Label: "&name", Type: "System.String", Help: "help", Mandatory: true},
			{Name: "secret", Label: "&secret", Type: "System.Security.SecureString", Help: "help", Mandatory: true},
			{Name: "note", Label: "&note", Type: "System.String", Help: "help"},
		}}, q)
		return map[string]any{"name": "n", "secret": psrp.NewSecret(plainText), "not asked for": 1}, nil
	}}
	value, failure, server := ask(t, handler, psrp.HostPrompt, "caption", "message", clixml.NewArrayList(
		field("name", "System.String", true), field("secret", "System.Security.SecureString", true), field("note", "System.String", false)))
	require.Empty(t, failure)
	answers := value.(*clixml.Object).Value.(*clixml.Dictionary)
	require.Len(t, answers.Entries, 2)
	name, _ := answers.Get("name")
	require.Equal(t, "n", name)
	secret, _ := answers.Get("secret")
	require.Equal(t, plainText, server.Reveal(secret))
	requireUnseen(t, server.Received(), plainText)
}

func TestDialog_MandatoryFieldWithoutAnswerIsAnError(t *testing.T) {
	t.Parallel()
	handler := psrp.Dialog{Prompt: func(context.Context, psrp.PromptQuestion) (map[string]any, error) { return nil, nil }}
	_, failure, _ := ask(t, handler, psrp.HostPrompt, "c", "m", clixml.NewArrayList(field("name", "System.String", true)))
	require.Contains(t, failure, `no answer for "name"`)
}

func TestCheck28_Credential(t *testing.T) {
	t.Parallel()
	handler := psrp.Dialog{Credential: func(_ context.Context, q psrp.CredentialQuestion) (psrp.Credential, error) {
		require.Equal(t, psrp.CredentialQuestion{Caption: "c", Message: "m", UserName: "proposed", Target: "target"}, q)
		return psrp.Credential{UserName: "user", Password: psrp.NewSecret(plainText)}, nil
	}}
	for _, method := range []psrp.HostMethod{psrp.HostPromptForCredential1, psrp.HostPromptForCredential2} {
		value, _, server := ask(t, handler, method, "c", "m", "proposed", "target", int32(3), int32(1))
		password, _ := value.(*clixml.Object).Get("Password")
		require.Equal(t, plainText, server.Reveal(password))
		user, _ := value.(*clixml.Object).Get("UserName")
		require.Equal(t, "user", user)
	}
}

func TestCheck28_Choices(t *testing.T) {
	t.Parallel()
	var asked psrp.ChoiceQuestion
	pick := []int{1}
	handler := psrp.Dialog{
		Choice: func(_ context.Context, q psrp.ChoiceQuestion) (int, error) {
			asked = q
			return pick[0], nil
		},
		Choices: func(_ context.Context, q psrp.ChoiceQuestion) ([]int, error) {
			asked = q
			return pick, nil
		},
	}
	value, _, _ := ask(t, handler, psrp.HostPromptForChoice, "c", "m", choices("&Yes", "&No"), int32(1))
	require.Equal(t, int32(1), value)
	require.Equal(t, psrp.ChoiceQuestion{Caption: "c", Message: "m", Default: []int{1},
		Choices: []psrp.Choice{{Label: "&Yes", Help: "help &Yes"}, {Label: "&No", Help: "help &No"}}}, asked)

	_, _, _ = ask(t, handler, psrp.HostPromptForChoice, "c", "m", choices("&Yes", "&No"), int32(-1))
	require.Empty(t, asked.Default)

	pick = []int{2, 0}
	value, _, _ = ask(t, handler, psrp.HostPromptForChoiceMultipleSelection, "c", "m", choices("a", "b", "c"),
		clixml.NewArrayList(int32(0), int32(2)))
	require.Equal(t, []any{int32(2), int32(0)}, value.(*clixml.Object).Value.(*clixml.List).Items)
	require.Equal(t, []int{0, 2}, asked.Default)

	pick = []int{7}
	_, failure, _ := ask(t, handler, psrp.HostPromptForChoice, "c", "m", choices("a", "b"), int32(0))
	require.Contains(t, failure, "answer 7 is not one of 2 choices")
}

func TestCheck27_LinesAndKeys(t *testing.T) {
	t.Parallel()
	handler := psrp.Dialog{
		ReadLine: func(context.Context) (string, error) { return "line", nil },
		ReadKey: func(_ context.Context, options int) (psrp.Key, error) {
			require.Equal(t, 6, options)
			return psrp.Key{VirtualKeyCode: 65, Character: 'a', Down: true}, nil
		},
	}
	value, _, _ := ask(t, handler, psrp.HostReadLine)
	require.Equal(t, "line", value)
	value, _, _ = ask(t, handler, psrp.HostReadKey, int32(6))
	character, _ := value.(*clixml.Object).Get("character")
	require.Equal(t, clixml.Char('a'), character)
}

func TestCheck27_ErrorsAndPanicsReachTheScript(t *testing.T) {
	t.Parallel()
	handler := psrp.Dialog{
		ReadLine:   func(context.Context) (string, error) { return "", errors.New("user went home") },
		ReadSecret: func(context.Context) (psrp.Secret, error) { panic("boom") },
	}
	_, failure, _ := ask(t, handler, psrp.HostReadLine)
	require.Equal(t, "user went home", failure)
	_, failure, _ = ask(t, handler, psrp.HostReadLineAsSecureString)
	require.Contains(t, failure, "boom")
}

func TestDialog_TheRestGoesOn(t *testing.T) {
	t.Parallel()
	value, _, _ := ask(t, psrp.Dialog{}, psrp.HostGetName)
	require.Equal(t, "EPO", value)
	other := psrp.HostHandlerFunc(func(context.Context, psrp.HostCall) (any, error) { return "other", nil })
	value, _, _ = ask(t, psrp.Dialog{Otherwise: other}, psrp.HostReadLine)
	require.Equal(t, "other", value)
	for _, m := range []psrp.HostMethod{psrp.HostReadLine, psrp.HostPrompt, psrp.HostReadKey} {
		_, failure, _ := ask(t, psrp.Dialog{}, m)
		require.Contains(t, failure, "nobody is there")
	}
}
