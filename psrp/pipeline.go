package psrp

import (
	"iter"
	"time"

	"github.com/epo-dev/epo/psrp/clixml"
)

// A Pipeline is what to run: one statement of one or more commands, and
// possibly further statements. The zero value of every field but Commands is
// right for an unattended script.
type Pipeline struct {
	// Commands is the first statement; each command feeds the next.
	Commands []Command
	// Statements are run after Commands, in order. They run even after `exit`,
	// and only the first statement gets Input.
	Statements [][]Command
	// Host replaces the host of the pool for this pipeline.
	Host *HostInfo
	// Input gives the input objects; nil means none. It is drawn from in a
	// goroutine of its own, only as fast as the server takes it, until the
	// pipeline ends. A non-nil error stops the pipeline and ends its run.
	Input iter.Seq2[any, error]
	// RemoteStreamOptions adds invocation details to records: bit 1 errors, 2
	// warnings, 4 verbose, 8 debug. Each such record may repeat the whole script.
	RemoteStreamOptions int
	// StartTimeout ends the run with ErrNoAnswer when nothing at all has come
	// from the pipeline by then. 0 means no limit: a script may be silent. It is
	// the only way to notice a pipeline that the server could not decode when the
	// transport has no error channel.
	StartTimeout time.Duration
}

// A Command is a script text or the name of a command.
type Command struct {
	Text          string
	IsScript      bool
	UseLocalScope *bool // nil: the engine decides (a script runs in global scope)
	Parameters    []Parameter
	Merge         Merge
}

// A Parameter is an argument. Name may have a leading "-" or none, or be empty
// for a positional argument. A switch has the value true.
type Parameter struct {
	Name  string
	Value any // what clixml can encode
}

// Merge tells where the streams of a command go. The zero value merges nothing.
type Merge struct {
	MyResult, ToResult                          ResultType // `2>&1`: Error to Output
	PreviousResults                             ResultType // take over streams of the command before
	Error, Warning, Verbose, Debug, Information ResultType
}

// MergeAll sends every stream of a command to its output, as `*>&1` does.
func MergeAll() Merge {
	return Merge{
		MyResult: ResultError, ToResult: ResultOutput,
		Error: ResultOutput, Warning: ResultOutput, Verbose: ResultOutput,
		Debug: ResultOutput, Information: ResultOutput,
	}
}

// ResultType names a stream in a [Merge].
type ResultType int32

// The result types. ResultOutput|ResultError is allowed in PreviousResults.
const (
	ResultNone ResultType = iota
	ResultOutput
	ResultError
	ResultWarning
	ResultVerbose
	ResultDebug
	ResultInformation
	ResultAll
	ResultNull
)

// Script makes a pipeline of one script text.
func Script(text string, parameters ...Parameter) Pipeline {
	return Pipeline{Commands: []Command{{Text: text, IsScript: true, Parameters: parameters}}}
}

// Values makes an input of the given objects.
func Values(values ...any) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// encodePipeline makes the body of CREATE_PIPELINE, [MS-PSRP] 2.2.2.10, in the
// form that version v of the protocol knows.
func encodePipeline(p Pipeline, v version) *clixml.Object {
	return clixml.NewBag(
		clixml.Property{Name: "NoInput", Value: p.Input == nil},
		clixml.Property{Name: "ApartmentState", Value: unknownApartment()},
		clixml.Property{Name: "RemoteStreamOptions", Value: clixml.NewEnum(
			"System.Management.Automation.RemoteStreamOptions", "0", int32(p.RemoteStreamOptions))},
		clixml.Property{Name: "AddToHistory", Value: false},
		clixml.Property{Name: "HostInfo", Value: encodeHost(p.Host, p.Host == nil)},
		clixml.Property{Name: "PowerShell", Value: encodePowerShell(p, v)},
		clixml.Property{Name: "IsNested", Value: false},
	)
}

// encodePowerShell makes the PowerShell bag. RedirectShellErrorOutputPipe is
// true as at a console: false would end a script at its first
// statement-terminating error.
func encodePowerShell(p Pipeline, v version) *clixml.Object {
	var extra any
	if len(p.Statements) > 0 && v.atLeast(2) {
		all := []any{statementBag(p.Commands, v)}
		for _, s := range p.Statements {
			all = append(all, statementBag(s, v))
		}
		extra = clixml.NewGenericList(all...)
	}
	return clixml.NewBag(
		clixml.Property{Name: "IsNested", Value: false},
		clixml.Property{Name: "ExtraCmds", Value: extra},
		clixml.Property{Name: "Cmds", Value: encodeCommands(p.Commands, v)},
		clixml.Property{Name: "History", Value: nil},
		clixml.Property{Name: "RedirectShellErrorOutputPipe", Value: true},
	)
}

func statementBag(commands []Command, v version) any {
	return clixml.NewBag(clixml.Property{Name: "Cmds", Value: encodeCommands(commands, v)})
}

func encodeCommands(commands []Command, v version) *clixml.Object {
	list := make([]any, len(commands))
	for i, c := range commands {
		list[i] = encodeCommand(c, v)
	}
	return clixml.NewGenericList(list...)
}

func encodeCommand(c Command, v version) *clixml.Object {
	var scope any
	if c.UseLocalScope != nil {
		scope = *c.UseLocalScope
	}
	bag := clixml.NewBag(
		clixml.Property{Name: "Cmd", Value: c.Text},
		clixml.Property{Name: "IsScript", Value: c.IsScript},
		clixml.Property{Name: "UseLocalScope", Value: scope},
		resultType("MergeMyResult", c.Merge.MyResult),
		resultType("MergeToResult", c.Merge.ToResult),
		resultType("MergePreviousResults", c.Merge.PreviousResults),
	)
	if v.atLeast(2) {
		bag.Extended = append(bag.Extended,
			resultType("MergeError", c.Merge.Error),
			resultType("MergeWarning", c.Merge.Warning),
			resultType("MergeVerbose", c.Merge.Verbose),
			resultType("MergeDebug", c.Merge.Debug))
	}
	if v.atLeast(3) {
		bag.Extended = append(bag.Extended, resultType("MergeInformation", c.Merge.Information))
	}
	bag.Extended = append(bag.Extended, clixml.Property{Name: "Args", Value: encodeArgs(c.Parameters)})
	return bag
}

func resultType(name string, r ResultType) clixml.Property {
	names := [...]string{"None", "Output", "Error", "Output, Error", "Verbose", "Debug", "Information", "All", "Null"}
	text := "None"
	if r >= 0 && int(r) < len(names) {
		text = names[r]
	}
	return clixml.Property{Name: name, Value: clixml.NewEnum(
		"System.Management.Automation.Runspaces.PipelineResultTypes", text, int32(r))}
}

func encodeArgs(parameters []Parameter) *clixml.Object {
	list := make([]any, len(parameters))
	for i, p := range parameters {
		var name any
		if p.Name != "" {
			name = p.Name
		}
		list[i] = clixml.NewBag(clixml.Property{Name: "N", Value: name}, clixml.Property{Name: "V", Value: p.Value})
	}
	return clixml.NewGenericList(list...)
}
