package psrp

import (
	"errors"
	"fmt"

	"github.com/epo-dev/epo/psrp/clixml"
)

// poolState is the state a server reports for a pool, [MS-PSRP] 2.2.3.4.
type poolState int64

const (
	poolOpened  poolState = 2
	poolClosed  poolState = 3
	poolClosing poolState = 4
	poolBroken  poolState = 5
)

// session is what the messages of the pool itself lead to: pure, without any
// input or output.
//
//	          SESSION_CAPABILITY  APPLICATION_PRIVATE_DATA  STATE Opened
//	(opening) ──────────────────▶ ────────────────────────▶ ────────────▶ (opened)
//	   any state: STATE Broken ▶ error;  STATE Closed ▶ (closed)
type session struct {
	own     version // what this side has declared
	version version
	private *clixml.Dictionary
	state   poolState
}

// receive takes one pool message. Host calls are not its business. known is
// false for messages that do not matter to a client.
func (s *session) receive(m Message, opt clixml.DecodeOptions) (known bool, err error) {
	switch m.Type {
	case MsgSessionCapability:
		v, err := decodeCapability(m.Body, s.own)
		if err != nil {
			return true, err
		}
		s.version = v
	case MsgApplicationPrivateData:
		v, err := clixml.Decode(m.Body, opt)
		if err != nil {
			return true, fmt.Errorf("decode application private data: %w", err)
		}
		s.private = dictionaryOf(member(v, "ApplicationPrivateData"))
	case MsgRunspacePoolState:
		return true, s.receiveState(m.Body, opt)
	case MsgRunspacePoolInitData: // the answer to a connect: the sizes of the pool
		if _, err := clixml.Decode(m.Body, opt); err != nil {
			return true, fmt.Errorf("decode pool data: %w", err)
		}
	default:
		return false, nil
	}
	return true, nil
}

func (s *session) receiveState(body []byte, opt clixml.DecodeOptions) error {
	v, err := clixml.Decode(body, opt)
	if err != nil {
		return fmt.Errorf("decode pool state: %w", err)
	}
	n, ok := intOf(member(v, "RunspaceState"))
	if !ok {
		return protocolError("message", "pool state without RunspaceState")
	}
	switch s.state = poolState(n); s.state {
	case poolOpened:
		if s.version == (version{}) {
			return protocolError("state", "opened without a capability message")
		}
	case poolBroken:
		if r := decodeError(member(v, "ExceptionAsErrorRecord")); r != nil {
			return r
		}
		return errors.New("psrp: the server reports the pool as broken, without a reason")
	}
	return nil
}

func dictionaryOf(v any) *clixml.Dictionary {
	o, _ := v.(*clixml.Object)
	if o == nil {
		return nil
	}
	d, _ := o.Value.(*clixml.Dictionary)
	return d
}

// psVersion gives the version of the engine, "" while it is not known.
func (s *session) psVersion() string {
	table, _ := s.private.Get("PSVersionTable")
	v, _ := dictionaryOf(table).Get("PSVersion")
	return textOf(v)
}
