package winrm_test

import (
	"context"
	"errors"

	"github.com/epo-dev/epo/psrp"
)

// answers is a host that has an answer to some methods.
type answers map[string]any

func (a answers) AnswerHostCall(_ context.Context, call psrp.HostCall) (any, error) {
	if v, ok := a[call.Method.String()]; ok {
		return v, nil
	}
	return nil, errors.New("nobody answers " + call.Method.String())
}
