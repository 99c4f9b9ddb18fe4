package psrp

import "strconv"

// ErrorCategory is a System.Management.Automation.ErrorCategory.
type ErrorCategory int32

// String gives the name PowerShell uses, the number where there is none.
func (c ErrorCategory) String() string {
	names := [...]string{
		"NotSpecified", "OpenError", "CloseError", "DeviceError", "DeadlockDetected", "InvalidArgument",
		"InvalidData", "InvalidOperation", "InvalidResult", "InvalidType", "MetadataError", "NotImplemented",
		"NotInstalled", "ObjectNotFound", "OperationStopped", "OperationTimeout", "SyntaxError", "ParserError",
		"PermissionDenied", "ResourceBusy", "ResourceExists", "ResourceUnavailable", "ReadError", "WriteError",
		"FromStdErr", "SecurityError", "ProtocolError", "ConnectionError", "AuthenticationError",
		"LimitsExceeded", "QuotaExceeded", "NotEnabled",
	}
	if c < 0 || int(c) >= len(names) {
		return strconv.Itoa(int(c))
	}
	return names[c]
}

// colorName gives the name of a System.ConsoleColor that travels as enum,
// number or text; "" for null.
func colorName(v any) string {
	names := [...]string{
		"Black", "DarkBlue", "DarkGreen", "DarkCyan", "DarkRed", "DarkMagenta", "DarkYellow", "Gray",
		"DarkGray", "Blue", "Green", "Cyan", "Red", "Magenta", "Yellow", "White",
	}
	n, ok := intOf(v)
	if !ok || n < 0 || int(n) >= len(names) {
		return textOf(v)
	}
	return names[n]
}
