package peer

import (
	"errors"
	"sync"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// A Pipeline is one pipeline that a handler plays.
type Pipeline struct {
	ID      psrp.GUID
	Text    string         // of the first command
	Create  *clixml.Object // body of CREATE_PIPELINE
	Stopped chan struct{}  // closed by Signal and Close
	Inputs  chan any       // closed at the end of input

	server      *Server
	inbox       [2]psrp.Defragmenter
	answers     chan psrp.Message
	signalOnce  sync.Once
	releaseOnce sync.Once
	release     chan struct{} // closed at the end of the server
	started     bool
	noInput     bool
	ended       chan struct{}
	endOnce     sync.Once
	inputEnded  bool
}

func newPipeline(s *Server, id psrp.GUID) *Pipeline {
	return &Pipeline{
		ID: id, server: s, Stopped: make(chan struct{}), Inputs: make(chan any, 4096),
		answers: make(chan psrp.Message, 16), ended: make(chan struct{}), release: make(chan struct{}),
	}
}

func (p *Pipeline) create(m psrp.Message) error {
	v, err := clixml.Decode(m.Body, clixml.DecodeOptions{})
	if err != nil {
		return err
	}
	p.Create, _ = v.(*clixml.Object)
	noInput, _ := p.Create.Get("NoInput")
	p.noInput, _ = noInput.(bool)
	shell, _ := p.Create.Get("PowerShell")
	commands, _ := shell.(*clixml.Object).Get("Cmds")
	first := commands.(*clixml.Object).Value.(*clixml.List).Items[0].(*clixml.Object)
	text, _ := first.Get("Cmd")
	p.Text, _ = text.(string)
	p.started = true
	return nil
}

func (p *Pipeline) input(m psrp.Message) error {
	switch {
	case p == nil:
		return nil // closed already: ignored
	case p.noInput:
		return errors.New("input for a pipeline with NoInput")
	case p.inputEnded:
		return errors.New("input after its end")
	case m.Type == psrp.MsgEndOfPipelineInput:
		p.inputEnded = true
		close(p.Inputs)
		return nil
	}
	v, err := clixml.Decode(m.Body, clixml.DecodeOptions{})
	p.Inputs <- v
	return err
}

func (p *Pipeline) run() {
	p.server.config.Handle(p)
	select {
	case <-p.Stopped:
		p.State(psrp.PipelineStopped, nil)
	default:
		p.State(psrp.PipelineCompleted, nil)
	}
}

// waitEnd waits for the end of a pipeline that was started.
func (p *Pipeline) waitEnd() {
	p.server.mu.Lock()
	started := p.started
	p.server.mu.Unlock()
	if started {
		select {
		case <-p.ended:
		case <-p.release:
		}
	}
}

// Argument gives the value of the first command's parameter at index i.
func (p *Pipeline) Argument(i int) any {
	shell, _ := p.Create.Get("PowerShell")
	commands, _ := shell.(*clixml.Object).Get("Cmds")
	first := commands.(*clixml.Object).Value.(*clixml.List).Items[0].(*clixml.Object)
	args, _ := first.Get("Args")
	v, _ := args.(*clixml.Object).Value.(*clixml.List).Items[i].(*clixml.Object).Get("V")
	return v
}

// Server gives the server of p.
func (p *Pipeline) Server() *Server { return p.server }

// Release gives what closes when the server ends.
func (p *Pipeline) Release() <-chan struct{} { return p.release }

// Output sends one output object.
func (p *Pipeline) Output(v any) { p.server.Send(psrp.MsgPipelineOutput, p.ID, v) }

// Send sends a message of another kind.
func (p *Pipeline) Send(t psrp.MessageType, v any) { p.server.Send(t, p.ID, v) }

// State ends the pipeline; only the first one is sent.
func (p *Pipeline) State(s psrp.PipelineState, record *clixml.Object) {
	p.endOnce.Do(func() {
		bag := clixml.NewBag(clixml.Property{Name: "PipelineState", Value: int32(s)})
		if record != nil {
			bag.Extended = append(bag.Extended, clixml.Property{Name: "ExceptionAsErrorRecord", Value: record})
		}
		p.server.Send(psrp.MsgPipelineState, p.ID, bag)
		close(p.ended)
	})
}

// Silent makes the pipeline end without a state.
func (p *Pipeline) Silent() { p.endOnce.Do(func() { close(p.ended) }) }

// HostCall calls the client's host; id -100 wants no answer.
func (p *Pipeline) HostCall(id int64, method psrp.HostMethod, args ...any) {
	p.Send(psrp.MsgPipelineHostCall, clixml.NewBag(
		clixml.Property{Name: "ci", Value: id},
		clixml.Property{Name: "mi", Value: clixml.NewEnum(
			"System.Management.Automation.Remoting.RemoteHostMethodId", method.String(), int32(method))},
		clixml.Property{Name: "mp", Value: clixml.NewArrayList(args...)}))
}

// Ask calls the client's host and gives the answer, nil when the server ends.
func (p *Pipeline) Ask(id int64, method psrp.HostMethod, args ...any) *clixml.Object {
	p.HostCall(id, method, args...)
	select {
	case m := <-p.answers:
		v, _ := clixml.Decode(m.Body, clixml.DecodeOptions{})
		o, _ := v.(*clixml.Object)
		return o
	case <-p.Stopped:
	case <-p.release:
	}
	return nil
}

// Answers gives the number of answers that nobody has asked for.
func (p *Pipeline) Answers() int { return len(p.answers) }

// Record makes an error record.
func Record(message, id string) *clixml.Object {
	return &clixml.Object{
		TypeNames: []string{"System.Management.Automation.ErrorRecord", "System.Object"},
		ToString:  &message,
		Extended: []clixml.Property{
			{Name: "Exception", Value: &clixml.Object{
				TypeNames:  []string{"System.Management.Automation.RuntimeException", "System.Exception", "System.Object"},
				Properties: []clixml.Property{{Name: "Message", Value: message}},
			}},
			{Name: "FullyQualifiedErrorId", Value: id},
			{Name: "ErrorCategory_Category", Value: int32(14)},
		},
	}
}
