package winrmtest

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

var (
	errNotFound = &fault{codeNotFound, "w:InvalidSelectors", "The shell was not found on the server."}
	errTimedOut = &fault{codeTimedOut, "w:TimedOut", "The operation did not complete within OperationTimeout."}
	errAborted  = &fault{codeAborted, "w:InternalError", "The I/O operation has been aborted."}
	errAway     = &fault{codeAway, "w:InternalError", "The shell is disconnected."}
	errInput    = &fault{codeBadInput, "w:InvalidParameter", "The parameter is incorrect."}
)

// shell is one engine with what it has said and nobody has fetched yet.
type shell struct {
	id      string
	engine  psrp.Transport
	release func()
	pumped  chan struct{} // closed when the engine says no more

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	outputs map[string]*output
	gone    bool
	away    bool // disconnected
}

// output is what a target has said.
type output struct {
	pieces [][]byte
	done   bool // of a command: its final state is among the pieces
	err    error
	watch  psrp.Defragmenter
}

// perform does what the request says.
func (s *Server) perform(ctx context.Context, r *request) (string, error) {
	if r.operation() == "Create" {
		return s.create(ctx, r)
	}
	s.mu.Lock()
	sh := s.shells[r.shell()] // as on Windows, letter by letter
	s.mu.Unlock()
	if sh == nil {
		return "", errNotFound
	}
	switch r.operation() {
	case "Command":
		return sh.command(ctx, r)
	case "Send":
		return sh.send(ctx, r)
	case "Receive":
		return sh.receive(ctx, r)
	case "Signal":
		return sh.signal(ctx, r)
	case "Delete":
		return s.remove(ctx, sh)
	case "Disconnect", "Reconnect":
		sh.change(func() { sh.away = r.operation() == "Disconnect" })
		return "", nil
	}
	return "", &fault{codeNoCommand, "w:InternalError", "not supported: " + r.Header.Action}
}

func (s *Server) create(ctx context.Context, r *request) (string, error) {
	if r.Body.Shell == nil {
		return "", errInput
	}
	first, err := base64.StdEncoding.DecodeString(r.Body.Shell.Creation)
	if err != nil {
		return "", errInput
	}
	engine, release, err := s.config.Engine()
	if err != nil {
		return "", err
	}
	sh := &shell{
		id: r.Body.Shell.ID, engine: engine, release: release, pumped: make(chan struct{}),
		changed: make(chan struct{}), outputs: map[string]*output{"": {}},
	}
	go sh.pump()
	if err := engine.OpenPool(ctx, first); err != nil {
		sh.close()
		return "", err
	}
	s.mu.Lock()
	s.shells[sh.id] = sh
	s.mu.Unlock()
	return createdBody(r, sh.id), nil
}

func (s *Server) remove(ctx context.Context, sh *shell) (string, error) {
	s.mu.Lock()
	delete(s.shells, sh.id)
	s.mu.Unlock()
	for command := range sh.commands() {
		id, _ := sh.target(command)
		if err := sh.engine.ClosePipeline(ctx, id); err != nil {
			sh.close()
			return "", err
		}
	}
	err := sh.engine.ClosePool(ctx)
	sh.close()
	return "", err
}

// commands are those that were not terminated.
func (sh *shell) commands() map[string]*output {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	all := maps.Clone(sh.outputs)
	delete(all, "")
	return all
}

// pump takes what the engine says.
func (sh *shell) pump() {
	defer close(sh.pumped)
	for {
		packet, err := sh.engine.Receive()
		var lost *psrp.TargetError
		switch {
		case errors.As(err, &lost):
			sh.change(func() { sh.output(lost.Target).err = lost.Err })
		case err != nil:
			sh.change(func() { sh.gone = true })
			return
		default:
			sh.change(func() { sh.output(packet.Target).add(packet.Data) })
		}
	}
}

func (sh *shell) change(f func()) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	f()
	close(sh.changed)
	sh.changed = make(chan struct{})
}

// output gives that of a target; one that nobody knows is thrown away.
func (sh *shell) output(target psrp.GUID) *output {
	name := ""
	if !target.IsZero() {
		name = strings.ToUpper(target.String())
	}
	if o := sh.outputs[name]; o != nil {
		return o
	}
	return new(output)
}

// add keeps a piece and looks for the final state.
func (o *output) add(data []byte) {
	o.pieces = append(o.pieces, data)
	_ = o.watch.Feed(data, func(object []byte) error { // a client will see what is wrong
		m, err := psrp.ParseMessage(object)
		if err == nil && m.Type == psrp.MsgPipelineState {
			o.done = true
		}
		return nil
	})
}

func (sh *shell) close() {
	_ = sh.engine.Close() // it may have been closed in order
	<-sh.pumped
	sh.release()
}

func (sh *shell) command(ctx context.Context, r *request) (string, error) {
	if r.Body.CommandLine == nil {
		return "", errInput
	}
	id, err := clixml.ParseGUID(r.Body.CommandLine.ID)
	first, err2 := base64.StdEncoding.DecodeString(r.Body.CommandLine.Arguments)
	if err != nil || err2 != nil || id.IsZero() {
		return "", errInput
	}
	sh.change(func() { sh.outputs[r.Body.CommandLine.ID] = new(output) })
	if err := sh.engine.OpenPipeline(ctx, id, first); err != nil {
		return "", err
	}
	return `<rsp:CommandResponse><rsp:CommandId>` + r.Body.CommandLine.ID + `</rsp:CommandId></rsp:CommandResponse>`, nil
}

// target reads a CommandId that must be known.
func (sh *shell) target(command string) (psrp.GUID, error) {
	if command == "" {
		return psrp.GUID{}, nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	id, err := clixml.ParseGUID(command)
	if sh.outputs[command] == nil || err != nil {
		return psrp.GUID{}, errNotFound
	}
	return id, nil
}

func (sh *shell) send(ctx context.Context, r *request) (string, error) {
	if r.Body.Send == nil {
		return "", errInput
	}
	in := r.Body.Send.Stream
	id, err := sh.target(in.Command)
	if err != nil {
		return "", err
	}
	data, err := base64.StdEncoding.DecodeString(in.Data)
	if err != nil || in.Name != "stdin" && in.Name != "pr" {
		return "", errInput
	}
	stream := psrp.Default
	if in.Name == "pr" {
		stream = psrp.PromptResponse
	}
	return "<rsp:SendResponse/>", sh.engine.Send(ctx, id, stream, data)
}

func (sh *shell) signal(ctx context.Context, r *request) (string, error) {
	if r.Body.Signal == nil {
		return "", errInput
	}
	id, err := sh.target(r.Body.Signal.Command)
	if err != nil {
		return "", err
	}
	const answer = "<rsp:SignalResponse/>"
	switch code := r.Body.Signal.Code; {
	case strings.HasSuffix(code, "/ctrl_c"):
		return answer, sh.engine.Signal(ctx, id)
	case strings.HasSuffix(code, "/Terminate"):
		err := sh.engine.ClosePipeline(ctx, id)
		sh.change(func() {
			o := sh.outputs[r.Body.Signal.Command]
			delete(sh.outputs, r.Body.Signal.Command)
			if o != nil && !o.done {
				o.err = errAborted
			}
		})
		return answer, err
	}
	return "", errInput
}

// receive waits for output, as long as the client wants to.
func (sh *shell) receive(ctx context.Context, r *request) (string, error) {
	command := r.command()
	if _, err := sh.target(command); err != nil {
		return "", err
	}
	sh.mu.Lock()
	o := sh.outputs[command]
	sh.mu.Unlock()
	timer := time.NewTimer(r.hold())
	defer timer.Stop()
	for {
		sh.mu.Lock()
		changed := sh.changed
		body, err := "", error(errAway)
		if !sh.away {
			body, err = o.take(command, r.Header.MaxEnvelopeSize, sh.gone)
		}
		sh.mu.Unlock()
		if body != "" || err != nil {
			return body, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return "", errTimedOut
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// take gives an answer of at most size bytes, "" while there is none.
func (o *output) take(command string, size int, gone bool) (string, error) {
	const overhead, each = 2 << 10, 200
	room := size - overhead
	n := 0
	for ; n < len(o.pieces); n++ {
		room -= base64.StdEncoding.EncodedLen(len(o.pieces[n])) + each
		if room < 0 && n > 0 {
			break
		}
	}
	pieces := o.pieces[:n]
	o.pieces = o.pieces[n:]
	done := o.done && len(o.pieces) == 0
	switch {
	case len(pieces) > 0, done:
		return receiveBody(command, pieces, done), nil
	case o.err != nil:
		return "", o.err
	case gone:
		return "", errNotFound
	}
	return "", nil
}
