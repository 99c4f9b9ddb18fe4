package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

func TestFrameOfARequest(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for role, login := range map[store.Role]string{
		store.RoleUser: "epo_rest_user", store.RoleAdmin: "epo_rest_admin", store.RoleAgent: "epo_rest_agent",
	} {
		r := as(role, tenantA)
		r.ID, r.Method, r.Path, r.Headers, r.ReadOnly, r.Timeout = "r-1", "GET", "/frame", `{"a":"b"}`, true, 1500*time.Millisecond
		reply, err := s.Do(t.Context(), r, "select api.frame()")
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"session":%q,"role":%q,"claims":%s,"id":"r-1","method":"GET","path":"/frame","headers":{"a":"b"},
			"timeout":"1500ms","read_only":"on","search_path":"pg_catalog, pg_temp","timezone":"UTC"}`, login, role, r.Claims), string(reply.JSON))
	}
}

// What a request sets must be gone when the next one comes on the same connection, also after an error.
func TestFrameEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s, _ := open(t, func(c *store.Config) { c.MaxConns = 5 }) // one connection per login
	r := as(store.RoleUser, tenantA)
	r.ReadOnly = true
	for _, sql := range []string{"select api.frame()", "select api.raise('P0001', 'no', '')"} {
		_, _ = s.Do(t.Context(), r, sql)
		var role, claims, readOnly, timeout string
		err := s.Pool(store.RoleUser).QueryRow(t.Context(), `select current_user::text, current_setting('request.jwt.claims', true),
			current_setting('transaction_read_only'), current_setting('statement_timeout')`).Scan(&role, &claims, &readOnly, &timeout)
		require.NoError(t, err)
		require.Equal(t, []string{"epo_rest_user", "", "off", "1min"}, []string{role, claims, readOnly, timeout})
	}
}

func TestRequestLeavesWakesHeadersAndStatusAfterItsCommit(t *testing.T) {
	t.Parallel()
	s, db := open(t)
	reply, err := s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.add_note($1)", "hello")
	require.NoError(t, err)
	require.Equal(t, `"hello"`, string(reply.JSON))
	require.Equal(t, []string{"agents:1", "run:2"}, reply.Wakes)
	require.Equal(t, []map[string]string{{"Location": "/notes"}, {"Set-Cookie": "a"}, {"Set-Cookie": "b"}}, reply.Headers)
	require.Equal(t, 201, reply.Status)
	require.Equal(t, 1, testkit.Value[int](t, db, "select count(*) from epo.notes"))

	// And none of it is left for the next request.
	reply, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select to_jsonb(1)")
	require.NoError(t, err)
	require.Equal(t, store.Reply{JSON: []byte("1")}, reply)
}

func TestTenantSeesItsOwnRows(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for _, tenant := range []string{tenantA, tenantB} {
		_, err := s.Do(t.Context(), as(store.RoleUser, tenant), "select api.add_note($1)", "of "+tenant)
		require.NoError(t, err)
	}
	var seen []string
	reply, err := s.Query(t.Context(), as(store.RoleUser, tenantA), func(rows pgx.Rows) (err error) {
		seen, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}, "select note from api.notes")
	require.NoError(t, err)
	require.Empty(t, reply.Wakes)
	require.Equal(t, []string{"of " + tenantA}, seen)
}

func TestErrorAnywhereUndoesTheWholeRequest(t *testing.T) {
	t.Parallel()
	s, db := open(t)
	r := as(store.RoleUser, tenantA)
	// The statement succeeds and what comes after it fails.
	_, err := s.Do(t.Context(), r, "select api.add_note('a') from generate_series(1, 2)")
	require.Equal(t, "23505", store.CodeOf(err))
	_, err = s.Do(t.Context(), r, "select api.add_note('a'), 1 / (select count(*) from api.notes where note = 'b')")
	require.Equal(t, "22012", store.CodeOf(err))
	disabled := r
	disabled.Claims = `{"disabled":true}`
	_, err = s.Do(t.Context(), disabled, "select api.add_note('a')")
	require.Equal(t, "principal_disabled", store.CodeOf(err))
	require.Zero(t, testkit.Value[int](t, db, "select count(*) from epo.notes"))
}

func TestWriteInAReadOnlyRequestIs405(t *testing.T) {
	t.Parallel()
	s, db := open(t)
	r := as(store.RoleUser, tenantA)
	r.ReadOnly = true
	_, err := s.Do(t.Context(), r, "select api.add_note('a')")
	requireError(t, err, "25006", 405)
	require.Zero(t, testkit.Value[int](t, db, "select count(*) from epo.notes"))
}

func requireError(t *testing.T, err error, code string, status int) {
	t.Helper()
	e, ok := store.AsError(err).(*store.Error)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, e.Code, "%v", err)
	require.Equal(t, status, e.Status(), "%v", err)
}

func TestErrorsKeepWhatIsOursAndHideWhatIsNot(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	tests := []struct {
		name, code, message, detail string
		want                        store.Error
		status                      int
	}{
		{"our own", "PGRST", `{"code":"log_gap","message":"a gap","details":"7","hint":"send 7 first"}`, `{"status":409,"headers":{"Retry-After":"1"}}`,
			store.Error{Code: "log_gap", Message: "a gap", Details: "7", Hint: "send 7 first", Headers: map[string]string{"Retry-After": "1"}}, 409},
		{"our own, no JSON", "PGRST", `secret`, `{"status":409}`, store.Error{Code: "PGRST121", Message: "internal error"}, 500},
		{"our own, no status", "PGRST", `{"code":"a","message":"b"}`, `{}`, store.Error{Code: "PGRST121", Message: "internal error"}, 500},
		{"details could hold row data", "23505", "duplicate key", "Key (name)=(secret) exists", store.Error{Code: "23505", Message: "duplicate key"}, 409},
		{"internal text", "XX000", "secret internals", "secret", store.Error{Code: "XX000", Message: "internal error"}, 500},
		{"plain raise", "P0001", "no", "secret", store.Error{Code: "P0001", Message: "no"}, 400},
		{"no data", "P0002", "secret", "", store.Error{Code: "P0002", Message: "internal error"}, 500},
		{"bad value", "22P02", "invalid input syntax", "", store.Error{Code: "22P02", Message: "invalid input syntax"}, 400},
		{"forbidden", "42501", "permission denied", "", store.Error{Code: "42501", Message: "permission denied"}, 403},
		{"custom status", "PT418", "teapot", "", store.Error{Code: "PT418", Message: "teapot"}, 418},
		{"custom nonsense", "PTABC", "secret", "", store.Error{Code: "PTABC", Message: "internal error"}, 500},
		{"disk full", "53100", "secret", "", store.Error{Code: "53100", Message: "the database is not available at the moment"}, 503},
		{"configured limit", "53400", "secret", "", store.Error{Code: "53400", Message: "internal error"}, 500},
		{"serialisation", "40001", "secret", "", store.Error{Code: "40001", Message: "internal error"}, 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.raise($1, $2, $3)", test.code, test.message, test.detail)
			requireError(t, err, test.want.Code, test.status)
			e := err.(*store.Error)
			got := store.Error{Code: e.Code, Message: e.Message, Details: e.Details, Hint: e.Hint, Headers: e.Headers}
			require.Equal(t, test.want, got)
			require.NotContains(t, got.Message+got.Details, "secret")
		})
	}
	_, err := s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.no_such_function()")
	requireError(t, err, "42883", 404)
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select to_jsonb(1) from api.no_such_view")
	requireError(t, err, "42P01", 404)
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select to_jsonb(n) from generate_series(1, 2) n")
	requireError(t, err, "internal_error", 500)
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.set_response('nonsense', '')")
	requireError(t, err, "PGRST111", 500)
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.set_response('', '42')")
	requireError(t, err, "PGRST112", 500)
	reply, err := s.Do(t.Context(), as(store.RoleUser, tenantA), "select null::jsonb")
	require.NoError(t, err)
	require.Nil(t, reply.JSON)
}

func TestSlowRequestIsEndedByTheServerOrByItsCaller(t *testing.T) {
	t.Parallel()
	s, db := open(t, func(c *store.Config) { c.MaxConns = 5 })
	r := as(store.RoleUser, tenantA)
	r.Timeout = 20 * time.Millisecond
	_, err := s.Do(t.Context(), r, "select api.sleep(60)")
	requireError(t, err, "57014", 504)
	require.False(t, store.Retryable(err))

	ctx, cancel := context.WithCancel(t.Context())
	sleeping := "select exists(select from pg_stat_activity where datname = current_database() and query like '%api.sleep%' and state = 'active' and pid <> pg_backend_pid())"
	done := make(chan error, 1)
	r.Timeout = 0
	go func() {
		_, err := s.Do(ctx, r, "select api.sleep(60)")
		done <- err
	}()
	require.Eventually(t, func() bool { return testkit.Value[bool](t, db, sleeping) }, time.Minute, 5*time.Millisecond)
	cancel()
	requireError(t, <-done, "request_cancelled", 499)
	require.Eventually(t, func() bool { return !testkit.Value[bool](t, db, sleeping) }, time.Minute, 5*time.Millisecond, "the server was told")
	_, err = s.Do(t.Context(), r, "select api.frame()")
	require.NoError(t, err)
}

func TestFullPoolIsSaidInTime(t *testing.T) {
	t.Parallel()
	s, _ := open(t, func(c *store.Config) { c.MaxConns, c.AcquireTimeout = 5, 20*time.Millisecond })
	conn, err := s.Pool(store.RoleUser).Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.frame()")
	requireError(t, err, "PGRST003", 504)
	require.True(t, store.Retryable(err))
	agent, err := s.Pool(store.RoleAgent).Acquire(t.Context())
	require.NoError(t, err, "agents have a pool of their own")
	agent.Release()
}

// Sessions that the server ended are noticed before, or answered by, a second attempt; a change of the schema does not
// break prepared statements.
func TestRequestsSurviveEndedSessionsAndARebuild(t *testing.T) {
	t.Parallel()
	s, db := open(t, func(c *store.Config) { c.MaxConns = 5 })
	r := as(store.RoleUser, tenantA)
	do := func() error {
		_, err := s.Do(t.Context(), r, "select to_jsonb(n) from api.notes n limit 1")
		if err == nil {
			_, err = s.Do(t.Context(), r, "select api.frame()")
		}
		return err
	}
	require.NoError(t, do())

	src := scratch(t)
	src.Digest = "2"
	src.Code[0].SQL = strings.Replace(src.Code[0].SQL, "as select note from epo.notes", "as select note, 1 as more from epo.notes", 1)
	_, err := src.Migrate(t.Context(), db.AdminURL, db.Secrets, nil)
	require.NoError(t, err)
	require.NoError(t, do(), "new plans without a new connection")

	db.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'epo_rest_user'")
	require.Eventually(t, func() bool {
		err := do()
		require.True(t, err == nil || store.Retryable(err), "%v", err)
		return err == nil
	}, time.Minute, 5*time.Millisecond)
}

func TestWorksWithoutAnythingThatOutlivesATransaction(t *testing.T) {
	t.Parallel()
	s, db := open(t, func(c *store.Config) { c.TransactionPooler = true })
	reply, err := s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.add_note($1)", "hello")
	require.NoError(t, err)
	require.Equal(t, []string{"agents:1", "run:2"}, reply.Wakes)
	var prepared int
	require.NoError(t, s.Pool(store.RoleUser).QueryRow(t.Context(), "select count(*) from pg_prepared_statements where name <> ''").Scan(&prepared))
	require.Zero(t, prepared)
	_, err = s.Do(t.Context(), as(store.RoleUser, tenantA), "select api.add_note('x'), 1 / 0")
	require.Equal(t, "22012", store.CodeOf(err))
	require.Equal(t, 1, testkit.Value[int](t, db, "select count(*) from epo.notes"))
}

// A login reaches its own application role and no other, whatever the claims say.
func TestLoginCannotTakeAnotherRole(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for _, role := range []string{"app_admin", "app_agent", "epo_migrator", "epo_install"} {
		_, err := s.Pool(store.RoleUser).Exec(t.Context(), "select set_config('role', $1, true)", role)
		require.Error(t, err, role)
	}
	require.Panics(t, func() { s.Pool("epo_migrator") })
}

func TestManyRequestsAtOnceKeepTheirClaimsApart(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			r := as(store.RoleUser, fmt.Sprintf("0198c0de-0000-7000-8000-%012d", i))
			reply, err := s.Do(t.Context(), r, "select api.frame() -> 'claims'")
			if err == nil {
				var got, want any
				_ = json.Unmarshal(reply.JSON, &got)
				_ = json.Unmarshal([]byte(r.Claims), &want)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					err = fmt.Errorf("%v instead of %v", got, want)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func BenchmarkDo(b *testing.B) {
	s, _ := open(b)
	r := as(store.RoleUser, tenantA)
	r.ReadOnly = true
	for b.Loop() {
		if _, err := s.Do(background(), r, "select to_jsonb(count(*)) from api.notes where note = $1", "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlain is the floor of BenchmarkDo: the same statement as one prepared round trip without frame.
func BenchmarkPlain(b *testing.B) {
	s, _ := open(b)
	for b.Loop() {
		var n int
		if err := s.System().QueryRow(background(), "select length($1::text)", "a").Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}
