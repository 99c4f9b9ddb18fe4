package api

import (
	"context"
	"encoding/json"
	"time"
)

// Views of inspections.
const (
	ViewScriptInspections = "script_inspections"
	ViewTargetInspections = "target_inspections"
)

// States of a check of a connection.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckFailed  = "failed"
	CheckSkipped = "skipped"
)

// Kinds of inspections.
const (
	InspectScript = "script"
	InspectTarget = "target"
)

// Why a script is not inspected, though an agent tried.
const (
	NotInspectedConfiguration = "configuration" // parsing the keyword would import modules
	NotInspectedTimeout       = "timeout"       // it took more than 10 s of processor time
	NotInspectedMemory        = "memory"        // it took more than 512 MiB
	NotInspectedCrash         = "crash"         // the parser ended with its process
	NotInspectedTooLarge      = "too_large"     // what was found is too much to keep
)

// ClaimedInspection is one inspection that this agent may do until its lease ends.
type ClaimedInspection struct {
	ID           string         `json:"inspection_id"`
	Kind         string         `json:"kind"`
	FencingToken int64          `json:"fencing_token"`
	LeaseSeconds float64        `json:"lease_seconds"`
	Script       *ClaimedScript `json:"script"`
	Target       *ClaimedTarget `json:"target"`
}

// InspectedScript is what an inspection of a script found: a document, or why there is none.
type InspectedScript struct {
	Engine             EngineInfo      `json:"engine"`
	Document           *ScriptDocument `json:"document,omitempty"`
	NotInspectedReason string          `json:"not_inspected_reason,omitempty"`
	Error              *ErrorInfo      `json:"error,omitempty"` // the inspection itself failed; another agent may try
}

// EngineInfo names the PowerShell that parsed a script.
type EngineInfo struct {
	Version string `json:"version"`
	Edition string `json:"edition"`
}

// ScriptDocument is what PowerShell's parser says of a script.
type ScriptDocument struct {
	OK              bool              `json:"ok"` // no error that another machine would see as well
	Errors          []SyntaxError     `json:"errors"`
	Advanced        bool              `json:"advanced"` // the common parameters are there
	CmdletBinding   map[string]any    `json:"cmdlet_binding"`
	Parameters      []ScriptParameter `json:"parameters"`
	DynamicParam    bool              `json:"dynamic_param"`
	OutputTypes     []string          `json:"output_types"`
	Blocks          []string          `json:"blocks"`
	Help            *ScriptHelp       `json:"help"`
	Requires        *ScriptRequires   `json:"requires"`
	Usings          []ScriptUsing     `json:"usings"`
	Commands        []ScriptCommand   `json:"commands"`
	DynamicCommands []ScriptText      `json:"dynamic_commands"`
	Functions       []string          `json:"functions"`
	Types           []string          `json:"types"`
	Exits           []int             `json:"exits"`
	Truncated       bool              `json:"truncated"` // lists or texts were too long
}

// SyntaxError is one mistake that the parser found. Lines and columns count from 1, the end is behind the last character.
type SyntaxError struct {
	ID          string `json:"id"`
	Message     string `json:"message"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	EndLine     int    `json:"end_line"`
	EndColumn   int    `json:"end_column"`
	Incomplete  bool   `json:"incomplete"`
	Environment bool   `json:"environment"` // it depends on the machine, and blocks nothing
}

// ScriptParameter is one parameter of the param() block.
type ScriptParameter struct {
	Name        string           `json:"name"`
	Type        ParameterType    `json:"type"`
	Mandatory   bool             `json:"mandatory"` // in every set
	Position    *int             `json:"position"`
	Aliases     []string         `json:"aliases"`
	Switch      bool             `json:"switch"`
	Remaining   bool             `json:"remaining"`
	Hidden      bool             `json:"hidden"`
	Help        string           `json:"help"`
	Default     ParameterDefault `json:"default"`
	Sets        []ParameterSet   `json:"sets"`
	Validation  []ParameterRule  `json:"validation"`
	Allow       []string         `json:"allow"`
	Completions []any            `json:"completions"`
	Obsolete    *string          `json:"obsolete"`
	Credential  bool             `json:"credential"`
	Line        int              `json:"line"`
}

// ParameterType is a type as written and as the parsing engine knew it.
type ParameterType struct {
	Name     string   `json:"name"`
	Resolved *string  `json:"resolved"` // nil: that machine does not have it
	Element  *string  `json:"element"`  // without array and nullable
	Array    bool     `json:"array"`
	Nullable bool     `json:"nullable"`
	Flags    bool     `json:"flags"` // several of Enum may be given, with commas
	Enum     []string `json:"enum"`
}

// ParameterDefault is none, a value, or an expression that only the script itself can compute.
type ParameterDefault struct {
	Kind  string  `json:"kind"`
	Value any     `json:"value"`
	Text  *string `json:"text"`
}

// AllParameterSets is the name of the set that stands for all.
const AllParameterSets = "__AllParameterSets"

// ParameterSet is a parameter's part in one parameter set.
type ParameterSet struct {
	Name           string  `json:"name"`
	Mandatory      bool    `json:"mandatory"`
	Position       *int    `json:"position"`
	Pipeline       bool    `json:"pipeline"`
	PipelineByName bool    `json:"pipeline_by_name"`
	Remaining      bool    `json:"remaining"`
	HelpMessage    *string `json:"help_message"`
}

// ParameterRule is one validation attribute. Kind says which of the other members it has.
type ParameterRule struct {
	Kind       string  `json:"kind"` // set, range, length, count, pattern, script, notNull, …, other
	Values     []any   `json:"values,omitempty"`
	IgnoreCase *bool   `json:"ignore_case,omitempty"`
	Generator  *string `json:"generator,omitempty"` // a class makes the values
	Min        any     `json:"min,omitempty"`
	Max        any     `json:"max,omitempty"`
	RangeKind  *string `json:"range_kind,omitempty"` // Positive, NonNegative, …
	Pattern    *string `json:"pattern,omitempty"`
	Options    *string `json:"options,omitempty"`
	Text       *string `json:"text,omitempty"`
	Message    *string `json:"message,omitempty"`
}

// ScriptHelp is comment-based help.
type ScriptHelp struct {
	Synopsis    *string           `json:"synopsis"`
	Description *string           `json:"description"`
	Parameters  map[string]string `json:"parameters"` // names in upper case
	Examples    []string          `json:"examples"`
	Inputs      []string          `json:"inputs"`
	Outputs     []string          `json:"outputs"`
	Notes       *string           `json:"notes"`
	Links       []string          `json:"links"`
}

// ScriptRequires is what #Requires lines ask for.
type ScriptRequires struct {
	Version    *string          `json:"version"`
	Editions   []string         `json:"editions"`
	Elevated   bool             `json:"elevated"`
	Assemblies []string         `json:"assemblies"`
	Modules    []RequiredModule `json:"modules"`
}

// RequiredModule is one module of #Requires.
type RequiredModule struct {
	Name            string  `json:"name"`
	MinimumVersion  *string `json:"minimum_version"`
	RequiredVersion *string `json:"required_version"`
	MaximumVersion  *string `json:"maximum_version"`
	GUID            *string `json:"guid"`
}

// ScriptUsing is a using statement. Those of modules and assemblies were not looked for.
type ScriptUsing struct {
	Kind string  `json:"kind"`
	Text string  `json:"text"`
	Name *string `json:"name"`
	Line int     `json:"line"`
}

// ScriptCommand is a command that the script calls by name.
type ScriptCommand struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Line  int    `json:"line"`
}

// ScriptText is a piece of the script.
type ScriptText struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// ScriptInspection is a row of api.script_inspections.
type ScriptInspection struct {
	ScriptVersionID    string          `json:"script_version_id"`
	State              string          `json:"state"`
	Attempts           int             `json:"attempts"`
	EngineVersion      *string         `json:"engine_version"`
	EngineEdition      *string         `json:"engine_edition"`
	AgentID            *string         `json:"agent_id"`
	OK                 *bool           `json:"ok"`
	NotInspectedReason *string         `json:"not_inspected_reason"`
	Document           *ScriptDocument `json:"document"`
	RequestedAt        time.Time       `json:"requested_at"`
	FinishedAt         *time.Time      `json:"finished_at"`
}

// Finished reports whether the inspection has ended.
func (i ScriptInspection) Finished() bool { return i.State != "pending" && i.State != "claimed" }

// ClaimInspections takes up to limit inspections of the given kinds, all if there are none. It is not repeated by itself.
func (c *Client) ClaimInspections(ctx context.Context, limit int, kinds ...string) ([]ClaimedInspection, error) {
	args := map[string]any{"max": limit}
	if len(kinds) > 0 {
		args["kinds"] = kinds
	}
	var out []ClaimedInspection
	err := c.rpc(ctx, "claim_inspections", false, args, &out)
	return out, err
}

// FinishInspection records a result once, however often it is sent. CodeLeaseLost: another agent has the inspection now.
func (c *Client) FinishInspection(ctx context.Context, i ClaimedInspection, result any) error {
	args := map[string]any{"inspection_id": i.ID, "fencing_token": i.FencingToken, "result": result}
	var out json.RawMessage
	return c.rpc(ctx, "finish_inspection", true, args, &out)
}

// InspectScript has a version inspected again, as after a new PowerShell; a push asks by itself. It returns the id of the
// inspection. Where one is under way already, that is it.
func (c *Client) InspectScript(ctx context.Context, versionID string) (inspectionID string, err error) {
	var out struct {
		InspectionID string `json:"inspection_id"`
	}
	err = c.rpc(ctx, "inspect_script", true, map[string]string{"script_version_id": versionID}, &out)
	return out.InspectionID, err
}
