package psrp

import (
	"time"

	"github.com/epo-dev/epo/psrp/clixml"
)

// An ErrorRecord is a System.Management.Automation.ErrorRecord: a
// non-terminating error in an [ErrorEvent], or what ended a pipeline in its
// [StateEvent]. It is a Go error with the message PowerShell would show.
type ErrorRecord struct {
	Message               string // ErrorDetails.Message, else the exception's
	Exception             *Exception
	FullyQualifiedErrorID string
	Category              ErrorCategory
	Activity              string
	Reason                string
	TargetName            string
	TargetType            string
	CategoryMessage       string
	RecommendedAction     string
	ScriptStackTrace      string
	TargetObject          any
	Invocation            *Invocation    // nil where the record has none
	Raw                   *clixml.Object // the record as it came
}

// Error gives Message.
func (r *ErrorRecord) Error() string { return r.Message }

// An Exception is what is known of a .NET exception.
type Exception struct {
	Type    string // most derived type name, without "Deserialized."
	Message string
	Inner   *Exception
	Raw     *clixml.Object
}

// An Invocation tells where in which script something happened.
type Invocation struct {
	ScriptName       string // full path, "" for script text
	ScriptLineNumber int
	OffsetInLine     int
	Line             string
	Statement        string
	PositionMessage  string
	InvocationName   string
	CommandName      string
	PSScriptRoot     string
	PSCommandPath    string
}

// A TextRecord is a warning, verbose or debug record.
type TextRecord struct {
	Message    string
	Invocation *Invocation // only with Pipeline.RemoteStreamOptions
}

// An InformationRecord is a record of Write-Information or Write-Host.
type InformationRecord struct {
	MessageData any
	Source      string
	Time        time.Time
	Tags        []string // PSHOST marks Write-Host
	User        string
	Computer    string
	ProcessID   uint32
}

// A HostMessage is the MessageData of Write-Host.
type HostMessage struct {
	Message         string
	NoNewLine       bool
	ForegroundColor string // a console color such as "Red"; "" for the default
	BackgroundColor string
}

// Host gives the text and colors of a Write-Host record.
func (r *InformationRecord) Host() (HostMessage, bool) {
	o, ok := r.MessageData.(*clixml.Object)
	if !ok {
		return HostMessage{}, false
	}
	text, ok := o.Get("Message")
	if _, plain := o.Get("NoNewLine"); !ok || !plain {
		return HostMessage{}, false
	}
	return HostMessage{
		Message:         textOf(text),
		NoNewLine:       boolOf(member(o, "NoNewLine")),
		ForegroundColor: colorName(member(o, "ForegroundColor")),
		BackgroundColor: colorName(member(o, "BackgroundColor")),
	}, true
}

// A ProgressRecord is one state of a progress bar.
type ProgressRecord struct {
	Activity          string
	ActivityID        int
	ParentActivityID  int // -1: no parent
	StatusDescription string
	CurrentOperation  string
	PercentComplete   int // -1: unknown
	SecondsRemaining  int // -1: unknown
	Completed         bool
}

func decodeError(v any) *ErrorRecord {
	o, _ := v.(*clixml.Object)
	if o == nil {
		return nil
	}
	r := &ErrorRecord{
		Exception:             decodeException(member(o, "Exception"), 0),
		FullyQualifiedErrorID: textOf(member(o, "FullyQualifiedErrorId")),
		Category:              ErrorCategory(int32Of(member(o, "ErrorCategory_Category"))),
		Activity:              textOf(member(o, "ErrorCategory_Activity")),
		Reason:                textOf(member(o, "ErrorCategory_Reason")),
		TargetName:            textOf(member(o, "ErrorCategory_TargetName")),
		TargetType:            textOf(member(o, "ErrorCategory_TargetType")),
		CategoryMessage:       textOf(member(o, "ErrorCategory_Message")),
		RecommendedAction:     textOf(member(o, "ErrorDetails_RecommendedAction")),
		ScriptStackTrace:      textOf(member(o, "ErrorDetails_ScriptStackTrace")),
		TargetObject:          member(o, "TargetObject"),
		Invocation:            decodeInvocation(o),
		Message:               textOf(member(o, "ErrorDetails_Message")),
		Raw:                   o,
	}
	if r.Message == "" && r.Exception != nil {
		r.Message = r.Exception.Message
	}
	return r
}

// decodeException follows inner exceptions; the limit is for hostile cycles.
func decodeException(v any, depth int) *Exception {
	o, _ := v.(*clixml.Object)
	if o == nil || depth > 8 {
		return nil
	}
	return &Exception{
		Type:    bareType(o.TypeName()),
		Message: textOf(member(o, "Message")),
		Inner:   decodeException(member(o, "InnerException"), depth+1),
		Raw:     o,
	}
}

func bareType(name string) string {
	const prefix = "Deserialized."
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):]
	}
	return name
}

// decodeInvocation reads the InvocationInfo object of a record, or else the
// InvocationInfo_* members that RemoteStreamOptions adds.
func decodeInvocation(o *clixml.Object) *Invocation {
	if info, ok := member(o, "InvocationInfo").(*clixml.Object); ok {
		return invocationFrom(func(name string) any { return member(info, name) })
	}
	if _, ok := o.Get("InvocationInfo_ScriptLineNumber"); ok {
		i := invocationFrom(func(name string) any { return member(o, "InvocationInfo_"+name) })
		i.CommandName = textOf(member(o, "CommandInfo_Name"))
		return i
	}
	return nil
}

func invocationFrom(get func(name string) any) *Invocation {
	return &Invocation{
		ScriptName:       textOf(get("ScriptName")),
		ScriptLineNumber: int(int32Of(get("ScriptLineNumber"))),
		OffsetInLine:     int(int32Of(get("OffsetInLine"))),
		Line:             textOf(get("Line")),
		Statement:        textOf(get("Statement")),
		PositionMessage:  textOf(get("PositionMessage")),
		InvocationName:   textOf(get("InvocationName")),
		CommandName:      textOf(get("MyCommand")),
		PSScriptRoot:     textOf(get("PSScriptRoot")),
		PSCommandPath:    textOf(get("PSCommandPath")),
	}
}

func decodeText(v any) TextRecord {
	o, ok := v.(*clixml.Object)
	if !ok {
		return TextRecord{Message: textOf(v)}
	}
	return TextRecord{
		Message:    textOf(member(o, "InformationalRecord_Message")),
		Invocation: decodeInvocation(o),
	}
}

func decodeInformation(v any) *InformationRecord {
	r := &InformationRecord{
		MessageData: member(v, "MessageData"),
		Source:      textOf(member(v, "Source")),
		User:        textOf(member(v, "User")),
		Computer:    textOf(member(v, "Computer")),
	}
	if n, ok := intOf(member(v, "ProcessId")); ok {
		r.ProcessID = uint32(n)
	}
	if t, ok := clixml.Base(member(v, "TimeGenerated")).(clixml.DateTime); ok {
		r.Time = t.Time()
	}
	for _, tag := range itemsOf(member(v, "Tags")) {
		r.Tags = append(r.Tags, textOf(tag))
	}
	return r
}

func decodeProgress(v any) *ProgressRecord {
	return &ProgressRecord{
		Activity:          textOf(member(v, "Activity")),
		ActivityID:        int(int32Of(member(v, "ActivityId"))),
		ParentActivityID:  int(int32Of(member(v, "ParentActivityId"))),
		StatusDescription: textOf(member(v, "StatusDescription")),
		CurrentOperation:  textOf(member(v, "CurrentOperation")),
		PercentComplete:   int(int32Of(member(v, "PercentComplete"))),
		SecondsRemaining:  int(int32Of(member(v, "SecondsRemaining"))),
		Completed:         int32Of(member(v, "Type")) == 1,
	}
}
