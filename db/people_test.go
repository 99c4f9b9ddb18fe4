package db_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// with runs a function of auth as the gateway does for the holder of a token.
func (b bundle) with(t *testing.T, who testkit.Caller, into []any, sql string, args ...any) error {
	t.Helper()
	var batch pgx.Batch
	claims := ""
	if who != nil {
		claims = who.Claims()
	}
	batch.Queue("select set_config('request.id', 'req-7', true), set_config('request.jwt.claims', $1, true)", claims)
	batch.Queue(sql, args...).QueryRow(func(row pgx.Row) error { return row.Scan(into...) })
	return store.AsError(b.db.Store.Gateway().SendBatch(t.Context(), &batch).Close())
}

// session is who with the session that a refresh token belongs to.
func session(who testkit.Caller, sid string) altered { return altered{who, map[string]any{"sid": sid}} }

func (b bundle) passwordHash(t *testing.T, user string) string {
	t.Helper()
	return testkit.Value[string](t, b.db, "select password_hash from auth.identities where user_id = $1", user)
}

// alive returns which of the tokens are good.
func (b bundle) alive(t *testing.T, tokens ...string) []bool {
	t.Helper()
	out := make([]bool, len(tokens))
	for i, token := range tokens {
		out[i] = testkit.Value[bool](t, b.db, "select revoked_at is null from auth.refresh_tokens where token_hash = $1", sum(token))
	}
	return out
}

// actions is every function of auth that acts for a person, with what an administrator may give it.
func (b bundle) actions() map[string]func(t *testing.T, who testkit.Caller) error {
	text := func(sql string, args ...any) func(*testing.T, testkit.Caller) error {
		return func(t *testing.T, who testkit.Caller) error {
			var s *string
			return b.with(t, who, []any{&s}, sql, args...)
		}
	}
	return map[string]func(*testing.T, testkit.Caller) error{
		"add_user":              text("select name from auth.add_user('olga', '', 'hash', '{operator}')"),
		"reset_password":        text("select auth.reset_password($1, 'hash')", b.Operator.ID),
		"own_identity":          text("select user_name from auth.own_identity()"),
		"change_password":       text("select auth.change_password((select password_hash from auth.own_identity()), 'hash')::text"),
		"record_wrong_password": text("select auth.record_wrong_password('x')::text"),
	}
}

// Each function of the gateway that acts for a person asks who that is, and each of the conditions is needed.
func TestAccountsAreChangedByWhoMay(t *testing.T) {
	t.Parallel()
	const forAdmins = "add_user reset_password"
	for name, test := range map[string]struct {
		spoil string
		who   func(b bundle, other bundle) testkit.Caller
		admin string // what functions for administrators answer
		own   string // what functions for everybody answer
	}{
		"an administrator": {"", func(b, _ bundle) testkit.Caller { return b.Admin }, "", ""},
		"an operator":      {"", func(b, _ bundle) testkit.Caller { return b.Operator }, "forbidden", ""},
		"an auditor":       {"", func(b, _ bundle) testkit.Caller { return b.Auditor }, "forbidden", ""},
		"an agent":         {"", func(b, _ bundle) testkit.Caller { return b.agent }, "forbidden", "forbidden"},
		"an agent with roles": {"", func(b, _ bundle) testkit.Caller {
			return altered{b.agent, map[string]any{"app_roles": []string{"admin"}}}
		}, "forbidden", "forbidden"},
		"an agent as administrator": {"", func(b, _ bundle) testkit.Caller {
			return altered{b.agent, map[string]any{"role": "app_admin", "app_roles": []string{"admin"}}}
		}, "principal_disabled", "principal_disabled"},
		"an operator who says admin": {"", func(b, _ bundle) testkit.Caller {
			return altered{b.Operator, map[string]any{"role": "app_admin", "app_roles": []string{"admin"}}}
		}, "principal_disabled", "principal_disabled"},
		"an administrator as a user": {"", func(b, _ bundle) testkit.Caller {
			return altered{b.Admin, map[string]any{"app_roles": []string{"operator"}}}
		}, "principal_disabled", "principal_disabled"},
		"nobody":                         {"", func(bundle, bundle) testkit.Caller { return nil }, "forbidden", "forbidden"},
		"somebody who does not exist":    {"", func(b, _ bundle) testkit.Caller { return altered{b.Admin, map[string]any{"sub": uuid.NewString()}} }, "principal_disabled", "principal_disabled"},
		"in another's tenant":            {"", func(b, other bundle) testkit.Caller { return altered{b.Admin, map[string]any{"tenant_id": other.ID}} }, "principal_disabled", "principal_disabled"},
		"a disabled administrator":       {"update auth.users set disabled_at = now() where id = $1", func(b, _ bundle) testkit.Caller { return b.Admin }, "principal_disabled", "principal_disabled"},
		"one who was an administrator":   {"delete from auth.user_roles where role_name = 'admin' and user_id = $1", func(b, _ bundle) testkit.Caller { return b.Admin }, "principal_disabled", "principal_disabled"},
		"of a tenant that was shut down": {"update epo.tenants set disabled_at = now() where tenant_id = (select tenant_id from auth.users where id = $1)", func(b, _ bundle) testkit.Caller { return b.Admin }, "principal_disabled", "principal_disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := newBundle(t, b.db, "other")
			if test.spoil != "" {
				b.db.Exec(t, test.spoil, b.Admin.ID)
			}
			before := b.accounts(t)
			for function, act := range b.actions() {
				want := test.own
				if strings.Contains(forAdmins, function) {
					want = test.admin
				}
				err := act(t, test.who(b, other))
				require.Equal(t, want, store.CodeOf(err), "%s: %v", function, err)
			}
			if test.own != "" {
				require.Equal(t, before, b.accounts(t), "nothing is changed")
			}
		})
	}
}

// accounts is a digest over users and their passwords, of all tenants.
func (b bundle) accounts(t *testing.T) string {
	t.Helper()
	return testkit.Value[string](t, b.db, `select md5(string_agg(x, ',' order by x)) from (select u::text as x from auth.users as u union all
		select i::text from auth.identities as i union all select r::text from auth.user_roles as r) as rows`)
}

func TestAddedUserIsOfTheTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newBundle(t, b.db, "other")
	add := func(who testkit.Caller, name, display string, roles any) (id, got string, err error) {
		return id, got, b.with(t, who, []any{&id, &got}, "select id::text, name from auth.add_user($1, $2, 'hash', $3)", name, display, roles)
	}
	id, name, err := add(b.Admin, "Olga@Example.org", "Olga Ö.", []string{"operator", "auditor", "operator"})
	require.NoError(t, err)
	require.Equal(t, "olga@example.org", name)
	require.Equal(t, b.ID+" Olga Ö. hash auditor,operator", testkit.Value[string](t, b.db, `select concat_ws(' ', u.tenant_id, u.display_name, i.password_hash,
		(select string_agg(role_name, ',' order by role_name) from auth.user_roles where user_id = u.id)) from auth.users as u join auth.identities as i on i.user_id = u.id where u.id = $1`, id))
	_, _, err = add(b.Admin, "olga@example.org", "", []string{"operator"})
	require.Equal(t, "conflict", store.CodeOf(err))
	_, _, err = add(other.Admin, "olga@example.org", "", []string{"operator"})
	require.NoError(t, err, "a name is taken in one tenant only")
	for _, bad := range []struct {
		name, display string
		roles         any
		code          string
	}{
		{"", "", []string{"operator"}, "invalid_name"}, {"a b", "", []string{"operator"}, "invalid_name"}, {"x", "a\nb", []string{"operator"}, "invalid_name"}, {"x", " x", []string{"operator"}, "invalid_name"},
		{"x", "", []string{}, "invalid_argument"}, {"x", "", []string{"root"}, "invalid_argument"}, {"x", "", nil, "invalid_argument"}, {"x", "", []*string{nil}, "invalid_argument"},
	} {
		_, _, err = add(b.Admin, bad.name, bad.display, bad.roles)
		require.Equal(t, bad.code, store.CodeOf(err), "%+v: %v", bad, err)
	}

	for table, want := range map[string]int{"auth.users": 1, "auth.identities": 1, "auth.user_roles": 2} {
		mine := 0
		for _, e := range b.audited(t, table) {
			if e.Actor != "user:"+b.Admin.ID {
				continue
			}
			mine++
			require.Equal(t, "req-7", *e.RequestID)
			require.NotContains(t, fmt.Sprint(e), "hash ")
		}
		require.Equal(t, want, mine, table)
	}
}

func TestResetPasswordEndsTheSignIns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newBundle(t, b.db, "other")
	b.refreshToken(t, "1")
	b.refreshToken(t, "2")
	reset := func(who testkit.Caller, user string) error {
		var name string
		return b.with(t, who, []any{&name}, "select auth.reset_password($1, 'another')", user)
	}
	require.Equal(t, "not_found", store.CodeOf(reset(b.Admin, other.Operator.ID)), "a user of another tenant does not exist")
	require.Equal(t, "not_found", store.CodeOf(reset(b.Admin, uuid.NewString())))
	require.Equal(t, "conflict", store.CodeOf(reset(b.Admin, b.Admin.ID)), "one's own is changed with the present one")
	require.Equal(t, []bool{true, true}, b.alive(t, "1", "2"))
	require.NotEqual(t, "another", b.passwordHash(t, other.Operator.ID))

	require.NoError(t, reset(b.Admin, b.Operator.ID))
	require.Equal(t, "another", b.passwordHash(t, b.Operator.ID))
	require.Equal(t, []bool{false, false}, b.alive(t, "1", "2"))
	entries := b.audited(t, "auth.identities")
	last := entries[len(entries)-1]
	require.Equal(t, []any{"user:" + b.Admin.ID, "req-7", map[string]any{"password_hash": "changed"}}, []any{last.Actor, *last.RequestID, last.After})
	revoked := b.audited(t, "auth.refresh_tokens")
	require.Equal(t, "user:"+b.Admin.ID, revoked[len(revoked)-1].Actor)
	require.Contains(t, revoked[len(revoked)-1].After, "revoked_at")
}

func TestOwnPasswordKeepsThePresentSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	present := b.refreshToken(t, "1")
	require.Equal(t, "ok", *rotate(t, b.db, "1", "2", "cli").Outcome)
	b.refreshToken(t, "elsewhere")
	me := session(b.Operator, present)
	var tenant, name, old string
	require.NoError(t, b.with(t, me, []any{&tenant, &name, &old}, "select tenant_slug, user_name, password_hash from auth.own_identity()"))
	require.Equal(t, []string{"acme", "operator", b.passwordHash(t, b.Operator.ID)}, []string{tenant, name, old})
	change := func(old, next string) error {
		var nothing any
		return b.with(t, me, []any{&nothing}, "select auth.change_password($1, $2)", old, next)
	}
	admin := b.passwordHash(t, b.Admin.ID)
	require.NoError(t, change(old, "next"))
	require.Equal(t, "next", b.passwordHash(t, b.Operator.ID))
	require.Equal(t, admin, b.passwordHash(t, b.Admin.ID))
	require.Equal(t, []bool{true, true, false}, b.alive(t, "1", "2", "elsewhere"))
	require.Equal(t, "conflict", store.CodeOf(change(old, "again")), "somebody was faster")
	require.Equal(t, "next", b.passwordHash(t, b.Operator.ID))
	require.Equal(t, "ok", *rotate(t, b.db, "2", "3", "cli").Outcome)
}

// A session of a day is few rows: how it began, and how it ended.
func TestAuditOfASessionIsShort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	actions := func() (all []string) {
		rows, err := superuser(t, b.db).Query(t.Context(), `select concat_ws(' ', actor, action, table_name) from audit.audit_log
			where table_name = 'auth.refresh_tokens' or action like '%sign%' or action like 'refresh%' order by at`)
		require.NoError(t, err)
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return all
	}
	user := "user:" + b.Operator.ID
	b.refreshToken(t, "0")
	for i := range 100 {
		require.Equal(t, "ok", *rotate(t, b.db, fmt.Sprint(i), fmt.Sprint(i+1), "cli").Outcome)
	}
	want := []string{user + " insert auth.refresh_tokens"}
	require.Equal(t, want, actions(), "a renewal is no event")

	require.Equal(t, "reused", *rotate(t, b.db, "3", "x", "thief").Outcome)
	want = append(want, "platform:gateway update auth.refresh_tokens", "platform:gateway refresh_reused auth.refresh_tokens")
	require.Equal(t, want, actions())
	details := testkit.Value[string](t, b.db, "select after::text from audit.audit_log where action = 'refresh_reused'")
	var after map[string]any
	require.NoError(t, json.Unmarshal([]byte(details), &after))
	require.Equal(t, map[string]any{"user_id": b.Operator.ID, "reason": "reused", "client": "thief"}, after)
	require.Equal(t, "invalid", *rotate(t, b.db, "3", "x", "thief").Outcome)
	require.Equal(t, want, actions(), "and is said once")

	b.refreshToken(t, "other")
	for range 2 {
		b.db.Exec(t, "select auth.revoke_refresh_token('"+fmt.Sprintf("\\x%x", sum("other"))+"')")
	}
	want = append(want, user+" insert auth.refresh_tokens", user+" update auth.refresh_tokens", user+" sign_out auth.users")
	require.Equal(t, want, actions())

	b.refreshToken(t, "third")
	b.db.Exec(t, "update auth.users set disabled_at = now() where name = 'operator'")
	require.Equal(t, "disabled", *rotate(t, b.db, "third", "x", "cli").Outcome)
	require.Contains(t, actions(), "platform:gateway refresh_refused auth.refresh_tokens")
}

func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var id, name string
	require.NoError(t, b.with(t, b.Admin, []any{&id, &name}, "select id::text, name from auth.add_user('second', '', 'hash', '{admin}')"))
	second := testkit.User{ID: id, TenantID: b.ID, Name: name, Roles: []string{"admin"}}
	b.Call(t, second, "disable_user", testkit.Args{"user_id": b.Admin.ID})
	b.refuse(t, "conflict", second, "disable_user", testkit.Args{"user_id": second.ID})
	b.refuse(t, "conflict", second, "set_user_roles", testkit.Args{"user_id": second.ID, "roles": []string{"auditor"}})
	err := b.with(t, second, []any{&name}, "select auth.reset_password($1, 'x')", b.Admin.ID)
	require.NoError(t, err, "the disabled get a password too, and stay disabled")
	require.True(t, testkit.Value[bool](t, b.db, "select disabled_at is not null from auth.users where id = $1", b.Admin.ID))
}

// The claims of one request are gone with it.
func TestClaimsOfTheGatewayEndWithTheTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var name string
	require.NoError(t, b.with(t, b.Admin, []any{&name}, "select user_name from auth.own_identity()"))
	for range 20 {
		err := gateway(t, b.db, "select user_name from auth.own_identity()", nil, &name)
		require.Equal(t, "forbidden", store.CodeOf(err), "%v", err)
	}
}
