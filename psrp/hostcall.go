package psrp

import "github.com/epo-dev/epo/psrp/clixml"

// voidCall is the call id of host calls that must not be answered.
const voidCall = -100

// hostCall is a decoded PIPELINE_HOST_CALL or RUNSPACEPOOL_HOST_CALL.
type hostCall struct {
	id     int64
	method HostMethod
	args   []any
	wire   int // bytes it had on the wire
}

func (c hostCall) void() bool { return c.id == voidCall }

// decodeHostCall reads {ci, mi, mp}, [MS-PSRP] 2.2.2.15 and 2.2.2.27.
func decodeHostCall(body []byte, opt clixml.DecodeOptions) (hostCall, error) {
	v, err := clixml.Decode(body, opt)
	if err != nil {
		return hostCall{}, err
	}
	id, ok := intOf(member(v, "ci"))
	if !ok {
		return hostCall{}, protocolError("message", "host call without ci")
	}
	method, ok := intOf(member(v, "mi"))
	if !ok {
		return hostCall{}, protocolError("message", "host call without mi")
	}
	call := hostCall{id: id, method: HostMethod(method), wire: len(body)}
	for _, arg := range itemsOf(member(v, "mp")) {
		call.args = append(call.args, clixml.Base(arg))
	}
	return call, nil
}

// encodeHostResponse makes the body of a host response: a value, or an error
// record when err is set.
func encodeHostResponse(c hostCall, value any, err error) *clixml.Object {
	bag := clixml.NewBag(
		clixml.Property{Name: "ci", Value: c.id},
		clixml.Property{Name: "mi", Value: clixml.NewEnum(
			"System.Management.Automation.Remoting.RemoteHostMethodId", c.method.String(), int32(c.method))},
	)
	switch {
	case err != nil:
		bag.Extended = append(bag.Extended, clixml.Property{Name: "me", Value: encodeHostError(c.method, err)})
	case value != nil:
		bag.Extended = append(bag.Extended, clixml.Property{Name: "mr", Value: value})
	}
	return bag
}

// encodeHostError makes the error record that the script sees as the error of
// its prompt. The category is NotImplemented, as with PowerShell's own null host.
func encodeHostError(m HostMethod, err error) *clixml.Object {
	const exceptionType = "System.Management.Automation.Host.HostException"
	exception := &clixml.Object{
		TypeNames:  []string{exceptionType, "System.Exception", "System.Object"},
		Properties: []clixml.Property{{Name: "Message", Value: err.Error()}},
	}
	return &clixml.Object{
		TypeNames: []string{"System.Management.Automation.ErrorRecord", "System.Object"},
		ToString:  new(err.Error()),
		Extended: []clixml.Property{
			{Name: "Exception", Value: exception},
			{Name: "TargetObject", Value: nil},
			{Name: "FullyQualifiedErrorId", Value: "HostCallFailed," + m.String()},
			{Name: "InvocationInfo", Value: nil},
			{Name: "ErrorCategory_Category", Value: int32(11)},
			{Name: "ErrorCategory_Activity", Value: m.String()},
			{Name: "ErrorCategory_Reason", Value: "HostException"},
			{Name: "ErrorCategory_TargetName", Value: ""},
			{Name: "ErrorCategory_TargetType", Value: ""},
			{Name: "ErrorCategory_Message", Value: "NotImplemented: (:) [], HostException"},
			{Name: "SerializeExtendedInfo", Value: false},
		},
	}
}
