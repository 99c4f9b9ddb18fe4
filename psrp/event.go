package psrp

import (
	"strconv"

	"github.com/epo-dev/epo/psrp/clixml"
)

// An Event is one thing that a pipeline told, in the order of the server over
// all streams. It is one of the types of this file.
type Event interface{ event() }

// OutputEvent is one object of the output stream.
type OutputEvent struct{ Value any }

// ErrorEvent is one record of the error stream. A script that throws ends with
// the record in its [StateEvent] only.
type ErrorEvent struct{ *ErrorRecord }

// WarningEvent is one record of the warning stream.
type WarningEvent TextRecord

// VerboseEvent is one record of the verbose stream.
type VerboseEvent TextRecord

// DebugEvent is one record of the debug stream.
type DebugEvent TextRecord

// InformationEvent is one record of the information stream.
type InformationEvent struct{ *InformationRecord }

// ProgressEvent is one progress record.
type ProgressEvent struct{ *ProgressRecord }

// HostCallEvent is a call of the host that expects no answer, such as
// WriteLine2 or SetShouldExit. Calls that do are answered by the [HostHandler].
type HostCallEvent struct {
	Method HostMethod
	Args   []any
}

// StateEvent is the last event of a run.
type StateEvent struct {
	State     PipelineState
	Error     *ErrorRecord // what ended the pipeline; nil when Completed
	HadErrors bool         // Failed, or at least one error record
	Dropped   int          // events thrown away after Stop, see [Run.Stop]
}

// UndecodedEvent stands for a message that could not be read. The run goes on.
type UndecodedEvent struct {
	Type MessageType
	Err  error
}

func (OutputEvent) event()      {}
func (ErrorEvent) event()       {}
func (WarningEvent) event()     {}
func (VerboseEvent) event()     {}
func (DebugEvent) event()       {}
func (InformationEvent) event() {}
func (ProgressEvent) event()    {}
func (HostCallEvent) event()    {}
func (StateEvent) event()       {}
func (UndecodedEvent) event()   {}

// PipelineState is the state of a pipeline, [MS-PSRP] 2.2.3.5.
type PipelineState int32

// The pipeline states. Servers report the final ones only: Stopped, Completed
// and Failed.
const (
	PipelineNotStarted PipelineState = iota
	PipelineRunning
	PipelineStopping
	PipelineStopped
	PipelineCompleted
	PipelineFailed
	PipelineDisconnected
)

// Final tells whether nothing follows the state.
func (s PipelineState) Final() bool { return s >= PipelineStopped && s <= PipelineFailed }

// String gives the name of the state.
func (s PipelineState) String() string {
	names := [...]string{"NotStarted", "Running", "Stopping", "Stopped", "Completed", "Failed", "Disconnected"}
	if s < 0 || int(s) >= len(names) {
		return strconv.Itoa(int(s))
	}
	return names[s]
}

// decodeEvent turns a message of a data stream into its event.
func decodeEvent(t MessageType, body []byte, opt clixml.DecodeOptions) Event {
	v, err := clixml.Decode(body, opt)
	if err != nil {
		return UndecodedEvent{Type: t, Err: err}
	}
	switch t {
	case MsgPipelineOutput:
		return OutputEvent{v}
	case MsgErrorRecord:
		if r := decodeError(v); r != nil {
			return ErrorEvent{r}
		}
	case MsgWarningRecord:
		return WarningEvent(decodeText(v))
	case MsgVerboseRecord:
		return VerboseEvent(decodeText(v))
	case MsgDebugRecord:
		return DebugEvent(decodeText(v))
	case MsgInformationRecord:
		return InformationEvent{decodeInformation(v)}
	case MsgProgressRecord:
		return ProgressEvent{decodeProgress(v)}
	}
	return UndecodedEvent{Type: t, Err: protocolError("message", "unexpected body of %v", t)}
}

// decodeState reads a PIPELINE_STATE.
func decodeState(body []byte, opt clixml.DecodeOptions) (StateEvent, error) {
	v, err := clixml.Decode(body, opt)
	if err != nil {
		return StateEvent{}, err
	}
	n, ok := intOf(member(v, "PipelineState"))
	if !ok {
		return StateEvent{}, protocolError("message", "pipeline state without PipelineState")
	}
	s := StateEvent{State: PipelineState(n), Error: decodeError(member(v, "ExceptionAsErrorRecord"))}
	s.HadErrors = s.State == PipelineFailed
	return s, nil
}
