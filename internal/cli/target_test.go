package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// record makes the server take calls of a function and returns where their arguments go.
func (p *person) record(function string) *row {
	sent := new(row)
	p.server.functions[function] = func(args row) (int, any) {
		*sent = args
		return 200, row{"id": id(99)}
	}
	return sent
}

func TestTargetCreateSendsOptionsOfItsKind(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	sent := p.record("create_target")
	require.Equal(t, "Created target db-02 in pool default\n", p.ok("target", "create", "db-02", "--kind", "ssh", "--address", "db-02", "--user", "epo", "--port", "2222",
		"--host-key", hostKey, "--host-key", "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "--identity", "prod", "--configuration-name", "JEA", "--ansi", "keep"))
	require.Equal(t, row{"name": "db-02", "kind": "ssh", "pool_id": id(10), "options": row{
		"address": "db-02", "user": "epo", "port": 2222.0, "host_key": []any{hostKey, "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "identity": "prod",
		"configuration_name": "JEA", "ansi": "keep",
	}}, *sent)
	p.ok("target", "create", "dc-02", "--kind", "winrm", "--address", "dc-02", "--user", `ACME\svc`, "--scheme", "http", "--agent", "web-01")
	require.Equal(t, row{"name": "dc-02", "kind": "winrm", "pool_id": id(10), "agent_id": id(11), "options": row{"address": "dc-02", "user": `ACME\svc`, "scheme": "http"}}, *sent)
}

func TestTargetOptionsAreCheckedBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	pem := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(pem, []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), 0o600))
	for want, args := range map[string][]string{
		"option ca is none of kind ssh":                 {"--kind", "ssh", "--address", "x", "--ca", pem},
		"holds a certificate that cannot be read":       {"--kind", "winrm", "--address", "x", "--ca", pem},
		"read the certificates":                         {"--kind", "winrm", "--address", "x", "--ca", pem + ".none"},
		"option address is not":                         {"--kind", "ssh", "--port", "22"},
		"option host_key is neither":                    {"--kind", "ssh", "--address", "x", "--host-key", "AAAA"},
		`kind "telnet" is none of`:                      {"--kind", "telnet", "--address", "x"},
		"option user is none of kind local":             {"--user", "x"},
		"auth basic needs scheme https":                 {"--kind", "winrm", "--address", "x", "--auth", "basic", "--scheme", "http"},
		"unknown flag: --password":                      {"--kind", "winrm", "--address", "x", "--password", "x"},
		`option scheme is none of https, http`:          {"--kind", "winrm", "--address", "x", "--scheme", "ftp"},
		"there is no pool \"nowhere\"":                  {"--pool", "nowhere"},
		`invalid argument "x" for "--port" flag`:        {"--kind", "ssh", "--address", "x", "--port", "x"},
		"there is no agent \"nobody\"":                  {"--agent", "nobody"},
		"is not between 1 and 65535":                    {"--kind", "ssh", "--address", "x", "--port", "70000"},
		"option jump is not of the form user@host:port": {"--kind", "ssh", "--address", "x", "--jump", "a:b@c"},
	} {
		o := p.do("", append([]string{"target", "create", "x"}, args...)...)
		require.Equal(t, 1, o.code, args)
		require.Contains(t, o.err, want)
	}
}

func TestTargetUpdateSendsWhatChanged(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	sent := p.record("update_target")
	before := row{"address": "db-01.example", "user": "epo", "port": 2222.0, "host_key": []any{hostKey}}
	p.server.views[api.ViewTargets][2]["options"] = before
	require.Equal(t, "Changed target db-01\n", p.ok("target", "update", "db-01", "--port", "22", "--identity", "prod"))
	require.Equal(t, row{"target_id": id(22), "options": row{"address": "db-01.example", "user": "epo", "port": 22.0, "identity": "prod", "host_key": []any{hostKey}}}, *sent)
	p.ok("target", "update", "db-01", "--host-key", "", "--port", "0")
	require.Equal(t, row{"target_id": id(22), "options": row{"address": "db-01.example", "user": "epo"}}, *sent)
	p.ok("target", "update", "db-01", "--pool", "default", "--any-agent")
	require.Equal(t, row{"target_id": id(22), "pool_id": id(10), "any_agent": true}, *sent)
	p.ok("target", "update", id(22), "--agent", "web-01")
	require.Equal(t, row{"target_id": id(22), "agent_id": id(11)}, *sent)
	o := p.do("", "target", "update", "db-01", "--ca", "")
	require.Equal(t, 0, o.code, "what is not there may go: %s", o.err)
	o = p.do("", "target", "update", "db-01", "--agent", "web-01", "--any-agent")
	require.Contains(t, o.err, "if any flags")

	require.Equal(t, "Disabled target db-01\n", p.ok("target", "disable", "db-01"))
	require.Equal(t, row{"target_id": id(22), "disabled": true}, *sent)
	require.Equal(t, "Enabled target db-01\n", p.ok("target", "enable", "db-01"))
	require.Equal(t, row{"target_id": id(22), "disabled": false}, *sent)
	require.Contains(t, p.ok("target", "disable", "db-01", "-o", "json"), `"name": "db-01"`)

	sent = p.record("delete_target")
	require.Equal(t, "Deleted target db-01\n", p.ok("target", "delete", "db-01"))
	require.Equal(t, row{"target_id": id(22)}, *sent)
	p.server.functions["delete_target"] = func(row) (int, any) {
		return refuse(409, api.CodeTargetInUse, "runs, jobs or tests are about this target")
	}
	o = p.do("", "target", "delete", "db-01")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "epo target disable")
	require.Contains(t, p.ok("__complete", "target", "update", "d"), "db-01\n")
}

// tests makes the server answer a test of a connection after two questions.
func (p *person) tests(state string, result, failure any) {
	asked := 0
	test := row{"id": id(80), "target_id": id(22), "state": "pending", "result": nil, "error": nil, "requested_at": now(), "finished_at": nil}
	p.server.views[api.ViewTargetTests] = []row{test}
	p.server.functions["inspect_target"] = func(row) (int, any) { return 200, row{"inspection_id": id(80)} }
	p.server.onRead = func(view string) {
		if asked++; view == api.ViewTargetTests && asked > 1 {
			test["state"], test["result"], test["error"], test["finished_at"] = state, result, failure, now()
		}
	}
}

func TestTargetTest(t *testing.T) {
	t.Parallel()
	checks := []row{
		{"name": "dns", "state": "ok", "detail": "10.0.0.7"}, {"name": "host_key", "state": "failed", "detail": "SHA256:abc is not known", "advice": "compare it, then name it with --host-key"},
		{"name": "session", "state": "skipped", "detail": ""},
	}
	for _, c := range []struct {
		name    string
		state   string
		result  any
		failure any
		code    int
	}{
		{"target-test-ok", "done", row{"ok": true, "checks": checks[:1], "edition": "Core", "version": "7.6.9", "elapsed_ms": 1234}, nil, 0},
		{"target-test-failed", "done", row{"ok": false, "checks": checks, "cause": "the host is not the one that it should be"}, nil, 1},
		{"target-test-error", "failed", nil, row{"code": api.CodeTargetUnsupported, "message": "this agent cannot serve targets of kind ssh"}, 1},
		{"target-test-expired", "expired", nil, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			p.tests(c.state, c.result, c.failure)
			o := p.do("", "target", "test", "db-01")
			require.Equal(t, c.code, o.code, o.err)
			golden(t, c.name, o.out+"-- standard error\n"+o.err)
			p.tests(c.state, c.result, c.failure)
			o = p.do("", "target", "test", "db-01", "-o", "json")
			require.Equal(t, c.code, o.code, o.err)
			require.Contains(t, o.out, `"state": "`+c.state+`"`)
		})
	}
}

func TestTargetTestThatNobodyTakes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.tests("done", nil, nil)
	p.server.onRead = nil
	o := p.do("", "target", "test", "db-01", "--timeout", "1ms")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.err, "the test is pending: no agent has answered within 1ms; `epo agent list` shows who is online")
}
