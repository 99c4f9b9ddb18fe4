package agent

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

// fakeServer speaks EPO's HTTP interface to agents and keeps the promises of its SQL functions: leases, fencing tokens,
// appends at next_seq only, terminal states that never change.
type fakeServer struct {
	*httptest.Server
	t     testing.TB
	lease time.Duration

	// before and after a call is carried out; true closes the connection without an answer.
	before, after func(path string, body []byte) bool

	mu        sync.Mutex
	waiters   []chan struct{}
	keys      map[string]*ecdsa.PublicKey
	used      map[string]bool
	tokens    map[string]bool
	revoked   bool
	forge     bool // hand out other bytes than the digest is about
	pending   []*fakeTarget
	targets   []*fakeTarget
	attempts  map[string]*fakeAttempt
	calls     map[string]int
	contents  map[string][]byte
	violation []string

	inspections []*fakeInspection
}

// fakeInspection is one inspection.
type fakeInspection struct {
	kind, id, state string
	script          []byte
	token           int64
	until           time.Time
	result          json.RawMessage
}

// fakeTarget is one run target.
type fakeTarget struct {
	id        string
	script    []byte
	large     bool // the content does not travel with the claim
	retryable bool
	cancel    bool
	where     api.ClaimedTarget
	state     string
	attempts  []*fakeAttempt
}

type fakeAttempt struct {
	id      string
	target  *fakeTarget
	token   int64
	until   time.Time
	state   string
	records []api.Record
	result  *api.Finish
}

func newFakeServer(t testing.TB) *fakeServer {
	t.Helper()
	s := &fakeServer{
		t: t, lease: 30 * time.Second, keys: map[string]*ecdsa.PublicKey{}, used: map[string]bool{}, tokens: map[string]bool{},
		attempts: map[string]*fakeAttempt{}, calls: map[string]int{}, contents: map[string][]byte{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.wakeAll()
		s.Close()
		require.Empty(t, s.violation)
	})
	return s
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	body := new(strings.Builder)
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			break
		}
	}
	payload := []byte(body.String())
	s.mu.Lock()
	s.calls[r.URL.Path]++
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil && before(r.URL.Path, payload) {
		panic(http.ErrAbortHandler)
	}
	status, answer := s.route(r, payload)
	if after != nil && after(r.URL.Path, payload) {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		json.NewEncoder(w).Encode(answer)
	}
}

func refuse(status int, code string) (int, any) {
	return status, map[string]any{"code": code, "message": "refused: " + code, "details": nil, "hint": nil}
}

func (s *fakeServer) route(r *http.Request, body []byte) (int, any) {
	switch r.URL.Path {
	case "/auth/agent/enroll":
		return s.enroll(body)
	case "/auth/agent/token":
		return s.token(body)
	}
	s.mu.Lock()
	known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	revoked := s.revoked
	s.mu.Unlock()
	if revoked { // as the pre-request function says it; why, the token endpoint tells
		return refuse(401, api.CodePrincipalDisabled)
	}
	if !known {
		return refuse(401, "PGRST301")
	}
	if r.URL.Path == "/agent/wait" {
		return s.await(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap()
	return s.rpc(strings.TrimPrefix(r.URL.Path, "/api/rpc/"), body)
}

func (s *fakeServer) enroll(body []byte) (int, any) {
	var e api.Enrollment
	if err := json.Unmarshal(body, &e); err != nil {
		return refuse(400, api.CodeInvalidArgument)
	}
	key, err := x509.ParsePKIXPublicKey(e.SigningKey.SPKI)
	if err != nil {
		return refuse(400, api.CodeInvalidArgument)
	}
	var p proof
	_, err = jwt.ParseWithClaims(e.Proof, &p, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"ES256"}))
	want := api.EnrollProof{
		TokenSHA256: hexSHA256([]byte(e.Token)), Name: e.Name,
		SigningKeySHA256: hexSHA256(e.SigningKey.SPKI), EncryptionKeySHA256: hexSHA256(e.EncryptionKey.SPKI),
	}
	if err != nil || p.EnrollProof != want {
		return refuse(400, api.CodeProofInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(e.Token, "good") || s.used[e.Token] {
		return refuse(401, api.CodeEnrollmentTokenInvalid)
	}
	s.used[e.Token] = true
	id := uuid.NewString()
	s.keys[id] = key.(*ecdsa.PublicKey)
	return 201, api.Enrolled{AgentID: id, TenantID: uuid.NewString(), Pool: "default", Name: e.Name}
}

func (s *fakeServer) token(body []byte) (int, any) {
	var in struct{ Assertion string }
	json.Unmarshal(body, &in)
	s.mu.Lock()
	defer s.mu.Unlock()
	var c jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(in.Assertion, &c, func(*jwt.Token) (any, error) { return s.keys[c.Issuer], nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("epo"), jwt.WithExpirationRequired())
	if err != nil || s.used[c.ID] || c.ExpiresAt.Sub(c.IssuedAt.Time) > time.Minute || c.Issuer != c.Subject {
		return refuse(401, api.CodeAssertionInvalid)
	}
	if s.revoked {
		return refuse(401, api.CodeAgentRevoked)
	}
	s.used[c.ID] = true
	token := uuid.NewString()
	s.tokens[token] = true
	return 200, map[string]any{"access_token": token, "expires_in": 600}
}

func (s *fakeServer) await(r *http.Request) (int, any) {
	woken := make(chan struct{})
	s.mu.Lock()
	s.waiters = append(s.waiters, woken)
	s.mu.Unlock()
	select {
	case <-woken:
		return 200, map[string]bool{"wake": true}
	case <-r.Context().Done():
	case <-time.After(5 * time.Second):
	}
	return 204, nil
}

func (s *fakeServer) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiters {
		close(w)
	}
	s.waiters = nil
}

// queue adds a run target and wakes the agents.
func (s *fakeServer) queue(script string, change func(*fakeTarget)) *fakeTarget {
	t := &fakeTarget{id: uuid.NewString(), script: []byte(script), state: "pending"}
	if change != nil {
		change(t)
	}
	s.mu.Lock()
	s.pending = append(s.pending, t)
	s.targets = append(s.targets, t)
	s.mu.Unlock()
	s.wakeAll()
	return t
}

func (s *fakeServer) cancel(t *fakeTarget) {
	s.mu.Lock()
	t.cancel = true
	s.mu.Unlock()
	s.wakeAll()
}

// reap ends leases as epo.reap_leases does.
func (s *fakeServer) reap() {
	for _, a := range s.attempts {
		switch {
		case time.Now().Before(a.until):
		case a.state == "claimed", a.state == "running" && a.target.retryable:
			a.state, a.target.state = "abandoned", "pending"
			s.pending = append(s.pending, a.target)
		case a.state == "running":
			a.state, a.target.state = "unknown", "unknown"
		}
	}
}

func (s *fakeServer) rpc(function string, body []byte) (int, any) {
	var in struct {
		MaxTargets    int `json:"max_targets"`
		ClaimMax      int `json:"claim_max"`
		Items         []api.Start
		Leases        []api.Fence
		Agent         api.AgentInfo
		Results       []api.Finish
		ScriptVersion string `json:"script_version_id"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.violation = append(s.violation, function+": "+err.Error())
	}
	switch function {
	case "claim_run_targets":
		return 200, s.claim(in.MaxTargets)
	case "start_attempts":
		return 200, s.start(in.Items)
	case "append_log":
		var a api.Append
		json.Unmarshal(body, &a)
		return s.appendLog(a)
	case "renew_leases":
		return 200, s.renew(in.Leases)
	case "finish_attempts":
		return 200, s.finish(in.Results, in.ClaimMax)
	case "claim_inspections":
		return 200, s.claimInspections(body)
	case "finish_inspection":
		return s.finishInspection(body)
	case "get_script_content":
		return 200, map[string]any{"content": s.contents[in.ScriptVersion]}
	}
	return refuse(404, api.CodeNotFound)
}

func (s *fakeServer) claim(limit int) []api.Claim {
	claims := []api.Claim{}
	for len(s.pending) > 0 && len(claims) < limit {
		t := s.pending[0]
		s.pending = s.pending[1:]
		a := &fakeAttempt{id: uuid.NewString(), target: t, token: int64(len(s.attempts) + 1), until: time.Now().Add(s.lease), state: "claimed"}
		t.state, t.attempts = "claimed", append(t.attempts, a)
		s.attempts[a.id] = a
		c := api.Claim{
			RunID: uuid.NewString(), RunTargetID: t.id, AttemptID: a.id, AttemptNumber: len(t.attempts), FencingToken: a.token,
			LeaseSeconds: s.lease.Seconds(), LeaseExpiresAt: a.until, Retryable: t.retryable, Target: t.where,
			Script: api.ClaimedScript{VersionID: "v-" + t.id, Name: "s", Version: 1, SHA256: hexSHA256(t.script), SizeBytes: int64(len(t.script))},
		}
		s.contents[c.Script.VersionID] = t.script
		if s.forge {
			s.contents[c.Script.VersionID] = append([]byte("x"), t.script...)
		}
		if !t.large {
			c.Script.Content = s.contents[c.Script.VersionID]
		}
		claims = append(claims, c)
	}
	return claims
}

// ask queues an inspection and wakes the agents.
func (s *fakeServer) ask(kind, script string) *fakeInspection {
	i := &fakeInspection{kind: kind, id: uuid.NewString(), state: "pending", script: []byte(script)}
	s.mu.Lock()
	s.inspections = append(s.inspections, i)
	s.contents["v-"+i.id] = i.script
	s.mu.Unlock()
	s.wakeAll()
	return i
}

func (s *fakeServer) claimInspections(body []byte) []api.ClaimedInspection {
	var in struct {
		Max   int
		Kinds []string
	}
	json.Unmarshal(body, &in)
	out := []api.ClaimedInspection{}
	for _, i := range s.inspections {
		if i.state == "claimed" && time.Now().After(i.until) {
			i.state = "pending"
		}
		if i.state != "pending" || len(out) == in.Max || !slices.Contains(in.Kinds, i.kind) {
			continue
		}
		i.state, i.until = "claimed", time.Now().Add(s.lease)
		i.token++
		c := api.ClaimedInspection{ID: i.id, Kind: i.kind, FencingToken: i.token, LeaseSeconds: s.lease.Seconds()}
		if i.kind == api.InspectScript {
			c.Script = &api.ClaimedScript{VersionID: "v-" + i.id, SHA256: hexSHA256(i.script)}
			if s.forge {
				s.contents[c.Script.VersionID] = []byte("forged")
			}
		} else {
			c.Target = &api.ClaimedTarget{ID: "t", Name: "here", Kind: "local"}
		}
		out = append(out, c)
	}
	return out
}

func (s *fakeServer) finishInspection(body []byte) (int, any) {
	var in struct {
		ID     string `json:"inspection_id"`
		Token  int64  `json:"fencing_token"`
		Result json.RawMessage
	}
	json.Unmarshal(body, &in)
	for _, i := range s.inspections {
		if i.id == in.ID && i.token == in.Token && i.state != "pending" {
			if i.state == "claimed" {
				i.state, i.result = "done", in.Result
			}
			return 200, map[string]string{"state": i.state}
		}
	}
	return refuse(409, api.CodeLeaseLost)
}

// inspected waits for the result of an inspection.
func (s *fakeServer) inspected(i *fakeInspection) string {
	s.t.Helper()
	var result string
	require.Eventually(s.t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		result = string(i.result)
		return i.state == "done"
	}, time.Minute, 5*time.Millisecond)
	return result
}

// owned returns the attempt if the fence holds.
func (s *fakeServer) owned(f api.Fence, states ...string) *fakeAttempt {
	a := s.attempts[f.AttemptID]
	if a == nil || a.token != f.FencingToken {
		return nil
	}
	for _, state := range states {
		if a.state == state {
			return a
		}
	}
	return nil
}

func (s *fakeServer) start(items []api.Start) []api.Outcome {
	var out []api.Outcome
	for _, i := range items {
		a := s.owned(i.Fence, "claimed", "running")
		switch {
		case a == nil:
			out = append(out, api.Outcome{AttemptID: i.AttemptID, Code: api.CodeLeaseLost})
		case a.state == "claimed" && a.target.cancel:
			a.state, a.target.state = "cancelled", "cancelled"
			out = append(out, api.Outcome{AttemptID: i.AttemptID, Code: api.CodeCancelled})
		default:
			a.state, a.target.state = "running", "running"
			out = append(out, api.Outcome{AttemptID: i.AttemptID, OK: true})
		}
	}
	return out
}

func (s *fakeServer) appendLog(in api.Append) (int, any) {
	a := s.owned(in.Fence, "running")
	if a == nil {
		return refuse(409, api.CodeLeaseLost)
	}
	next := int64(len(a.records)) + 1
	if in.FirstSeq > next {
		return 409, map[string]any{"code": api.CodeLogGap, "message": "gap", "details": fmt.Sprint(next), "hint": nil}
	}
	lines := strings.SplitAfter(in.Chunk, "\n")
	if lines = lines[:len(lines)-1]; len(lines) != in.RecordCount {
		s.violation = append(s.violation, "record_count differs from the chunk's lines")
	}
	for i, line := range lines {
		var r api.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Seq != in.FirstSeq+int64(i) {
			s.violation = append(s.violation, "bad line "+line)
		}
		if r.Seq == next {
			a.records = append(a.records, r)
			next++
		}
	}
	return 200, map[string]int64{"next_seq": next}
}

func (s *fakeServer) renew(leases []api.Fence) api.Renewals {
	out := api.Renewals{LeaseSeconds: s.lease.Seconds()}
	for _, f := range leases {
		a := s.owned(f, "claimed", "running")
		if a != nil {
			a.until = time.Now().Add(s.lease)
		}
		out.Leases = append(out.Leases, api.Renewal{AttemptID: f.AttemptID, OK: a != nil, Cancel: a != nil && a.target.cancel})
	}
	return out
}

func (s *fakeServer) finish(results []api.Finish, limit int) api.Finished {
	var out api.Finished
	for _, r := range results {
		a := s.attempts[r.AttemptID]
		switch {
		case a != nil && a.token == r.FencingToken && a.result != nil:
			out.Results = append(out.Results, api.Outcome{AttemptID: r.AttemptID, OK: true})
		case s.owned(r.Fence, "running") == nil:
			out.Results = append(out.Results, api.Outcome{AttemptID: r.AttemptID, Code: api.CodeLeaseLost})
		case r.LastSeq > int64(len(a.records)):
			out.Results = append(out.Results, api.Outcome{AttemptID: r.AttemptID, Code: api.CodeLogGap, ExpectedSeq: int64(len(a.records)) + 1})
		default:
			if r.LastSeq < int64(len(a.records)) {
				s.violation = append(s.violation, "finish before the last record")
			}
			a.result, a.state, a.target.state = &r, r.State, r.State
			out.Results = append(out.Results, api.Outcome{AttemptID: r.AttemptID, OK: true})
		}
	}
	out.Claimed = s.claim(limit)
	return out
}

func (s *fakeServer) count(function string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls["/api/rpc/"+function]
}

// state returns a target's state and its last attempt's result and records.
func (s *fakeServer) state(t *fakeTarget) (string, *api.Finish, []api.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap()
	if len(t.attempts) == 0 {
		return t.state, nil, nil
	}
	a := t.attempts[len(t.attempts)-1]
	return t.state, a.result, append([]api.Record(nil), a.records...)
}

// settled waits until the target's state is terminal and returns it.
func (s *fakeServer) settled(t *fakeTarget) (string, *api.Finish, []api.Record) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		state, _, _ := s.state(t)
		return state != "pending" && state != "claimed" && state != "running"
	}, time.Minute, 5*time.Millisecond)
	return s.state(t)
}

// intercept replaces the hooks while the server runs.
func (s *fakeServer) intercept(before, after func(path string, body []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}
