package executor

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/epo-dev/epo/psrp"
)

// session is an open pool for one attempt, wherever its engine is.
type session struct {
	pool  *psrp.Pool
	lines chan string // what the engine's processes write to standard error
	flag  bool        // `exit N` of a file reaches the host

	mu       sync.Mutex
	prompted []string // fields that the engine asked somebody to fill in
}

func newSession() *session { return &session{lines: make(chan string)} }

// localScript is a script that leaves no variables behind.
func localScript(text string, parameters ...psrp.Parameter) psrp.Pipeline {
	local := true
	p := psrp.Script(text, parameters...)
	p.Commands[0].UseLocalScope = &local
	return p
}

// quiet runs a pipeline and gives its output objects. Only a pipeline that
// completed is a success.
func (s *session) quiet(ctx context.Context, p psrp.Pipeline) (out []any, err error) {
	run, err := s.pool.Start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	for {
		event, err := run.Next(ctx)
		if err != nil {
			return out, err
		}
		switch e := event.(type) {
		case psrp.OutputEvent:
			out = append(out, e.Value)
		case psrp.StateEvent:
			if e.State != psrp.PipelineCompleted {
				return out, &pipelineError{e.State, e.Error}
			}
			if _, err := run.Next(ctx); !errors.Is(err, io.EOF) {
				return out, err
			}
			return out, nil
		}
	}
}

// AnswerHostCall answers as an unattended host and notes what was asked for.
func (s *session) AnswerHostCall(ctx context.Context, call psrp.HostCall) (any, error) {
	if fields := promptedFields(call); fields != nil {
		s.mu.Lock()
		s.prompted = fields
		s.mu.Unlock()
	}
	return psrp.Unattended{}.AnswerHostCall(ctx, call)
}

func (s *session) promptedFor() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prompted
}
