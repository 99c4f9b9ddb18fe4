package db_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// sum is what is stored of a token.
func sum(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

// gateway runs one function of auth as the gateway's login and scans its row.
func gateway(t testing.TB, d *testkit.Database, sql string, args []any, into ...any) error {
	return store.AsError(d.Store.Gateway().QueryRow(t.Context(), sql, args...).Scan(into...))
}

func TestBootstrapHappensOnce(t *testing.T) {
	t.Parallel()
	d := testkit.DB(t)
	const slugs = 8 // some of them twice
	codes := make([]string, slugs)
	var group errgroup.Group
	for i := range slugs {
		group.Go(func() error {
			var tenant, user string
			err := gateway(t, d, "select tenant_id::text, user_id::text from auth.bootstrap($1, 'First', 'admin', 'hash')",
				[]any{fmt.Sprintf("tenant-%d", i/2)}, &tenant, &user)
			codes[i] = store.CodeOf(err)
			return nil
		})
	}
	require.NoError(t, group.Wait())
	made := 0
	for _, code := range codes {
		if code == "" {
			made++
			continue
		}
		require.Equal(t, "already_bootstrapped", code)
	}
	require.Equal(t, 1, made)
	require.EqualValues(t, 1, testkit.Value[int](t, d, "select count(*)::int from epo.tenants"))
	for _, slug := range []string{testkit.Value[string](t, d, "select slug from epo.tenants"), "another", "Not A Slug"} {
		var tenant string
		err := gateway(t, d, "select tenant_id::text from auth.bootstrap($1, 'First', 'admin', 'hash')", []any{slug}, &tenant)
		require.Equal(t, "already_bootstrapped", store.CodeOf(err), "whatever the slug: %q", slug)
	}

	// Not the code of the function: the constraint refuses.
	_, err := superuser(t, d).Exec(t.Context(), "insert into auth.bootstraps (first_tenant_id, first_user_id) values (gen_random_uuid(), gen_random_uuid())")
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "bootstraps_pkey", pg.ConstraintName)
}

func TestSignInLookupFindsOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lookup := func(slug any, user string) (id string, err error) {
		err = gateway(t, b.db, "select user_id::text from auth.sign_in_lookup($1, $2)", []any{slug, user}, &id)
		return id, err
	}
	for _, slug := range []any{"acme", "", nil} { // the only tenant need not be named
		id, err := lookup(slug, "Operator")
		require.NoError(t, err)
		require.Equal(t, b.Operator.ID, id)
	}
	other := newBundle(t, b.db, "other")
	id, err := lookup("other", "operator")
	require.NoError(t, err)
	require.Equal(t, other.Operator.ID, id)
	for _, pair := range [][2]any{{nil, "operator"}, {"acme", "nobody"}, {"nowhere", "operator"}, {"acme", "operator "}, {"acme", ""}} {
		_, err := lookup(pair[0], pair[1].(string))
		require.Error(t, err, pair)
	}
}

// rotation is the outcome of using a refresh token.
type rotation struct{ Outcome, UserID, SID *string }

func rotate(t testing.TB, d *testkit.Database, old, next, client string) rotation {
	t.Helper()
	var r rotation
	require.NoError(t, gateway(t, d, "select outcome, user_id::text, sid::text from auth.rotate_refresh_token($1, $2, $3)",
		[]any{sum(old), sum(next), client}, &r.Outcome, &r.UserID, &r.SID))
	return r
}

func (b bundle) refreshToken(t *testing.T, token string) (sid string) {
	t.Helper()
	require.NoError(t, gateway(t, b.db, "select auth.create_refresh_token($1, $2, $3, 'cli')::text",
		[]any{b.ID, b.Operator.ID, sum(token)}, &sid))
	return sid
}

func TestRefreshTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	ago := func(t *testing.T, b bundle, d time.Duration) {
		b.db.Exec(t, fmt.Sprintf("update auth.refresh_tokens set used_at = used_at - interval '%d seconds'", int(d.Seconds())))
	}
	t.Run("a chain stays one family", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		sid := b.refreshToken(t, "1")
		for i := range 4 {
			r := rotate(t, b.db, fmt.Sprint(i+1), fmt.Sprint(i+2), "cli")
			require.Equal(t, []string{"ok", b.Operator.ID, sid}, []string{*r.Outcome, *r.UserID, *r.SID})
		}
	})
	t.Run("the direct predecessor is honoured for a moment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.refreshToken(t, "1")
		require.Equal(t, "ok", *rotate(t, b.db, "1", "2", "cli").Outcome)
		require.Equal(t, "ok", *rotate(t, b.db, "1", "2b", "cli").Outcome) // its answer was lost
		require.Equal(t, "ok", *rotate(t, b.db, "2b", "3", "cli").Outcome)
	})
	for name, reuse := range map[string]func(t *testing.T, b bundle) rotation{
		"after its successor was used": func(t *testing.T, b bundle) rotation {
			require.Equal(t, "ok", *rotate(t, b.db, "2", "3", "cli").Outcome)
			return rotate(t, b.db, "1", "4", "cli")
		},
		"by another client": func(t *testing.T, b bundle) rotation { return rotate(t, b.db, "1", "4", "browser") },
		"too late": func(t *testing.T, b bundle) rotation {
			ago(t, b, 11*time.Second)
			return rotate(t, b.db, "1", "4", "cli")
		},
	} {
		t.Run("a second use ends the family "+name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.refreshToken(t, "1")
			other := b.refreshToken(t, "another sign-in")
			require.Equal(t, "ok", *rotate(t, b.db, "1", "2", "cli").Outcome)
			require.Equal(t, "reused", *reuse(t, b).Outcome)
			for _, token := range []string{"1", "2", "3"} {
				require.Equal(t, "invalid", *rotate(t, b.db, token, "x"+token, "cli").Outcome)
			}
			require.Equal(t, other, *rotate(t, b.db, "another sign-in", "5", "cli").SID)
		})
	}
	t.Run("by many at once gives one family and no error", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		sid := b.refreshToken(t, "1")
		outcomes := make([]rotation, 16)
		var group errgroup.Group
		for i := range outcomes {
			group.Go(func() error {
				return b.db.Store.Gateway().QueryRow(t.Context(), "select outcome, user_id::text, sid::text from auth.rotate_refresh_token($1, $2, 'cli')",
					sum("1"), sum(fmt.Sprint("next", i))).Scan(&outcomes[i].Outcome, &outcomes[i].UserID, &outcomes[i].SID)
			})
		}
		require.NoError(t, group.Wait())
		for _, r := range outcomes {
			require.Equal(t, []string{"ok", sid}, []string{*r.Outcome, *r.SID})
		}
	})
	t.Run("not after sign-out, expiry, a new password or for the disabled", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for i, test := range []struct{ sql, want string }{
			{"select auth.revoke_refresh_token('" + fmt.Sprintf("\\x%x", sum("0")) + "')", "invalid"},
			{"update auth.refresh_tokens set expires_at = now() - interval '1 second'", "invalid"},
			{"select auth.set_password('acme', 'operator', 'hash')", "invalid"},
			{"update auth.users set disabled_at = now()", "disabled"},
		} {
			token := fmt.Sprint(i)
			b.refreshToken(t, token)
			b.db.Exec(t, test.sql)
			require.Equal(t, test.want, *rotate(t, b.db, token, "next"+token, "cli").Outcome, test.sql)
		}
		require.Equal(t, "invalid", *rotate(t, b.db, "never given", "x", "cli").Outcome)
	})
}

func TestSignInsAreRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.db.Store.Gateway().Exec(t.Context(), "select auth.record_sign_in($1, $2, 'operator', true, null, 'cli', 'req-1')", b.ID, b.Operator.ID)
	require.NoError(t, err)
	_, err = b.db.Store.Gateway().Exec(t.Context(), "select auth.record_sign_in(null, null, 'mallory', false, 'unknown_tenant', 'cli', 'req-2')")
	require.NoError(t, err)
	for action, want := range map[string]string{
		"sign_in":         b.ID + " user:" + b.Operator.ID + " req-1 operator",
		"sign_in_refused": uuid.Nil.String() + " platform:gateway req-2 mallory",
	} {
		require.Equal(t, want, testkit.Value[string](t, b.db,
			"select concat_ws(' ', tenant_id, actor, request_id, after ->> 'user_name') from audit.audit_log where action = $1", action))
	}
	require.True(t, testkit.Value[bool](t, b.db, "select last_sign_in_at is not null from auth.users where id = $1", b.Operator.ID))
}

func TestEnrollmentTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	enroll := func(token, name string) error {
		var agent string
		return gateway(t, b.db, "select agent_id::text from auth.enroll_agent($1, $2, 'ES256', $3, 'RSA-OAEP-256', $3, '{}')",
			[]any{sum(token), name, make([]byte, 91)}, &agent)
	}
	token := b.Call(t, b.Admin, "create_enrollment_token", testkit.Args{"pool_id": b.PoolID, "ttl_seconds": 60})["token"].(string)
	errs := make([]error, 16)
	var group errgroup.Group
	for i := range errs {
		group.Go(func() error {
			errs[i] = enroll(token, fmt.Sprint("twin-", i))
			return nil
		})
	}
	require.NoError(t, group.Wait())
	enrolled := 0
	for _, err := range errs {
		if err == nil {
			enrolled++
			continue
		}
		require.Equal(t, "enrollment_token_invalid", store.CodeOf(err), "%v", err)
	}
	require.Equal(t, 1, enrolled)

	expired := b.Call(t, b.Admin, "create_enrollment_token", testkit.Args{"pool_id": b.PoolID})["token"].(string)
	b.db.Exec(t, "update auth.enrollment_tokens set expires_at = now() - interval '1 second', created_at = now() - interval '1 hour' where used_at is null")
	require.Equal(t, "enrollment_token_invalid", store.CodeOf(enroll(expired, "late")))
	require.Equal(t, "enrollment_token_invalid", store.CodeOf(enroll("epo_enroll_unknown", "nobody")))

	taken := b.Call(t, b.Admin, "create_enrollment_token", testkit.Args{"pool_id": b.PoolID})["token"].(string)
	require.Equal(t, "conflict", store.CodeOf(enroll(taken, "agent-1")))
	require.Equal(t, "invalid_name", store.CodeOf(enroll(taken, "a\nb")))
	require.NoError(t, enroll(taken, "agent-2"), "a refused try does not use the token up")
	for _, ttl := range []int{0, -1, 3601} {
		b.refuse(t, "invalid_argument", b.Admin, "create_enrollment_token", testkit.Args{"pool_id": b.PoolID, "ttl_seconds": ttl})
	}
}

// The key still tells whose assertion it is, so that the agent learns why it is
// refused; the state says that it buys nothing.
func TestRevokedAgentIsToldSoAndItsNameIsFree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := func() (state string, err error) {
		return state, gateway(t, b.db, "select state from auth.agent_key($1)", []any{b.agent.ID}, &state)
	}
	state, err := key()
	require.NoError(t, err)
	require.Equal(t, "active", state)
	for range 2 {
		b.Call(t, b.Admin, "revoke_agent", testkit.Args{"agent_id": b.agent.ID})
	}
	state, err = key()
	require.NoError(t, err)
	require.Equal(t, "revoked", state)
	b.CreateAgent(t, "agent-1")
}

func TestAssertionIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.CreateAgent(t, "agent-2")
	use := func(agent, jti string) (fresh bool) {
		require.NoError(t, gateway(t, b.db, "select auth.use_assertion($1, $2, now() + interval '1 minute')", []any{agent, jti}, &fresh))
		return fresh
	}
	require.True(t, use(b.agent.ID, "a"))
	require.False(t, use(b.agent.ID, "a"))
	require.True(t, use(other.ID, "a"))
	require.False(t, use(uuid.NewString(), "a"))
}

func TestGatewayReachesNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sql := range []string{
		"select * from auth.identities", "select * from epo.tenants", "select api.create_pool('x')", "select epo.reap_leases()",
		"set role app_admin", "set role epo_system", "select auth.insert_user(null, null, null, null, null)", "select * from audit.audit_log",
	} {
		_, err := b.db.Store.Gateway().Exec(t.Context(), sql)
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg), sql)
		require.Equal(t, "42501", pg.Code, sql)
	}
}

func TestUserNamesAreOneSpelling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	create := func(name string, roles ...string) error {
		var id string
		return gateway(t, b.db, "select auth.create_user('acme', $1, '', 'hash', $2)::text", []any{name, roles}, &id)
	}
	require.NoError(t, create("New.User@example.org", "operator"))
	require.Equal(t, "conflict", store.CodeOf(create("new.user@EXAMPLE.org", "operator")))
	for _, name := range []string{"", " x", "x ", "a\u202eb", "а", "x\x01", "a b"} {
		require.Equal(t, "invalid_name", store.CodeOf(create(name, "operator")), "%q", name)
	}
	require.Equal(t, "invalid_argument", store.CodeOf(create("other", "root")))
	require.Equal(t, "invalid_argument", store.CodeOf(create("other")))
}
