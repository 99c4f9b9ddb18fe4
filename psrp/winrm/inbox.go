package winrm

import (
	"context"
	"sync"

	"github.com/epo-dev/epo/psrp"
)

// inbox hands what the Receive loops fetched to Transport.Receive, one piece at
// a time: a loop asks the server for more only when its last piece was taken.
type inbox struct {
	pieces chan piece
	ended  chan struct{}
	once   sync.Once
	err    error // set before ended is closed
}

// piece is a packet, the loss of a pipeline, or a mark.
type piece struct {
	packet psrp.Packet
	err    error
	mark   chan struct{}
}

func newInbox() *inbox {
	return &inbox{pieces: make(chan piece), ended: make(chan struct{})}
}

// put waits until p is taken; it tells whether it was.
func (b *inbox) put(ctx context.Context, p piece) bool {
	select {
	case b.pieces <- p:
		return true
	case <-ctx.Done():
	case <-b.ended:
	}
	return false
}

// take gives the next packet or error, for ever the same one after the end.
func (b *inbox) take() (psrp.Packet, error) {
	for {
		select {
		case p := <-b.pieces:
			if p.mark == nil {
				return p.packet, p.err
			}
			close(p.mark)
		case <-b.ended:
			return psrp.Packet{}, b.err
		}
	}
}

// flush returns when everything that was put before has been taken and take was
// called again.
func (b *inbox) flush(ctx context.Context) {
	b.put(ctx, piece{mark: make(chan struct{})})
}

// end makes take give err from now on. Only the first call counts.
func (b *inbox) end(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.ended)
	})
}
