package psrptest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

const secretText = "s3cret-\u00fc\u20ac\U0001F600"

// dialog answers everything.
func dialog() psrp.Dialog {
	return psrp.Dialog{
		ReadLine:   func(context.Context) (string, error) { return "a line", nil },
		ReadSecret: func(context.Context) (psrp.Secret, error) { return psrp.NewSecret(secretText), nil },
		Prompt: func(_ context.Context, q psrp.PromptQuestion) (map[string]any, error) {
			answers := map[string]any{}
			for _, f := range q.Fields {
				answers[f.Name] = "answer to " + f.Name
				if strings.HasSuffix(f.Type, "SecureString") {
					answers[f.Name] = psrp.NewSecret(secretText)
				}
			}
			return answers, nil
		},
		Credential: func(_ context.Context, q psrp.CredentialQuestion) (psrp.Credential, error) {
			if q.UserName == "panic" {
				panic("as asked for")
			}
			return psrp.Credential{UserName: q.UserName + "!", Password: psrp.NewSecret(secretText)}, nil
		},
		Choice:  func(_ context.Context, q psrp.ChoiceQuestion) (int, error) { return len(q.Choices) - 1, nil },
		Choices: func(_ context.Context, q psrp.ChoiceQuestion) ([]int, error) { return []int{2, 0}, nil },
	}
}

// choiceScript makes descriptions of choices.
const choiceScript = "$c = [System.Management.Automation.Host.ChoiceDescription[]]@('&A', '&B', '&C'); "

func runHosts(t *testing.T, open Factory) {
	pool := openPool(t, open, psrp.Config{HostHandler: dialog()})
	screen := &psrp.HostInfo{UI: true, RawUI: true, Width: 100, Height: 30}
	ask := func(t *testing.T, text string) result {
		t.Helper()
		p := psrp.Script(text)
		p.Host = screen
		return invoke(t, pool, p)
	}
	answers := map[string]struct {
		script string
		want   []any
	}{
		"ReadLine":           {"$Host.UI.ReadLine()", []any{"a line"}},
		"Read-Host":          {"Read-Host question", []any{"answer to question"}},
		"mandatory":          {"function f { param([Parameter(Mandatory)]$One, [Parameter(Mandatory)]$Two) $One; $Two }; f", []any{"answer to One", "answer to Two"}},
		"choice":             {choiceScript + "$Host.UI.PromptForChoice('c', 'm', $c, 0)", []any{int32(2)}},
		"choice, no default": {choiceScript + "$Host.UI.PromptForChoice('c', 'm', $c, -1)", []any{int32(2)}},
		"choices":            {choiceScript + "$Host.UI.PromptForChoice('c', 'm', $c, [int[]]@(1))", []any{int32(2), int32(0)}},
		"size":               {"$Host.UI.RawUI.BufferSize.Width; $Host.UI.RawUI.WindowSize.Height", []any{int32(100), int32(30)}},
		"credential":         {"$c = $Host.UI.PromptForCredential('c', 'm', 'user', ''); $c.UserName; $c.GetNetworkCredential().Password", []any{"user!", secretText}},
		"secret line":        {"[pscredential]::new('u', $Host.UI.ReadLineAsSecureString()).GetNetworkCredential().Password", []any{secretText}},
		"secret prompt":      {"[pscredential]::new('u', (Read-Host q -AsSecureString)).GetNetworkCredential().Password", []any{secretText}},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			r := ask(t, a.script)
			completed(t, r)
			equal(t, "answer", a.want, bases(r.outputs()))
		})
	}
	t.Run("panic", func(t *testing.T) {
		r := ask(t, "try { $Host.UI.PromptForCredential('c', 'm', 'panic', '') } catch { 'caught' }")
		equal(t, "output", []any{"caught"}, r.outputs())
	})
	t.Run("null host", func(t *testing.T) {
		r := script(t, pool, "try { Read-Host q } catch { 'caught' }")
		equal(t, "output", []any{"caught"}, r.outputs())
	})
}

// runSecrets begins with a secret that comes before keys were exchanged.
func runSecrets(t *testing.T, open Factory) {
	pool := openPool(t, open, psrp.Config{MaxQueueBytes: 64 << 10})
	t.Run("out before the exchange", func(t *testing.T) { secretOut(t, pool) })
	t.Run("in", func(t *testing.T) { secretIn(t, pool) })
	t.Run("credentials", func(t *testing.T) { credentials(t, pool) })
	t.Run("in first", func(t *testing.T) { secretIn(t, openPool(t, open, psrp.Config{})) })
}

func secretOut(t *testing.T, pool *psrp.Pool) {
	run := start(t, pool, psrp.Script("param($c) $s = [securestring]::new(); foreach ($u in $c) { $s.AppendChar([char]$u) }; $s; 1..1000",
		parameter("c", units(secretText))))
	sealed, ok := next(t, run).(psrp.OutputEvent).Value.(clixml.SecureString)
	check(t, ok, "not a SecureString")
	secret, err := pool.Decrypt(ctx(t), sealed)
	noError(t, "decrypt", err)
	check(t, secret.Reveal() == secretText, "the secret has changed")
	r := drain(t, run)
	closeRun(t, run)
	completed(t, r)
	equal(t, "number of outputs after it", 1000, len(r.outputs()))
}

// units gives the UTF-16 code units of a text, one by one.
func units(text string) []any {
	var list []any
	for _, r := range text {
		if r >= 0x10000 {
			list = append(list, int32(0xD800|(r-0x10000)>>10), int32(0xDC00|(r-0x10000)&0x3FF))
			continue
		}
		list = append(list, int32(r))
	}
	return list
}

func secretIn(t *testing.T, pool *psrp.Pool) {
	for _, text := range []string{secretText, "", strings.Repeat("long ", 1000)} {
		secret := psrp.NewSecret(text)
		r := script(t, pool, "param([securestring] $s, $list) $s.Length; foreach ($x in $s, $list[1]) { [pscredential]::new('u', $x).GetNetworkCredential().Password }",
			parameter("s", secret), parameter("list", []any{1, secret}))
		completed(t, r)
		check(t, len(r.outputs()) == 3, "there are %d outputs", len(r.outputs()))
		equal(t, "length", any(int32(len(units(text)))), r.outputs()[0])
		check(t, r.outputs()[1] == text && r.outputs()[2] == text, "the secret has changed")
	}
	p := psrp.Script("foreach ($x in $input) { $x.Length }")
	p.Input = psrp.Values(psrp.NewSecret("one"), psrp.NewSecret(""))
	equal(t, "lengths of input", []any{int32(3), int32(0)}, invoke(t, pool, p).outputs())
}

func credentials(t *testing.T, pool *psrp.Pool) {
	for _, c := range []psrp.Credential{
		{UserName: `DOM\user`, Password: psrp.NewSecret(secretText)},
		{UserName: "Gr\u00fc\u00dfer", Password: psrp.NewSecret("")},
	} {
		r := script(t, pool, "param([pscredential] $c) $c.UserName; $c.GetNetworkCredential().Password; $c", parameter("c", c))
		completed(t, r)
		out := r.outputs()
		equal(t, "number of outputs", 3, len(out))
		equal(t, "name", any(c.UserName), out[0])
		check(t, out[1] == c.Password.Reveal(), "the password has changed")
		back, err := pool.DecryptCredential(ctx(t), out[2])
		noError(t, "decrypt credential", err)
		equal(t, "name", c.UserName, back.UserName)
		check(t, back.Password.Reveal() == c.Password.Reveal(), "the password has changed on its way back")
	}
	_, err := pool.DecryptCredential(ctx(t), "x")
	check(t, err != nil && !errors.Is(err, psrp.ErrNoSessionKey), "a text as credential gives %v", err)
}
