package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/epo-dev/epo/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixedToken hands out one token, and another one when that is refused.
type fixedToken struct{ asked atomic.Int64 }

func (f *fixedToken) Token(_ context.Context, refused string) (string, error) {
	f.asked.Add(1)
	if refused != "" {
		return "second", nil
	}
	return "first", nil
}

// setup serves by f and returns a client whose retries are quick.
func setup(t *testing.T, f http.HandlerFunc) *api.Client {
	t.Helper()
	s := httptest.NewServer(f)
	c, err := api.New(api.Config{Server: s.URL, Tokens: &fixedToken{}, Retry: api.Retry{Base: time.Millisecond}, Timeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseIdle(); s.CloseClientConnections(); s.Close() })
	return c
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func TestIdempotentCallsAreRepeatedAndOthersNever(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call func(context.Context, *api.Client) error
		want int64
	}{
		"view": {func(ctx context.Context, c *api.Client) error {
			_, err := api.List[api.Pool](ctx, c, "pools", nil)
			return err
		}, 4},
		"append": {func(ctx context.Context, c *api.Client) error { _, err := c.AppendLog(ctx, api.Append{}); return err }, 4},
		"finish": {func(ctx context.Context, c *api.Client) error { _, err := c.FinishAttempts(ctx, nil, 0); return err }, 4},
		"queue with a key": {func(ctx context.Context, c *api.Client) error {
			_, err := c.QueueRun(ctx, api.QueueRun{IdempotencyKey: "k"})
			return err
		}, 4},
		"queue without a key":     {func(ctx context.Context, c *api.Client) error { _, err := c.QueueRun(ctx, api.QueueRun{}); return err }, 1},
		"claim":                   {func(ctx context.Context, c *api.Client) error { _, err := c.ClaimRunTargets(ctx, 1); return err }, 1},
		"finish that also claims": {func(ctx context.Context, c *api.Client) error { _, err := c.FinishAttempts(ctx, nil, 1); return err }, 1},
		"sign-in":                 {func(ctx context.Context, c *api.Client) error { _, err := c.SignIn(ctx, api.SignIn{}); return err }, 1},
		"create":                  {func(ctx context.Context, c *api.Client) error { _, err := c.CreatePool(ctx, "x", ""); return err }, 1},
	} {
		for _, broken := range []bool{true, false} {
			var calls atomic.Int64
			var ids sync.Map
			client := setup(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				ids.Store(r.Header.Get("X-Request-Id"), true)
				if broken {
					panic(http.ErrAbortHandler)
				}
				answer(w, 503, `{"code":"PGRST001","message":"away","details":null,"hint":null}`)
			})
			err := c.call(t.Context(), client)
			require.Error(t, err, name)
			require.True(t, api.Temporary(err), name)
			require.Equal(t, broken, api.Unreachable(err), name)
			require.Equal(t, c.want, calls.Load(), name)
			n := 0
			ids.Range(func(id, _ any) bool { n++; return id != "" })
			require.Equal(t, 1, n, "one request id for all tries")
		}
	}
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	c := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		answer(w, 409, `{"code":"log_gap","message":"gap","details":"17","hint":null}`)
	})
	_, err := c.AppendLog(t.Context(), api.Append{})
	require.Equal(t, api.CodeLogGap, api.CodeOf(err))
	require.Equal(t, int64(17), api.ExpectedSeq(err))
	require.False(t, api.Temporary(err))
	require.Equal(t, int64(1), calls.Load())
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]api.Error{
		`{"code":"c","message":"m","details":"d","hint":"h"}`: {Status: 400, Code: "c", Message: "m", Details: "d", Hint: "h"},
		`{"code":"c","message":"m","details":17,"hint":null}`: {Status: 400, Code: "c", Message: "m", Details: "17"},
		`<html>proxy</html>`: {Status: 400, Message: "the server answered bad request"},
		``:                   {Status: 400, Message: "the server answered bad request"},
		`{}`:                 {Status: 400, Message: "the server answered bad request"},
	} {
		c := setup(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 400, body) })
		_, err := c.WhoAmI(t.Context())
		var got *api.Error
		require.ErrorAs(t, err, &got)
		require.Equal(t, want, *got, body)
	}
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	var seen []string
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "Bearer second" && len(seen) < 3 {
			answer(w, 200, `[]`)
			return
		}
		answer(w, 401, `{"code":"PGRST301","message":"no"}`)
	})
	_, err := api.List[api.Pool](t.Context(), c, "pools", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer first", "Bearer second"}, seen)
	_, err = api.List[api.Pool](t.Context(), c, "pools", nil)
	require.Equal(t, 401, api.Status(err))
	require.Len(t, seen, 4)
}

func TestServerAddresses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://epo.example.com": "https://epo.example.com", "https://epo.example.com/": "https://epo.example.com", "epo.example.com:8443": "https://epo.example.com:8443",
		"http://127.0.0.1:7070": "http://127.0.0.1:7070", "http://localhost": "http://localhost", "http://[::1]:1": "http://[::1]:1",
	} {
		u, err := api.ParseServer(given)
		require.NoError(t, err, given)
		require.Equal(t, want, u.String())
	}
	for _, bad := range []string{"", "http://epo.example.com", "http://10.0.0.1:7070", "ftp://x", "https://", "https://u:p@x", "https://x/path", "https://x?q", "http://127.0.0.1.evil.example"} {
		_, err := api.ParseServer(bad)
		require.Error(t, err, bad)
	}
}

func TestQueriesAreInPostgRESTsNotation(t *testing.T) {
	t.Parallel()
	var got string
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.RawQuery
		answer(w, 200, `[]`)
	})
	_, err := api.List[api.Pool](t.Context(), c, "pools", api.Where("name", "a b&c").In("id", `x"y`, "z").Gte("n", 5).Order("name.desc", "id").Select("id").Limit(3).Offset(6))
	require.NoError(t, err)
	require.Equal(t, `id=in.%28%22x%5C%22y%22%2C%22z%22%29&limit=3&n=gte.5&name=eq.a+b%26c&offset=6&order=name.desc%2Cid&select=id`, got)
	_, err = api.One[api.Pool](t.Context(), c, "pools", api.Where("id", "x"))
	require.Equal(t, api.CodeNotFound, api.CodeOf(err))
}

func TestAwaitWork(t *testing.T) {
	t.Parallel()
	status := atomic.Int64{}
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("timeout") != "25" || status.Load() == 204 {
			w.WriteHeader(204)
			return
		}
		answer(w, 200, `{"wake":true}`)
	})
	woken, err := c.AwaitWork(t.Context(), 25*time.Second)
	require.NoError(t, err)
	require.True(t, woken)
	status.Store(204)
	woken, err = c.AwaitWork(t.Context(), 25*time.Second)
	require.NoError(t, err)
	require.False(t, woken)
}

// TestWatchRunComesBack: a lost stream is opened again, and each opening is a hint, since hints may have been lost.
func TestWatchRunComesBack(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		opened.Add(1)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, ": hello\n\nevent: wake\ndata: {}\n\n")
	})
	ctx, cancel := context.WithCancel(t.Context())
	hints := c.WatchRun(ctx, "r")
	for opened.Load() < 3 {
		<-hints
	}
	cancel()
	for range hints {
	}
}

func TestSessionIsSharedByProcesses(t *testing.T) {
	t.Parallel()
	var refreshes atomic.Int64
	good := atomic.Value{}
	good.Store("r0")
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		json.NewDecoder(r.Body).Decode(&in)
		if in["refresh_token"] != good.Load() {
			answer(w, 401, `{"code":"refresh_reused","message":"reused"}`)
			return
		}
		n := refreshes.Add(1)
		next := fmt.Sprint("r", n)
		good.Store(next)
		answer(w, 200, fmt.Sprintf(`{"access_token":"a%d","expires_in":600,"refresh_token":%q,"user":{"name":"jo"}}`, n, next))
	})
	path := filepath.Join(t.TempDir(), "s", "session.json")
	at := time.Now()
	later := func() time.Time { return at.Add(10 * time.Minute) }
	_, err := api.SaveSession(t.Context(), path, c, api.Grant{AccessToken: "a0", ExpiresIn: 600, RefreshToken: "r0"}, func() time.Time { return at })
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 16 { // each as another process would: with its own view of the file
		group.Go(func() {
			s, err := api.OpenSession(path, c, later)
			if err == nil {
				var token string
				if token, err = s.Token(t.Context(), ""); token != "a1" {
					err = fmt.Errorf("token %q: %w", token, err)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, int64(1), refreshes.Load(), "a refresh token works once")

	good.Store("somebody else's")
	s, err := api.OpenSession(path, c, later)
	require.NoError(t, err)
	_, err = s.Token(t.Context(), "a1")
	require.Equal(t, api.CodeRefreshReused, api.CodeOf(err))
	_, err = api.OpenSession(path, c, later)
	require.Equal(t, api.CodeNotSignedIn, api.CodeOf(err), "a session that was ended is forgotten")
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		api.SignIn{User: "jo", Password: "hunter2"}, api.Grant{AccessToken: "hunter2", RefreshToken: "hunter2"},
		api.Enrollment{Token: "hunter2"}, api.EnrollmentToken{Token: "hunter2"},
	} {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", v, v, v, v), "hunter2")
	}
}

func TestRetryWaitsGrowAndStayBounded(t *testing.T) {
	t.Parallel()
	r := api.Retry{Base: 100 * time.Millisecond, Max: time.Second}
	for failures := 1; failures < 100; failures++ {
		d := r.Wait(failures)
		require.LessOrEqual(t, d, time.Second)
		require.GreaterOrEqual(t, d, 50*time.Millisecond)
	}
}

func TestRecordKeepsTextAsItIs(t *testing.T) {
	t.Parallel()
	line, err := json.Marshal(api.Record{Seq: 1, Stream: api.StreamOutput, Text: "<b>&\x00"})
	require.NoError(t, err)
	var back api.Record
	require.NoError(t, json.Unmarshal(line, &back))
	require.Equal(t, "<b>&\x00", back.Text)
}
