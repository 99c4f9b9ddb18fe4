package psrp

import (
	"context"
	"fmt"

	"github.com/epo-dev/epo/psrp/clixml"
)

// A HostCall is a call of the host that the server waits on.
type HostCall struct {
	Pipeline GUID // zero for calls of the pool itself
	Method   HostMethod
	Args     []any
	Host     *HostInfo // the host the caller was told of; may be nil
}

// A HostHandler answers the host calls that expect an answer. Calls of one
// pipeline come one after the other, those of different pipelines in parallel.
//
// The value must be one that clixml can encode, nil for null. An error, also a
// panic, reaches the script as an ordinary error. ctx ends with the pipeline
// and when it is being stopped.
type HostHandler interface {
	AnswerHostCall(ctx context.Context, call HostCall) (any, error)
}

// HostHandlerFunc makes a function a HostHandler.
type HostHandlerFunc func(ctx context.Context, call HostCall) (any, error)

// AnswerHostCall calls f.
func (f HostHandlerFunc) AnswerHostCall(ctx context.Context, call HostCall) (any, error) {
	return f(ctx, call)
}

// Unattended is the HostHandler of a pool without one. Nobody is there: what
// can be answered from facts is, PromptForChoice takes the default where there
// is one, and everything else is an error. Nothing ever waits.
type Unattended struct{}

// AnswerHostCall implements HostHandler.
func (Unattended) AnswerHostCall(_ context.Context, call HostCall) (any, error) {
	if v, ok := staticAnswer(call.Method); ok {
		return v, nil
	}
	if v, ok := screenAnswer(call); ok {
		return v, nil
	}
	if call.Method == HostPromptForChoice && len(call.Args) >= 4 {
		if n, ok := intOf(call.Args[3]); ok && n >= 0 {
			return int32(n), nil
		}
	}
	return nil, fmt.Errorf("%v is not possible: nobody is there to answer", call.Method)
}

func staticAnswer(m HostMethod) (any, bool) {
	switch m {
	case HostGetName:
		return "EPO", true
	case HostGetVersion:
		return clixml.Version("1.0"), true
	case HostGetInstanceID:
		return GUID{}, true
	case HostGetCurrentCulture, HostGetCurrentUICulture:
		return "en-US", true
	case HostGetKeyAvailable:
		return false, true
	case HostGetWindowTitle:
		return "", true
	}
	return nil, false
}

// screenAnswer answers the RawUI getters from the screen the server was told of.
func screenAnswer(call HostCall) (any, bool) {
	if call.Host == nil || !call.Host.RawUI {
		return nil, false
	}
	width, height := call.Host.size()
	switch call.Method {
	case HostGetForegroundColor:
		return int32(7), true
	case HostGetBackgroundColor:
		return int32(0), true
	case HostGetCursorSize:
		return int32(25), true
	case HostGetCursorPosition, HostGetWindowPosition:
		return encodeCoordinates(0, 0), true
	case HostGetBufferSize, HostGetWindowSize, HostGetMaxWindowSize, HostGetMaxPhysicalWindowSize:
		return encodeSize(width, height), true
	}
	return nil, false
}

// answer calls h and turns a panic into an error.
func answer(ctx context.Context, h HostHandler, call HostCall) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("host handler panicked: %v", r)
		}
	}()
	if call.Method == HostGetBufferContents {
		return nil, fmt.Errorf("%v is refused: a script may not read the screen", call.Method)
	}
	return h.AnswerHostCall(ctx, call)
}
