package api

import (
	"bytes"
	"encoding/json"
	"time"
)

// The streams of a record.
const (
	StreamOutput      = "output"      // a line of text PowerShell's formatter made
	StreamObject      = "object"      // one emitted object
	StreamError       = "error"       // an error record
	StreamWarning     = "warning"     // Write-Warning
	StreamVerbose     = "verbose"     // Write-Verbose
	StreamDebug       = "debug"       // Write-Debug
	StreamInformation = "information" // Write-Information
	StreamProgress    = "progress"    // Write-Progress
	StreamHost        = "host"        // Write-Host and the script's own host output
	StreamSystem      = "system"      // a note of the agent or the engine
)

// Record is one line of a run's log.
type Record struct {
	Seq    int64     `json:"seq"`    // 1..N per attempt without a gap
	Time   time.Time `json:"time"`   // UTC, RFC 3339 with nanoseconds
	Stream string    `json:"stream"` // one of the Stream constants
	// Text is what a reader of the stream sees. In JSON it is absent for object
	// and progress and present, if only as "", for every other stream.
	Text string `json:"text"`
	// Object is the emitted object in stream object, an ErrorInfo in stream
	// error, structured data in information and progress, else absent.
	Object json.RawMessage `json:"object,omitempty"`
}

// MarshalJSON leaves out what the stream does not have.
func (r Record) MarshalJSON() ([]byte, error) {
	type record struct { // Record in the order of its fields
		Seq    int64           `json:"seq"`
		Time   time.Time       `json:"time"`
		Stream string          `json:"stream"`
		Text   *string         `json:"text,omitempty"`
		Object json.RawMessage `json:"object,omitempty"`
	}
	l := record{Seq: r.Seq, Time: r.Time, Stream: r.Stream, Object: r.Object}
	if r.Text != "" || r.Stream != StreamObject && r.Stream != StreamProgress {
		l.Text = &r.Text
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // a log is no HTML, and an escape takes six bytes
	err := enc.Encode(l)
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), err
}

// The states an attempt can end in.
const (
	StateSucceeded = "succeeded"
	StateFailed    = "failed"
	StateCancelled = "cancelled"
	StateTimedOut  = "timed_out"
	StateUnknown   = "unknown" // nobody knows whether the script ran
)

// Result is how an attempt ended.
type Result struct {
	State    string     `json:"state"`     // one of the State constants
	ExitCode *int       `json:"exit_code"` // nil where no script end was seen
	Error    *ErrorInfo `json:"error"`     // nil when succeeded
}

// ErrorInfo says what went wrong: the reason in a Result, or an error record.
// Code is stable; everything after Message comes from PowerShell.
type ErrorInfo struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	ErrorID    string `json:"error_id,omitempty"` // fully qualified error id
	Category   string `json:"category,omitempty"`
	Exception  string `json:"exception,omitempty"` // type name of the exception
	TargetName string `json:"target_name,omitempty"`
	Position   string `json:"position,omitempty"` // text with the line and a marker
	ScriptName string `json:"script_name,omitempty"`
	StackTrace string `json:"stack_trace,omitempty"`
	Parameter  string `json:"parameter,omitempty"` // the rejected parameter
	Line       int    `json:"line,omitempty"`      // 1-based line in the script
}

// Codes of ErrorInfo that an agent gives.
const (
	CodeScriptError       = "script_error"       // an error record or terminating error of the script
	CodeScriptExit        = "script_exit"        // the script called exit with a number other than 0
	CodeParameterRejected = "parameter_rejected" // the engine's binder refused a parameter
	CodeRuntimeMissing    = "runtime_missing"    // no PowerShell on the machine
	CodeDigestMismatch    = "digest_mismatch"    // the script bytes are not those that were approved
	CodeTimedOut          = "timed_out"
	CodeCancelled         = "cancelled"
	CodeEngineDied        = "engine_died"     // the PowerShell process ended before the script did
	CodeKilled            = "killed"          // the engine did not stop in time and was killed
	CodeOutputOverflow    = "output_overflow" // more output than the run may make
	CodeAgentRestarted    = "agent_restarted" // the agent ended while the script ran
	CodeLeaseLost         = "lease_lost"      // another attempt owns the run target now
	CodeInternal          = "internal"        // the agent could not do its part
)
