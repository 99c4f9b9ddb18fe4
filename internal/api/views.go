package api

import (
	"encoding/json"
	"time"
)

// Names of the views, as List and One take them.
const (
	ViewAgents           = "agents"
	ViewAttempts         = "attempts"
	ViewEnrollmentTokens = "enrollment_tokens"
	ViewJobs             = "jobs"
	ViewJobTargets       = "job_targets"
	ViewPools            = "pools"
	ViewRunLogs          = "job_run_logs"
	ViewRuns             = "job_runs"
	ViewRunTargets       = "job_run_targets"
	ViewScripts          = "scripts"
	ViewScriptContents   = "script_contents"
	ViewScriptVersions   = "script_versions"
	ViewTargets          = "targets"
	ViewTargetTests      = "target_inspections"
	ViewUsers            = "users"
)

// Agent is a row of api.agents.
type Agent struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	PoolID        string     `json:"pool_id"`
	PoolName      string     `json:"pool_name"`
	State         string     `json:"state"` // active or revoked
	Version       string     `json:"version"`
	Hostname      string     `json:"hostname"`
	OS            string     `json:"os"`
	Arch          string     `json:"arch"`
	Isolation     string     `json:"isolation"`
	EngineVersion string     `json:"engine_version"`
	Warm          *int       `json:"warm"`
	Capacity      *int       `json:"capacity"`
	LastSeenAt    *time.Time `json:"last_seen_at"`
	Online        bool       `json:"online"`
	CreatedAt     time.Time  `json:"created_at"`
}

// Pool is a row of api.pools.
type Pool struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
}

// Script is a row of api.scripts.
type Script struct {
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	Description     string    `json:"description"`
	LatestVersion   int       `json:"latest_version"`
	LatestVersionID string    `json:"latest_version_id"`
	CreatedBy       string    `json:"created_by"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
}

// ScriptVersion is a row of api.script_versions.
type ScriptVersion struct {
	ID            string    `json:"id"`
	ScriptID      string    `json:"script_id"`
	ScriptName    string    `json:"script_name"`
	Version       int       `json:"version"`
	SHA256        string    `json:"sha256"`
	SizeBytes     int64     `json:"size_bytes"`
	Notes         string    `json:"notes"`
	CreatedBy     string    `json:"created_by"`
	CreatedByName string    `json:"created_by_name"`
	CreatedAt     time.Time `json:"created_at"`
}

// ScriptContent is a row of api.script_contents.
type ScriptContent struct {
	ScriptVersionID string `json:"script_version_id"`
	Content         []byte `json:"content"` // base64 in JSON
}

// Target is a row of api.targets.
type Target struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	PoolID    string          `json:"pool_id"`
	PoolName  string          `json:"pool_name"`
	AgentID   *string         `json:"agent_id"`
	Options   json.RawMessage `json:"options"`
	Disabled  bool            `json:"disabled"`
	CreatedAt time.Time       `json:"created_at"`
}

// TargetTest is a row of api.target_inspections: one test of the connection to a target.
type TargetTest struct {
	ID          string            `json:"id"`
	TargetID    string            `json:"target_id"`
	State       string            `json:"state"`  // pending, claimed, done, failed or expired
	Result      *ConnectionResult `json:"result"` // when done
	Error       *ErrorInfo        `json:"error"`  // when failed
	RequestedAt time.Time         `json:"requested_at"`
	FinishedAt  *time.Time        `json:"finished_at"`
}

// ConnectionResult is what a test of a connection found out.
type ConnectionResult struct {
	OK        bool              `json:"ok"`
	Checks    []ConnectionCheck `json:"checks"`
	Cause     string            `json:"cause"`   // one sentence, where it is not ok
	Edition   string            `json:"edition"` // Core or Desktop
	Version   string            `json:"version"`
	ElapsedMS float64           `json:"elapsed_ms"`
}

// ConnectionCheck is one step of a test: dns, port, tls, host_key, authentication, session and so on.
type ConnectionCheck struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warning, failed or skipped
	Detail string `json:"detail"`
	Advice string `json:"advice"`
}

// Person is a row of api.users.
type Person struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	DisplayName  string     `json:"display_name"`
	Disabled     bool       `json:"disabled"`
	Roles        []string   `json:"roles"`
	CreatedAt    time.Time  `json:"created_at"`
	LastSignInAt *time.Time `json:"last_sign_in_at"`
}

// Job is a row of api.jobs.
type Job struct {
	ID              string          `json:"id"`
	Name            string          `json:"name"`
	ScriptID        string          `json:"script_id"`
	ScriptName      string          `json:"script_name"`
	ScriptVersionID *string         `json:"script_version_id"` // nil: the latest at each start
	Parameters      json.RawMessage `json:"parameters"`
	TimeoutSeconds  *int            `json:"timeout_seconds"`
	Retryable       bool            `json:"retryable"`
	MaxAttempts     int             `json:"max_attempts"`
	CreatedBy       string          `json:"created_by"`
	CreatedAt       time.Time       `json:"created_at"`
}

// JobTarget is a row of api.job_targets.
type JobTarget struct {
	JobID      string `json:"job_id"`
	TargetID   string `json:"target_id"`
	TargetName string `json:"target_name"`
}

// Run is a row of api.job_runs.
type Run struct {
	ID                string          `json:"id"`
	JobID             *string         `json:"job_id"`
	JobName           *string         `json:"job_name"`
	ScriptID          string          `json:"script_id"`
	ScriptName        string          `json:"script_name"`
	ScriptVersionID   string          `json:"script_version_id"`
	ScriptVersion     int             `json:"script_version"`
	ScriptSHA256      string          `json:"script_sha256"`
	Parameters        json.RawMessage `json:"parameters"`
	Checked           bool            `json:"checked"` // the parameters were compared with the inspected script
	State             string          `json:"state"`
	Trigger           string          `json:"trigger"`
	RequestedBy       *string         `json:"requested_by"`
	RequestedByName   *string         `json:"requested_by_name"`
	CreatedAt         time.Time       `json:"created_at"`
	StartedAt         *time.Time      `json:"started_at"`
	FinishedAt        *time.Time      `json:"finished_at"`
	ExpiresAt         *time.Time      `json:"expires_at"`
	CancelRequestedAt *time.Time      `json:"cancel_requested_at"`
	TargetsTotal      int             `json:"targets_total"`
	TargetsPending    int             `json:"targets_pending"`
	TargetsActive     int             `json:"targets_active"`
	TargetsSucceeded  int             `json:"targets_succeeded"`
	TargetsFailed     int             `json:"targets_failed"`
}

// Finished reports whether the run's state is terminal.
func (r Run) Finished() bool { return r.State != "" && r.State != "queued" && r.State != "running" }

// RunTarget is a row of api.job_run_targets.
type RunTarget struct {
	ID                string     `json:"id"`
	RunID             string     `json:"run_id"`
	TargetID          string     `json:"target_id"`
	TargetName        string     `json:"target_name"`
	State             string     `json:"state"`
	ExitCode          *int       `json:"exit_code"`
	Error             *ErrorInfo `json:"error"`
	Attempts          int        `json:"attempts"`
	AgentID           *string    `json:"agent_id"`
	AgentName         *string    `json:"agent_name"`
	ClaimedAt         *time.Time `json:"claimed_at"`
	StartedAt         *time.Time `json:"started_at"`
	FinishedAt        *time.Time `json:"finished_at"`
	CancelRequestedAt *time.Time `json:"cancel_requested_at"`
}

// Attempt is a row of api.attempts.
type Attempt struct {
	ID             string     `json:"id"`
	RunID          string     `json:"run_id"`
	RunTargetID    string     `json:"run_target_id"`
	Number         int        `json:"number"`
	AgentID        string     `json:"agent_id"`
	AgentName      string     `json:"agent_name"`
	State          string     `json:"state"`
	ExitCode       *int       `json:"exit_code"`
	Error          *ErrorInfo `json:"error"`
	Isolation      *string    `json:"isolation"`
	EngineVersion  *string    `json:"engine_version"`
	ClaimedAt      *time.Time `json:"claimed_at"`
	StartedAt      *time.Time `json:"started_at"`
	FinishedAt     *time.Time `json:"finished_at"`
	LeaseExpiresAt *time.Time `json:"lease_expires_at"`
	NextSeq        int64      `json:"next_seq"` // one more than the last record that is stored
}

// LogChunk is a row of api.job_run_logs: records first_seq..last_seq of one attempt.
type LogChunk struct {
	RunID       string    `json:"run_id"`
	AttemptID   string    `json:"attempt_id"`
	RunTargetID string    `json:"run_target_id"`
	FirstSeq    int64     `json:"first_seq"`
	LastSeq     int64     `json:"last_seq"`
	Chunk       string    `json:"chunk"` // NDJSON, one Record per line
	CreatedAt   time.Time `json:"created_at"`
}
