package api

import "context"

// ConnectionTest is what a test of the connection to a target found: the result of an inspection of a target, and what
// `epo-agent doctor --target` prints as JSON.
type ConnectionTest struct {
	OK        bool              `json:"ok"`
	Checks    []ConnectionCheck `json:"checks"`
	Cause     *string           `json:"cause"`   // one sentence; nil when OK
	Edition   string            `json:"edition"` // Core or Desktop, "" if no session came about
	Version   string            `json:"version"`
	ElapsedMS int64             `json:"elapsed_ms"`
	Error     *ErrorInfo        `json:"error,omitempty"` // the test itself failed; nothing is known
}

// ConnectionCheck is one step of it.
type ConnectionCheck struct {
	Name   string `json:"name"`  // dns, port, tls, host_key, authentication, session, edition, language_mode, execution_policy, double_hop
	State  string `json:"state"` // one of the following
	Detail string `json:"detail,omitempty"`
	Advice string `json:"advice,omitempty"`
}

// States of a check.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckFailed  = "failed"
	CheckSkipped = "skipped"
)

// Asked answers InspectScript and InspectTarget.
type Asked struct {
	InspectionID string `json:"inspection_id"`
	State        string `json:"state"`
}

// InspectScript asks for another inspection of a script version; a push asks by itself.
func (c *Client) InspectScript(ctx context.Context, versionID string) (Asked, error) {
	var out Asked
	err := c.rpc(ctx, "inspect_script", true, map[string]string{"script_version_id": versionID}, &out)
	return out, err
}

// InspectTarget asks for a test of the connection to a target.
func (c *Client) InspectTarget(ctx context.Context, targetID string) (Asked, error) {
	var out Asked
	err := c.rpc(ctx, "inspect_target", true, map[string]string{"target_id": targetID}, &out)
	return out, err
}
