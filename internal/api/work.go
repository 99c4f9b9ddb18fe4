package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Claim is one run target that this agent may work on for as long as it renews the lease.
type Claim struct {
	RunID          string          `json:"run_id"`
	RunTargetID    string          `json:"run_target_id"`
	AttemptID      string          `json:"attempt_id"`
	AttemptNumber  int             `json:"attempt_number"`
	FencingToken   int64           `json:"fencing_token"`
	LeaseSeconds   float64         `json:"lease_seconds"`
	LeaseExpiresAt time.Time       `json:"lease_expires_at"` // database time; never compared with this machine's clock
	Script         ClaimedScript   `json:"script"`
	Parameters     json.RawMessage `json:"parameters"`
	Target         ClaimedTarget   `json:"target"`
	TimeoutSeconds int             `json:"timeout_seconds"` // 0: none
	Retryable      bool            `json:"retryable"`       // another agent may start it when this lease ends
}

// ClaimedScript is the version to run.
type ClaimedScript struct {
	VersionID string `json:"version_id"`
	Name      string `json:"name"`
	Version   int    `json:"version"`
	SHA256    string `json:"sha256"`
	SizeBytes int64  `json:"size_bytes"`
	Content   []byte `json:"content"` // only when small; else ask ScriptContent
}

// ClaimedTarget is where to run it.
type ClaimedTarget struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Kind    string          `json:"kind"`
	Options json.RawMessage `json:"options"`
}

// Fence names an attempt and proves the right to write for it.
type Fence struct {
	AttemptID    string `json:"attempt_id"`
	FencingToken int64  `json:"fencing_token"`
}

// Start says that the script of an attempt is about to start.
type Start struct {
	Fence
	Isolation     string `json:"isolation"`
	EngineVersion string `json:"engine_version"`
}

// Outcome is the server's answer for one attempt of a batch.
type Outcome struct {
	AttemptID   string `json:"attempt_id"`
	OK          bool   `json:"ok"`
	Code        string `json:"code"`         // why not
	ExpectedSeq int64  `json:"expected_seq"` // with CodeLogGap
}

// Finish is the result of one attempt whose records up to LastSeq are stored.
type Finish struct {
	Fence
	LastSeq int64 `json:"last_seq"` // 0: no record
	Result
}

// Finished answers FinishAttempts.
type Finished struct {
	Results []Outcome `json:"results"`
	Claimed []Claim   `json:"claimed"`
}

// Renewal is the server's answer for one lease.
type Renewal struct {
	AttemptID string `json:"attempt_id"`
	OK        bool   `json:"ok"`     // false: the lease belongs to somebody else or the attempt is over
	Cancel    bool   `json:"cancel"` // somebody asked for the run's end
}

// Renewals answers RenewLeases.
type Renewals struct {
	Leases       []Renewal `json:"leases"`
	LeaseSeconds float64   `json:"lease_seconds"`
}

// AwaitWork returns true when there may be work or a cancel, false after timeout without either. It holds one connection
// and no database connection of the server.
func (c *Client) AwaitWork(ctx context.Context, timeout time.Duration) (bool, error) {
	query := url.Values{"timeout": {strconv.Itoa(int(timeout / time.Second))}}
	r := call{method: http.MethodGet, path: "/agent/wait", query: query, timeout: timeout + 10*time.Second}
	status, err := c.exchange(ctx, r, nil)
	return status == http.StatusOK, err
}

// ClaimRunTargets takes up to limit run targets. It is not repeated by itself: what a lost answer held comes back to the
// queue when its lease ends.
func (c *Client) ClaimRunTargets(ctx context.Context, limit int) ([]Claim, error) {
	var out []Claim
	err := c.rpc(ctx, "claim_run_targets", false, map[string]int{"max_targets": limit}, &out)
	return out, err
}

// StartAttempts commits that these scripts start. Only attempts whose Outcome is OK may be started.
func (c *Client) StartAttempts(ctx context.Context, items []Start) ([]Outcome, error) {
	var out []Outcome
	err := c.rpc(ctx, "start_attempts", true, map[string]any{"items": items}, &out)
	return out, err
}

// Append is a batch of an attempt's records, FirstSeq and following without a gap.
type Append struct {
	Fence
	FirstSeq    int64  `json:"first_seq"`
	RecordCount int    `json:"record_count"`
	Chunk       string `json:"chunk"` // NDJSON, one Record per line, a newline after each
}

// AppendLog stores records and returns the next seq that the server expects. A repeat changes nothing, an overlap is
// trimmed, a gap is CodeLogGap and a stale token CodeLeaseLost.
func (c *Client) AppendLog(ctx context.Context, a Append) (nextSeq int64, err error) {
	var out struct {
		NextSeq int64 `json:"next_seq"`
	}
	err = c.rpc(ctx, "append_log", true, a, &out)
	return out.NextSeq, err
}

// RenewLeases renews all leases at once, brings cancel requests back, and tells the server how the agent is.
func (c *Client) RenewLeases(ctx context.Context, leases []Fence, info AgentInfo) (Renewals, error) {
	var out Renewals
	if leases == nil {
		leases = []Fence{}
	}
	err := c.rpc(ctx, "renew_leases", true, map[string]any{"leases": leases, "agent": info}, &out)
	return out, err
}

// FinishAttempts records results, each once however often it is sent, and claims up to claimMax run targets in the same
// transaction. With claimMax above 0 it is not repeated by itself, as ClaimRunTargets is not.
func (c *Client) FinishAttempts(ctx context.Context, results []Finish, claimMax int) (Finished, error) {
	var out Finished
	args := map[string]any{"results": results, "claim_max": claimMax}
	err := c.rpc(ctx, "finish_attempts", claimMax == 0, args, &out)
	return out, err
}

// ScriptContent returns the exact bytes of a script version that this agent has a live attempt on.
func (c *Client) ScriptContent(ctx context.Context, versionID string) ([]byte, error) {
	var out struct {
		Content []byte `json:"content"`
	}
	err := c.rpc(ctx, "get_script_content", true, map[string]string{"script_version_id": versionID}, &out)
	return out.Content, err
}

// ExpectedSeq returns the seq that the server wants next, from an error with CodeLogGap; 0 when it does not say.
func ExpectedSeq(err error) int64 {
	if e := asError(err); e != nil && e.Code == CodeLogGap {
		n, _ := strconv.ParseInt(e.Details, 10, 64)
		return n
	}
	return 0
}
