package psrp

import "context"

// nothing is a transport without another side.
type nothing struct{ Transport }

func (nothing) Close() error     { return nil }
func (nothing) MaxFragment() int { return 32 << 10 }
func (nothing) Send(context.Context, GUID, Stream, []byte) error {
	return nil
}

// ReceiveForTest gives a message to a pool with one run and reads what it makes
// of it.
func ReceiveForTest(kind MessageType, body []byte, toPool bool) {
	c, _ := Config{MaxQueueBytes: 1 << 20}.withDefaults()
	p := newPool(nothing{}, c)
	close(p.read)
	r := p.newRun(Pipeline{})
	_ = p.add(r)
	target := r.id
	if toPool {
		target = GUID{}
	}
	m := AppendMessage(nil, Message{Destination: ToClient, Type: kind, Pipeline: target, Body: body})
	for range 2 {
		for _, f := range p.split(m) {
			if err := p.receive(Packet{Target: target, Data: f}); err != nil {
				p.fail(err)
			}
		}
	}
	_ = p.PSVersion()
	p.fail(ErrPoolClosed)
	p.wg.Wait()
	for {
		if _, err := r.Next(context.Background()); err != nil {
			return
		}
	}
}

// PipelineBodyForTest gives the body of CREATE_PIPELINE.
func PipelineBodyForTest(p Pipeline) any { return encodePipeline(p, version{2, 3}) }
