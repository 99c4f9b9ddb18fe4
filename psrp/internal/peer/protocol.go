package peer

import (
	"errors"
	"fmt"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/stdio"
)

// data takes a Data line. The ack of the last fragment of a pipeline precedes
// its start.
func (s *Server) data(l stdio.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unacked[l.Target] {
		return fmt.Errorf("second Data for %s before the ack of the first", l.Target)
	}
	p := s.pipelines[l.Target]
	if !l.Target.IsZero() && p == nil && !s.closed[l.Target] {
		return errors.New("mistake: Data for a pipeline without Command")
	}
	s.unacked[l.Target] = true
	var after []func()
	inbox := &s.inbox
	if p != nil {
		inbox = &p.inbox[l.Stream]
	}
	err := inbox.Feed(l.Data, func(object []byte) error {
		m, err := psrp.ParseMessage(object)
		if err != nil {
			return err
		}
		if !s.config.NoMemory {
			s.received = append(s.received, m)
		}
		f, err := s.message(p, m)
		if f != nil {
			after = append(after, f)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.ackData(l.Target, p, after)
	return nil
}

// ackData acks a pool's Data after the answers, a pipeline's before them.
func (s *Server) ackData(target psrp.GUID, p *Pipeline, after []func()) {
	run := func() {
		for _, f := range after {
			f()
		}
	}
	s.wg.Go(func() {
		if p == nil {
			run()
		}
		s.Ack(stdio.DataAck, target, func() {
			s.mu.Lock()
			delete(s.unacked, target)
			s.mu.Unlock()
		})
		if p != nil {
			run()
		}
	})
}

// message takes a message and gives what is to be done about it.
func (s *Server) message(p *Pipeline, m psrp.Message) (func(), error) {
	if m.Destination != psrp.ToServer {
		return nil, errors.New("message is not for the server")
	}
	if p == nil && s.config.OnMessage != nil && s.config.OnMessage(s, m) {
		return nil, nil
	}
	if err := s.checkSecrets(m); err != nil {
		return nil, err
	}
	switch m.Type {
	case psrp.MsgPublicKey:
		return s.exchange(m)
	case psrp.MsgSetMaxRunspaces, psrp.MsgSetMinRunspaces, psrp.MsgResetRunspaceState:
		return func() { s.Available(m, true) }, nil
	case psrp.MsgGetAvailableRunspaces:
		return func() { s.Available(m, int32(1)) }, nil
	case psrp.MsgSessionCapability:
		return func() { s.capability(m) }, nil
	case psrp.MsgInitRunspacePool:
		s.pool = m.Pool
		return s.open, nil
	case psrp.MsgCreatePipeline:
		if err := p.create(m); err != nil {
			return nil, err
		}
		return func() { s.wg.Go(p.run) }, nil
	case psrp.MsgPipelineInput, psrp.MsgEndOfPipelineInput:
		return nil, p.input(m)
	case psrp.MsgPipelineHostResponse:
		p.answers <- m
		return nil, nil
	}
	return nil, nil
}

func (s *Server) capability(m psrp.Message) {
	s.mu.Lock()
	v, _ := clixml.Decode(m.Body, clixml.DecodeOptions{})
	o, _ := v.(*clixml.Object)
	declared, _ := o.Get("protocolversion")
	own, _ := declared.(clixml.Version)
	var version any = string(own)
	if s.config.Version != "" {
		version = s.config.Version
	}
	s.key.plain = own == "2.4" && version == "2.4"
	s.mu.Unlock()
	s.Send(psrp.MsgSessionCapability, psrp.GUID{}, clixml.NewBag(
		clixml.Property{Name: "protocolversion", Value: version},
		clixml.Property{Name: "PSVersion", Value: clixml.Version("2.0")},
		clixml.Property{Name: "SerializationVersion", Value: clixml.Version("1.1.0.1")}))
}

func (s *Server) open() {
	if s.config.OnOpen != nil {
		s.config.OnOpen(s)
		return
	}
	s.Open()
}

// Available answers a request about the pool.
func (s *Server) Available(m psrp.Message, answer any) {
	v, _ := clixml.Decode(m.Body, clixml.DecodeOptions{})
	o, _ := v.(*clixml.Object)
	id, _ := o.Get("ci")
	s.Send(psrp.MsgRunspaceAvailability, psrp.GUID{}, clixml.NewBag(
		clixml.Property{Name: "SetMinMaxRunspacesResponse", Value: answer},
		clixml.Property{Name: "ci", Value: id}))
}

// Open tells the client that its pool is open.
func (s *Server) Open() {
	table := clixml.NewPrimitiveDictionary(clixml.Entry{Key: "PSVersion", Value: clixml.Version("7.6.9")})
	private := clixml.NewPrimitiveDictionary(clixml.Entry{Key: "PSVersionTable", Value: table})
	s.Send(psrp.MsgApplicationPrivateData, psrp.GUID{},
		clixml.NewBag(clixml.Property{Name: "ApplicationPrivateData", Value: private}))
	s.State(2)
}

func (s *Server) command(id psrp.GUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id.IsZero() || s.pipelines[id] != nil || s.closed[id] {
		return errors.New("mistake: Command for a pipeline that exists")
	}
	s.pipelines[id] = newPipeline(s, id)
	s.Ack(stdio.CommandAck, id, nil)
	return nil
}

func (s *Server) signal(id psrp.GUID) error {
	s.mu.Lock()
	p := s.pipelines[id]
	s.mu.Unlock()
	if id.IsZero() {
		return errors.New("mistake: Signal for the pool")
	}
	if p == nil {
		s.Ack(stdio.SignalAck, id, nil)
		return nil
	}
	p.signalOnce.Do(func() { close(p.Stopped) })
	s.wg.Go(func() {
		p.waitEnd()
		s.Ack(stdio.SignalAck, id, nil)
	})
	return nil
}

func (s *Server) close(id psrp.GUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id.IsZero() {
		return s.closePool()
	}
	p := s.pipelines[id]
	if s.closed[id] {
		return fmt.Errorf("second Close for %s", id)
	}
	if p == nil {
		s.closed[id] = true
		s.Ack(stdio.CloseAck, id, nil)
		return nil
	}
	delete(s.pipelines, id)
	s.closed[id] = true
	p.signalOnce.Do(func() { close(p.Stopped) })
	s.wg.Go(func() {
		p.waitEnd()
		s.Ack(stdio.CloseAck, id, nil)
	})
	return nil
}

// closePool is stricter than an engine, which would wait for the rest.
func (s *Server) closePool() error {
	if n := len(s.pipelines); n > 0 {
		return fmt.Errorf("mistake: Close of the pool with %d pipelines not closed", n)
	}
	s.reset()
	s.wg.Go(func() {
		s.closeState()
		s.Write(stdio.Line{Kind: stdio.CloseAck})
	})
	return nil
}

func (s *Server) closeState() {
	s.State(4)
	s.State(3)
}

func (s *Server) stopAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pipelines {
		p.signalOnce.Do(func() { close(p.Stopped) })
		p.releaseOnce.Do(func() { close(p.release) })
	}
}
