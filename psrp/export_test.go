package psrp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// nothing is a transport without another side.
type nothing struct{ Transport }

func (nothing) Close() error     { return nil }
func (nothing) MaxFragment() int { return 32 << 10 }
func (nothing) Send(context.Context, GUID, Stream, []byte) error {
	return nil
}

var smallKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
})

// ReceiveForTest gives a message to a pool with one run and reads what it makes
// of it.
func ReceiveForTest(kind MessageType, body []byte, toPool bool) {
	c, _ := Config{MaxQueueBytes: 1 << 20}.withDefaults()
	p := newPool(nothing{}, NewGUID(), c)
	p.keys.private = smallKey() // making one of full size takes as long as thousands of messages
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
