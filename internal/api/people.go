package api

import (
	"context"
	"encoding/json"
	"time"
)

// PushScript is a new version of a script; a name that is not known makes a new script.
type PushScript struct {
	Name        string  `json:"name"`
	Content     []byte  `json:"content"` // exact bytes, base64 in JSON
	Description *string `json:"description,omitempty"`
	Notes       *string `json:"notes,omitempty"`
}

// PushedScript tells which version holds the bytes.
type PushedScript struct {
	ScriptID        string `json:"script_id"`
	ScriptVersionID string `json:"script_version_id"`
	Version         int    `json:"version"`
	SHA256          string `json:"sha256"`
	SizeBytes       int64  `json:"size_bytes"`
	Created         bool   `json:"created"` // false: the latest version has these bytes already
}

// PushScript stores a script. The same bytes again change nothing, so a lost answer is asked for again.
func (c *Client) PushScript(ctx context.Context, p PushScript) (PushedScript, error) {
	var out PushedScript
	err := c.rpc(ctx, "push_script", true, p, &out)
	return out, err
}

// Created is the answer of functions that make one thing.
type Created struct {
	ID string `json:"id"`
}

// CreatePool makes a named set of agents.
func (c *Client) CreatePool(ctx context.Context, name, description string) (Created, error) {
	var out Created
	args := map[string]any{"name": name}
	if description != "" {
		args["description"] = description
	}
	return out, c.rpc(ctx, "create_pool", false, args, &out)
}

// NewTarget is an endpoint to make.
type NewTarget struct {
	Name    string          `json:"name"`
	Kind    string          `json:"kind"` // local, ssh or winrm
	PoolID  string          `json:"pool_id"`
	AgentID string          `json:"agent_id,omitempty"` // only this agent may serve it
	Options json.RawMessage `json:"options,omitempty"`  // see TargetOptions
}

// CreateTarget makes an endpoint.
func (c *Client) CreateTarget(ctx context.Context, t NewTarget) (Created, error) {
	var out Created
	err := c.rpc(ctx, "create_target", false, t, &out)
	return out, err
}

// TargetChange is what shall be different about a target; what is not given stays.
type TargetChange struct {
	TargetID string          `json:"target_id"`
	Options  json.RawMessage `json:"options,omitempty"` // all of them
	Disabled *bool           `json:"disabled,omitempty"`
	PoolID   string          `json:"pool_id,omitempty"`
	AgentID  string          `json:"agent_id,omitempty"`
	AnyAgent bool            `json:"any_agent,omitempty"` // no longer only one agent of the pool
}

// UpdateTarget changes an endpoint. What is claimed afterwards runs by it.
func (c *Client) UpdateTarget(ctx context.Context, t TargetChange) error {
	return c.rpc(ctx, "update_target", true, t, nil)
}

// DeleteTarget removes an endpoint that no run, job or test was ever about; CodeTargetInUse otherwise.
func (c *Client) DeleteTarget(ctx context.Context, targetID string) error {
	return c.rpc(ctx, "delete_target", false, map[string]string{"target_id": targetID}, nil)
}

// InspectTarget has the connection to a target tested, and returns the id of the inspection. Where one is under way already,
// that is it.
func (c *Client) InspectTarget(ctx context.Context, targetID string) (inspectionID string, err error) {
	var out struct {
		InspectionID string `json:"inspection_id"`
	}
	err = c.rpc(ctx, "inspect_target", true, map[string]string{"target_id": targetID}, &out)
	return out.InspectionID, err
}

// NewJob is what to run where.
type NewJob struct {
	Name            string          `json:"name"`
	ScriptID        string          `json:"script_id"`
	ScriptVersionID string          `json:"script_version_id,omitempty"` // empty: the latest at each start
	TargetIDs       []string        `json:"target_ids"`
	Parameters      json.RawMessage `json:"parameters,omitempty"`
	TimeoutSeconds  int             `json:"timeout_seconds,omitempty"`
	Retryable       bool            `json:"retryable,omitempty"`
	MaxAttempts     int             `json:"max_attempts,omitempty"`
}

// CreateJob makes a job.
func (c *Client) CreateJob(ctx context.Context, j NewJob) (Created, error) {
	var out Created
	err := c.rpc(ctx, "create_job", false, j, &out)
	return out, err
}

// QueueRun starts a job, or a script on targets. IdempotencyKey is required: the same key again gives the first run.
type QueueRun struct {
	JobID          string          `json:"job_id,omitempty"`
	ScriptID       string          `json:"script_id,omitempty"`
	VersionID      string          `json:"script_version_id,omitempty"` // empty: the latest
	TargetIDs      []string        `json:"target_ids,omitempty"`
	Parameters     json.RawMessage `json:"parameters,omitempty"`
	TimeoutSeconds int             `json:"timeout_seconds,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// QueuedRun tells which run the call made or found.
type QueuedRun struct {
	RunID   string `json:"run_id"`
	State   string `json:"state"`
	Checked *bool  `json:"checked,omitempty"` // whether the parameters were compared with the inspected script; nil: an older server
	Created bool   `json:"created"`
}

// QueueRun starts a run. A lost answer is asked for again under the same key.
func (c *Client) QueueRun(ctx context.Context, q QueueRun) (QueuedRun, error) {
	var out QueuedRun
	err := c.rpc(ctx, "queue_run", q.IdempotencyKey != "", q, &out)
	return out, err
}

// CancelRun asks for the end of a run; CodeRunFinished when it has ended already.
func (c *Client) CancelRun(ctx context.Context, runID string) (QueuedRun, error) {
	var out QueuedRun
	err := c.rpc(ctx, "cancel_run", true, map[string]string{"run_id": runID}, &out)
	return out, err
}

// EnrollmentToken is a one-time right to enroll an agent. It holds a secret and prints without it.
type EnrollmentToken struct {
	ID        string    `json:"id"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// String leaves the token out.
func (t EnrollmentToken) String() string { return "enrollment token " + t.ID }

// GoString leaves the token out.
func (t EnrollmentToken) GoString() string { return t.String() }

// CreateEnrollmentToken makes a token for one agent of the pool; ttlSeconds 0 means the server's default, at most 3600.
func (c *Client) CreateEnrollmentToken(ctx context.Context, poolID string, ttlSeconds int) (EnrollmentToken, error) {
	var out EnrollmentToken
	args := map[string]any{"pool_id": poolID}
	if ttlSeconds > 0 {
		args["ttl_seconds"] = ttlSeconds
	}
	err := c.rpc(ctx, "create_enrollment_token", false, args, &out)
	return out, err
}

// RevokeAgent takes an agent's access away for good.
func (c *Client) RevokeAgent(ctx context.Context, agentID string) error {
	return c.rpc(ctx, "revoke_agent", true, map[string]string{"agent_id": agentID}, nil)
}
