package wsman

// Namespaces of what is written and read.
const (
	nsSOAP       = "http://www.w3.org/2003/05/soap-envelope"
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsWSMan      = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	nsMicrosoft  = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
	nsShell      = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsFault      = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
	nsConfig     = "http://schemas.microsoft.com/wbem/wsman/1/config"
	nsTransfer   = "http://schemas.xmlsoap.org/ws/2004/09/transfer"

	// PowerShellURI is the namespace of PowerShell's own elements and the begin
	// of its resources: the name of a session configuration follows.
	PowerShellURI = "http://schemas.microsoft.com/powershell"

	anonymous = nsAddressing + "/role/anonymous"
)

// Actions of requests. The action of an answer is that with "Response" behind
// it, or ActionFault.
const (
	ActionCreate  = nsTransfer + "/Create"
	ActionDelete  = nsTransfer + "/Delete"
	ActionCommand = nsShell + "/Command"
	ActionSend    = nsShell + "/Send"
	ActionReceive = nsShell + "/Receive"
	ActionSignal  = nsShell + "/Signal"

	ActionDisconnect = nsShell + "/Disconnect"
	ActionReconnect  = nsShell + "/Reconnect"
	ActionConnect    = nsShell + "/Connect"

	ActionFault = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
)

// Codes of Signal.
const (
	SignalStop      = "powershell/signal/ctrl_c"
	SignalTerminate = nsShell + "/signal/Terminate"
)

// States of a command in the answer to Receive, after the last "/".
const (
	StateRunning = "Running"
	StatePending = "Pending"
	StateDone    = "Done"

	statePrefix = nsShell + "/CommandState/"
)

// Codes of faults that have a meaning to a client.
const (
	CodeTimedOut      uint32 = 2150858793 // the long poll had nothing to tell
	CodeShellNotFound uint32 = 2150858843 // shell or command is gone
	CodeAborted       uint32 = 995        // the command was ended under the request
)
