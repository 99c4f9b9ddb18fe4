package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

func TestUserCommandsSendIds(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var sent row
	p.server.functions["users"] = func(args row) (int, any) {
		sent = args
		return 201, row{"id": id(9), "name": "olga", "password": "vuxa-rimo"}
	}
	require.Equal(t, "Created user olga, roles operator\nPassword, shown once: vuxa-rimo\n", p.ok("user", "create", "Olga"))
	require.Equal(t, row{"name": "Olga", "display_name": "", "roles": []any{"operator"}}, sent)
	require.Contains(t, p.ok("user", "create", "olga", "--display-name", "O", "--role", "admin", "--role", "auditor", "-o", "json"), `"password": "vuxa-rimo"`)
	require.Equal(t, row{"name": "olga", "display_name": "O", "roles": []any{"admin", "auditor"}}, sent)

	p.server.functions["users/"+id(3)+"/password"] = func(row) (int, any) { return 200, row{"password": "kelt-4711"} }
	require.Equal(t, "New password for olga\nPassword, shown once: kelt-4711\n", p.ok("user", "reset-password", "olga"))
	require.Contains(t, p.ok("user", "reset-password", id(3), "-o", "json"), `"password": "kelt-4711"`)

	disabled, roles := p.record("disable_user"), p.record("set_user_roles")
	require.Equal(t, "Disabled user olga\n", p.ok("user", "disable", "olga"))
	require.Equal(t, row{"user_id": id(3), "disabled": true}, *disabled)
	require.Equal(t, "Enabled user olga\n", p.ok("user", "enable", "olga"))
	require.Equal(t, row{"user_id": id(3), "disabled": false}, *disabled)
	require.Equal(t, "User olga now has roles operator, auditor\n", p.ok("user", "set-roles", "olga", "operator", "auditor"))
	require.Equal(t, row{"user_id": id(3), "roles": []any{"operator", "auditor"}}, *roles)
	require.Contains(t, p.ok("user", "enable", "olga", "-o", "json"), `"name": "olga"`)

	require.Contains(t, p.ok("__complete", "user", "set-roles", "ol"), "olga\n")
	require.Contains(t, p.ok("__complete", "user", "set-roles", "olga", ""), "auditor\n")
	p.server.functions["users"] = func(row) (int, any) { return refuse(403, api.CodeForbidden, "your roles do not allow this") }
	o := p.do("", "user", "create", "x")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "epo whoami")
	require.Contains(t, p.do("", "user", "set-roles", "olga").err, "--help")
}

// typing makes somebody type at a terminal.
func (p *person) typing(answers ...string) (prompts *[]string) {
	prompts = new([]string)
	p.typed = func(prompt string) (string, error) {
		*prompts = append(*prompts, prompt)
		return answers[len(*prompts)-1], nil
	}
	return prompts
}

func TestPasswd(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	sent := p.record("password")
	require.Equal(t, "Password changed; your other sessions have ended\n", p.do(" old \r\nnew ü\n", "passwd").out)
	require.Equal(t, row{"current": " old ", "new": "new ü"}, *sent)
	for _, bad := range []string{"", "old", "old\n"} {
		o := p.do(bad, "passwd")
		require.Equal(t, 1, o.code)
		require.Contains(t, o.err, "two lines")
	}

	prompts := p.typing("old", "new", "new")
	require.Equal(t, "Password changed; your other sessions have ended\n", p.ok("passwd"))
	require.Equal(t, []string{"Present password: ", "New password: ", "New password again: "}, *prompts)
	require.Equal(t, row{"current": "old", "new": "new"}, *sent)
	*sent = nil
	p.typing("old", "new", "nwe")
	o := p.do("", "passwd")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "nothing is changed")
	require.Nil(t, *sent)

	p.typed = nil
	for code, advice := range map[string]string{api.CodePasswordWeak: "several words", api.CodePasswordWrong: "the message", api.CodeTooManyAttempts: "wait a minute"} {
		p.server.functions["password"] = func(row) (int, any) { return refuse(400, code, "the message") }
		o := p.do("old\nnew\n", "passwd")
		require.Equal(t, 1, o.code)
		require.Contains(t, o.err, advice)
		require.NotContains(t, o.err+o.out, "old")
	}
}
