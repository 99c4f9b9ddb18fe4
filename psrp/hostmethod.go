package psrp

import "strconv"

// HostMethod is a method of the host that a server may call, [MS-PSRP] 2.2.3.17.
type HostMethod int32

// The host methods.
const (
	HostGetName                          HostMethod = 1
	HostGetVersion                       HostMethod = 2
	HostGetInstanceID                    HostMethod = 3
	HostGetCurrentCulture                HostMethod = 4
	HostGetCurrentUICulture              HostMethod = 5
	HostSetShouldExit                    HostMethod = 6 // args: exit code int32
	HostEnterNestedPrompt                HostMethod = 7
	HostExitNestedPrompt                 HostMethod = 8
	HostNotifyBeginApplication           HostMethod = 9
	HostNotifyEndApplication             HostMethod = 10
	HostReadLine                         HostMethod = 11
	HostReadLineAsSecureString           HostMethod = 12
	HostWrite1                           HostMethod = 13 // args: text
	HostWrite2                           HostMethod = 14 // args: foreground, background, text
	HostWriteLine1                       HostMethod = 15 // no args
	HostWriteLine2                       HostMethod = 16 // args: text
	HostWriteLine3                       HostMethod = 17 // args: foreground, background, text
	HostWriteErrorLine                   HostMethod = 18 // args: text
	HostWriteDebugLine                   HostMethod = 19 // args: text
	HostWriteProgress                    HostMethod = 20 // args: source int64, record
	HostWriteVerboseLine                 HostMethod = 21 // args: text
	HostWriteWarningLine                 HostMethod = 22 // args: text
	HostPrompt                           HostMethod = 23 // args: caption, message, fields
	HostPromptForCredential1             HostMethod = 24
	HostPromptForCredential2             HostMethod = 25
	HostPromptForChoice                  HostMethod = 26 // args: caption, message, choices, default int32
	HostGetForegroundColor               HostMethod = 27
	HostSetForegroundColor               HostMethod = 28
	HostGetBackgroundColor               HostMethod = 29
	HostSetBackgroundColor               HostMethod = 30
	HostGetCursorPosition                HostMethod = 31
	HostSetCursorPosition                HostMethod = 32
	HostGetWindowPosition                HostMethod = 33
	HostSetWindowPosition                HostMethod = 34
	HostGetCursorSize                    HostMethod = 35
	HostSetCursorSize                    HostMethod = 36
	HostGetBufferSize                    HostMethod = 37
	HostSetBufferSize                    HostMethod = 38
	HostGetWindowSize                    HostMethod = 39
	HostSetWindowSize                    HostMethod = 40
	HostGetWindowTitle                   HostMethod = 41
	HostSetWindowTitle                   HostMethod = 42
	HostGetMaxWindowSize                 HostMethod = 43
	HostGetMaxPhysicalWindowSize         HostMethod = 44
	HostGetKeyAvailable                  HostMethod = 45
	HostReadKey                          HostMethod = 46
	HostFlushInputBuffer                 HostMethod = 47
	HostSetBufferContents1               HostMethod = 48
	HostSetBufferContents2               HostMethod = 49
	HostGetBufferContents                HostMethod = 50
	HostScrollBufferContents             HostMethod = 51
	HostPushRunspace                     HostMethod = 52
	HostPopRunspace                      HostMethod = 53
	HostGetIsRunspacePushed              HostMethod = 54
	HostGetRunspace                      HostMethod = 55
	HostPromptForChoiceMultipleSelection HostMethod = 56
)

// String gives the .NET name of the method, its number where there is none.
func (m HostMethod) String() string {
	names := [...]string{
		"", "GetName", "GetVersion", "GetInstanceId", "GetCurrentCulture", "GetCurrentUICulture",
		"SetShouldExit", "EnterNestedPrompt", "ExitNestedPrompt", "NotifyBeginApplication",
		"NotifyEndApplication", "ReadLine", "ReadLineAsSecureString", "Write1", "Write2", "WriteLine1",
		"WriteLine2", "WriteLine3", "WriteErrorLine", "WriteDebugLine", "WriteProgress",
		"WriteVerboseLine", "WriteWarningLine", "Prompt", "PromptForCredential1", "PromptForCredential2",
		"PromptForChoice", "GetForegroundColor", "SetForegroundColor", "GetBackgroundColor",
		"SetBackgroundColor", "GetCursorPosition", "SetCursorPosition", "GetWindowPosition",
		"SetWindowPosition", "GetCursorSize", "SetCursorSize", "GetBufferSize", "SetBufferSize",
		"GetWindowSize", "SetWindowSize", "GetWindowTitle", "SetWindowTitle", "GetMaxWindowSize",
		"GetMaxPhysicalWindowSize", "GetKeyAvailable", "ReadKey", "FlushInputBuffer", "SetBufferContents1",
		"SetBufferContents2", "GetBufferContents", "ScrollBufferContents", "PushRunspace", "PopRunspace",
		"GetIsRunspacePushed", "GetRunspace", "PromptForChoiceMultipleSelection",
	}
	if m < 1 || int(m) >= len(names) {
		return strconv.Itoa(int(m))
	}
	return names[m]
}
