package db_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/testkit"
)

// options are options of a target as JSON has them.
type options = map[string]any

// hostKey is a public key of SSH that nobody has the private half of.
func hostKey() string {
	const kind = "ssh-ed25519"
	key := make([]byte, ed25519.PublicKeySize)
	var blob []byte
	for _, part := range [][]byte{[]byte(kind), key} {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(part))), part...)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(blob)
}

// certificate is one that nobody has the key of.
var certificate = sync.OnceValue(func() string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
})

func sshOptions(more options) options {
	o := options{"address": "db-01.example.org", "user": "epo"}
	maps.Copy(o, more)
	return o
}

func winrmOptions(more options) options {
	o := options{"address": "10.0.0.7", "user": `ACME\svc-epo`}
	maps.Copy(o, more)
	return o
}

func without(o options, key string) options {
	delete(o, key)
	return o
}

func TestTargetOptionsOfEachKind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, test := range map[string]struct {
		kind    string
		options any
		wrong   string // details of the error; "" where the options are good
	}{
		"local": {"local", options{}, ""}, "local with all": {"local", options{"working_directory": "/srv", "culture": "de-DE", "ansi": "strip", "native_error": "error"}, ""},
		"local with an address": {"local", options{"address": "x"}, "address"},
		"ssh":                   {"ssh", sshOptions(nil), ""},
		"ssh with all": {"ssh", sshOptions(options{
			"address": "fe80::1%eth0", "port": 2222, "host_key": []string{hostKey(), hostKey() + " root@db-01", "SHA256:" + strings.Repeat("x", 43)},
			"jump": "hop@[2001:db8::1]:22", "jump_host_key": []string{hostKey()}, "subsystem": "powershell-7", "identity": "prod",
			"configuration_name": "PowerShell.7", "working_directory": `C:\temp`, "culture": "en", "ansi": "keep", "native_error": "ignore",
		}), ""},
		"winrm": {"winrm", winrmOptions(nil), ""},
		"winrm with all": {"winrm", winrmOptions(options{
			"port": 5986, "scheme": "https", "auth": "basic", "ca": certificate() + certificate(), "server_name": "dc.example.org", "path": "/wsman", "identity": "prod",
			"configuration_name": "Microsoft.PowerShell",
		}), ""},
		"winrm by certificate": {"winrm", without(winrmOptions(options{"auth": "certificate"}), "user"), ""},
		"winrm over http":      {"winrm", winrmOptions(options{"scheme": "http", "auth": "ntlm"}), ""},

		"no address": {"ssh", options{"user": "x"}, "address"}, "no user": {"ssh", options{"address": "x"}, "user"},
		"winrm without user": {"winrm", options{"address": "x"}, "user"}, "winrm without address": {"winrm", options{"user": "x"}, "address"},
		"unknown": {"ssh", sshOptions(options{"adress": "x"}), "adress"}, "of another kind": {"ssh", sshOptions(options{"ca": certificate()}), "ca"},
		"a password": {"winrm", winrmOptions(options{"password": "x"}), "password"}, "host key of winrm": {"winrm", winrmOptions(options{"host_key": []string{hostKey()}}), "host_key"},
		"address with port": {"ssh", sshOptions(options{"address": "db:22"}), "address"}, "address in brackets": {"ssh", sshOptions(options{"address": "[::1]"}), "address"},
		"address of IPv6": {"ssh", sshOptions(options{"address": "::1"}), ""}, "address as URL": {"ssh", sshOptions(options{"address": "ssh://x"}), "address"}, "address as option": {"ssh", sshOptions(options{"address": "-oProxyCommand=x"}), "address"},
		"address empty": {"ssh", sshOptions(options{"address": ""}), "address"}, "address null": {"ssh", sshOptions(options{"address": nil}), "address"},
		"address long": {"ssh", sshOptions(options{"address": strings.Repeat("a", 255)}), "address"}, "address of two lines": {"ssh", sshOptions(options{"address": "a\nb"}), "address"},
		"user with password": {"ssh", sshOptions(options{"user": "a:b"}), "user"}, "user number": {"ssh", sshOptions(options{"user": 1}), "user"},
		"port text": {"ssh", sshOptions(options{"port": "22"}), "port"}, "port 0": {"ssh", sshOptions(options{"port": 0}), "port"}, "port 65536": {"ssh", sshOptions(options{"port": 65536}), "port"},
		"port half": {"ssh", sshOptions(options{"port": 22.5}), "port"}, "port huge": {"ssh", sshOptions(options{"port": json.RawMessage("1e300")}), "port"},
		"host key no list": {"ssh", sshOptions(options{"host_key": hostKey()}), "host_key"}, "host key none": {"ssh", sshOptions(options{"host_key": []string{}}), "host_key"},
		"host key cut": {"ssh", sshOptions(options{"host_key": []string{hostKey()[:30]}}), "host_key"}, "host key of another type": {"ssh", sshOptions(options{"host_key": []string{strings.Replace(hostKey(), "ssh-ed25519", "ssh-rsa", 1)}}), "host_key"},
		"host key bare": {"ssh", sshOptions(options{"host_key": []string{strings.Fields(hostKey())[1]}}), "host_key"}, "host key old": {"ssh", sshOptions(options{"host_key": []string{strings.Replace(hostKey(), "ssh-ed25519", "ssh-dss", 1)}}), "host_key"},
		"host key number": {"ssh", sshOptions(options{"host_key": []any{1}}), "host_key"}, "fingerprint cut": {"ssh", sshOptions(options{"host_key": []string{"SHA256:xyz"}}), "host_key"},
		"jump with password": {"ssh", sshOptions(options{"jump": "a:b@c"}), "jump"}, "jump without user": {"ssh", sshOptions(options{"jump": "hop"}), "jump"}, "jump port": {"ssh", sshOptions(options{"jump": "a@b:70000"}), "jump"},
		"subsystem command": {"ssh", sshOptions(options{"subsystem": "x; rm"}), "subsystem"},
		"ca no PEM":         {"winrm", winrmOptions(options{"ca": "MIIB"}), "ca"}, "ca a key": {"winrm", winrmOptions(options{"ca": certificate() + strings.ReplaceAll(certificate(), "CERTIFICATE", "PRIVATE KEY")}), "ca"},
		"ca over http": {"winrm", winrmOptions(options{"scheme": "http", "ca": certificate()}), "scheme"}, "basic over http": {"winrm", winrmOptions(options{"scheme": "http", "auth": "basic"}), "auth"},
		"auth unknown": {"winrm", winrmOptions(options{"auth": "kerberos"}), "auth"}, "path relative": {"winrm", winrmOptions(options{"path": "wsman"}), "path"}, "path query": {"winrm", winrmOptions(options{"path": "/wsman?x"}), "path"},
		"identity a file": {"ssh", sshOptions(options{"identity": "../key"}), "identity"}, "culture": {"ssh", sshOptions(options{"culture": "x"}), "culture"}, "ansi": {"local", options{"ansi": true}, "ansi"},
	} {
		t.Run(name, func(t *testing.T) {
			args := testkit.Args{"name": name, "kind": test.kind, "pool_id": b.PoolID, "options": test.options}
			if test.wrong == "" {
				id := b.Call(t, b.Operator, "create_target", args)["id"].(string)
				want, err := json.Marshal(test.options)
				require.NoError(t, err)
				_, err = api.DecodeTarget(test.kind, want)
				require.NoError(t, err, "what SQL takes, agents take")
				require.JSONEq(t, string(want), testkit.Value[string](t, b.db, "select options::text from epo.targets where id = $1", id))
				return
			}
			err := b.refuse(t, "invalid_argument", b.Operator, "create_target", args)
			require.Equal(t, test.wrong, err.Details, err.Message)
			require.Contains(t, err.Message, test.wrong)
			require.Equal(t, test.wrong == "password", strings.Contains(err.Hint, "identities.json"), "a secret is pointed to where it belongs")
		})
	}
	for _, kind := range []any{"", "telnet", "SSH", nil} {
		b.refuse(t, "invalid_argument", b.Operator, "create_target", testkit.Args{"name": "x", "kind": kind, "pool_id": b.PoolID})
	}
	for _, bad := range []any{[]string{}, json.RawMessage(`"x"`), 1, nil, json.RawMessage(`"` + strings.Repeat("x", 300000) + `"`)} {
		if bad == nil {
			b.Call(t, b.Operator, "create_target", testkit.Args{"name": "none", "kind": "local", "pool_id": b.PoolID, "options": bad})
			continue
		}
		b.refuse(t, "invalid_argument", b.Operator, "create_target", testkit.Args{"name": "x", "kind": "local", "pool_id": b.PoolID, "options": bad})
	}
}

// The agent decodes strictly: an option that one side does not know is a run that fails.
func TestOptionsAreThoseThatAgentsKnow(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	fields := reflect.TypeFor[api.TargetOptions]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		for _, kind := range []string{"local", "ssh", "winrm"} {
			value := map[reflect.Kind]string{reflect.String: `"x"`, reflect.Int: "1", reflect.Slice: `["x"]`}[fields.Field(i).Type.Kind()]
			_, err := api.DecodeTarget(kind, fmt.Appendf(nil, "{%q:%s}", name, value))
			known := err == nil || !strings.Contains(err.Error(), "is none of kind")
			require.Equal(t, known, testkit.Value[bool](t, d, "select exists (select from epo.target_options() where kind = $1 and key = $2)", kind, name), "%s %s", kind, name)
		}
	}
	require.Equal(t, fields.NumField(), testkit.Value[int](t, d, "select count(distinct key)::int from epo.target_options()"))
}

func TestTargetIsChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	edge := b.CreatePool(t, "edge")
	id := b.Call(t, b.Operator, "create_target", testkit.Args{"name": "db-01", "kind": "ssh", "pool_id": b.PoolID, "agent_id": b.agent.ID, "options": sshOptions(nil)})["id"].(string)
	now := func() (kind, pool string, agent *string, opts options, disabled bool) {
		row := superuser(t, b.db).QueryRow(t.Context(), "select kind, pool_id::text, agent_id::text, options, disabled_at is not null from epo.targets where id = $1", id)
		require.NoError(t, row.Scan(&kind, &pool, &agent, &opts, &disabled))
		return
	}
	update := func(args testkit.Args) {
		args["target_id"] = id
		require.Equal(t, "db-01", b.Call(t, b.Operator, "update_target", args)["name"])
	}
	refuse := func(code string, args testkit.Args) {
		args["target_id"] = id
		b.refuse(t, code, b.Operator, "update_target", args)
	}
	update(testkit.Args{})
	kind, pool, agent, opts, disabled := now()
	require.Equal(t, []any{"ssh", b.PoolID, b.agent.ID, "epo", false}, []any{kind, pool, *agent, opts["user"], disabled}, "what is not given stays")

	update(testkit.Args{"options": sshOptions(options{"port": 2222}), "disabled": true})
	_, _, _, opts, disabled = now()
	require.EqualValues(t, 2222, opts["port"])
	require.True(t, disabled)
	b.refuse(t, "conflict", b.Operator, "queue_run", testkit.Args{"script_id": b.scriptID, "target_ids": []string{id}})
	since := testkit.Value[string](t, b.db, "select disabled_at::text from epo.targets where id = $1", id)
	update(testkit.Args{"disabled": true})
	require.Equal(t, since, testkit.Value[string](t, b.db, "select disabled_at::text from epo.targets where id = $1", id))
	update(testkit.Args{"disabled": false})

	refuse("invalid_argument", testkit.Args{"options": options{"user": "x"}})
	refuse("invalid_argument", testkit.Args{"options": winrmOptions(options{"ca": certificate()})})
	refuse("invalid_argument", testkit.Args{"any_agent": true, "agent_id": b.agent.ID})
	refuse("conflict", testkit.Args{"pool_id": edge})
	refuse("not_found", testkit.Args{"pool_id": edge, "agent_id": b.agent.ID})
	refuse("not_found", testkit.Args{"pool_id": uuid.NewString(), "any_agent": true})
	update(testkit.Args{"any_agent": true})
	update(testkit.Args{"pool_id": edge})
	_, pool, agent, _, disabled = now()
	require.Equal(t, []any{edge, (*string)(nil), false}, []any{pool, agent, disabled})

	last := b.audited(t, "epo.targets")
	require.Equal(t, map[string]any{"pool_id": edge}, last[len(last)-1].After)
	require.Equal(t, "user:"+b.Operator.ID, last[len(last)-1].Actor)
}

// A run that waits is served by whoever may reach its target now, with the options of now.
func TestWaitingRunFollowsItsTarget(t *testing.T) {
	t.Parallel()
	b := setup(t)
	edge := b.CreatePool(t, "edge")
	id := b.Call(t, b.Operator, "create_target", testkit.Args{"name": "db-01", "kind": "ssh", "pool_id": edge, "options": sshOptions(nil)})["id"].(string)
	b.QueueRun(t, b.scriptID, id)
	other := b.QueueRun(t, b.scriptID, b.CreateTarget(t, "stays", edge))
	require.Empty(t, b.claim(t, 5))
	b.Call(t, b.Operator, "update_target", testkit.Args{"target_id": id, "pool_id": b.PoolID, "options": sshOptions(options{"port": 2222, "host_key": []string{hostKey()}})})
	work := b.claim(t, 5)
	require.Len(t, work, 1)
	require.Equal(t, []string{id, "db-01", "ssh"}, []string{work[0].Target.ID, work[0].Target.Name, work[0].Target.Kind})
	require.EqualValues(t, 2222, work[0].Target.Options["port"])
	require.Equal(t, []any{hostKey()}, work[0].Target.Options["host_key"])
	require.Equal(t, "queued", b.runState(t, other))

	// What is claimed stays with its agent.
	b.Call(t, b.Operator, "update_target", testkit.Args{"target_id": id, "agent_id": b.agent.ID})
	require.True(t, b.start(t, work...)[0].OK)
}

func TestTargetIsDeletedOnlyWithoutHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slip := b.CreateTarget(t, "slip", b.PoolID)
	b.Call(t, b.Operator, "delete_target", testkit.Args{"target_id": slip})
	b.refuse(t, "not_found", b.Operator, "delete_target", testkit.Args{"target_id": slip})
	entries := b.audited(t, "epo.targets")
	require.Equal(t, "delete", entries[len(entries)-1].Action)
	require.Equal(t, "slip", entries[len(entries)-1].Before["name"])
	b.CreateTarget(t, "slip", b.PoolID)

	inJob := b.CreateTarget(t, "in a job", b.PoolID)
	b.Call(t, b.Operator, "create_job", testkit.Args{"name": "nightly", "script_id": b.scriptID, "target_ids": []string{inJob}})
	b.QueueRun(t, b.scriptID)
	for _, id := range []string{inJob, b.TargetID} {
		err := b.refuse(t, "target_in_use", b.Operator, "delete_target", testkit.Args{"target_id": id})
		require.Equal(t, 409, err.Status())
		require.Contains(t, err.Hint, "disable")
	}
}
