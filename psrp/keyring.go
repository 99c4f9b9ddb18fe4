package psrp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/epo-dev/epo/psrp/clixml"
)

// keyring exchanges the session key of a pool, when it is first needed and once
// however many wait for it.
//
//	PUBLIC_KEY ─▶            server makes an AES key, for the life of the pool
//	           ◀─ ENCRYPTED_SESSION_KEY
//
// A server makes the key by itself when it has a SecureString to send, and
// sends it without waiting; so one may come before the exchange. It is decrypted
// when somebody asks, never by the reader. The other way round a server that
// gets a SecureString before the exchange blocks its whole pool, so this side
// exchanges before it sends one.
type keyring struct {
	arrived chan []byte     // body of ENCRYPTED_SESSION_KEY
	private *rsa.PrivateKey // of the exchange in progress; kept, as an answer may come late

	mu      sync.Mutex
	cipher  *sessionCipher // nil: not exchanged
	pending *exchange
}

// exchange is one try.
type exchange struct {
	done chan struct{}
	err  error
}

// receive takes an ENCRYPTED_SESSION_KEY. The reader calls it and does not wait.
func (k *keyring) receive(m Message) {
	select {
	case k.arrived <- m.Body:
	default: // one is there already
	}
}

// cipher gives the pool's cipher and exchanges keys if that was not done yet.
func (p *Pool) cipher(ctx context.Context) (sessionCipher, error) {
	if p.version().atLeast(4) {
		return sessionCipher{}, nil
	}
	k := &p.keys
	k.mu.Lock()
	if k.cipher != nil {
		defer k.mu.Unlock()
		return *k.cipher, nil
	}
	x := p.beginExchange()
	k.mu.Unlock()
	select {
	case <-x.done:
	case <-ctx.Done():
		return sessionCipher{}, fmt.Errorf("%w: %w", ErrNoSessionKey, ctx.Err())
	case <-p.ctx.Done():
		return sessionCipher{}, fmt.Errorf("%w: %w", ErrNoSessionKey, context.Cause(p.ctx))
	}
	if x.err != nil {
		return sessionCipher{}, fmt.Errorf("%w: %w", ErrNoSessionKey, x.err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return *k.cipher, nil
}

// beginExchange gives the exchange in progress, or a new one. The caller holds
// the lock of the keyring.
func (p *Pool) beginExchange() *exchange {
	if p.keys.pending != nil {
		return p.keys.pending
	}
	x := &exchange{done: make(chan struct{})}
	p.keys.pending = x
	p.spawn(func() {
		c, err := p.exchangeKeys()
		p.keys.mu.Lock()
		defer p.keys.mu.Unlock()
		if x.err = err; err == nil {
			p.keys.cipher = &c
		}
		p.keys.pending = nil
		close(x.done)
	})
	return x
}

func (p *Pool) exchangeKeys() (sessionCipher, error) {
	if p.keys.private == nil {
		private, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			return sessionCipher{}, err
		}
		p.keys.private = private
	}
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.config.AckTimeout, ErrAckTimeout)
	defer cancel()
	defer p.hurry()()
	if err := p.sendPool(ctx, MsgPublicKey, encodePublicKey(&p.keys.private.PublicKey)); err != nil {
		return sessionCipher{}, reason(ctx, p.ctx, err)
	}
	select {
	case body := <-p.keys.arrived:
		return decodeSessionKey(body, p.keys.private)
	case <-ctx.Done():
		return sessionCipher{}, reason(ctx, p.ctx, ctx.Err())
	}
}

// keyRequested answers a server that asks for the exchange, as old ones do.
// Whoever needs the key hears of its errors.
func (p *Pool) keyRequested() {
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	if p.keys.cipher == nil {
		p.beginExchange()
	}
}

// sealed gives v in the form that the wire carries, with its secrets encrypted.
func (p *Pool) sealed(ctx context.Context, v any) (any, error) {
	if !holdsSecret(v) {
		return v, nil
	}
	c, err := p.cipher(ctx)
	if err != nil {
		return nil, err
	}
	return newSealer(c).value(v)
}

// sealedPipeline does the same for the parameters of a pipeline.
func (p *Pool) sealedPipeline(ctx context.Context, pl Pipeline) (Pipeline, error) {
	if !pl.secretInside() {
		return pl, nil
	}
	c, err := p.cipher(ctx)
	if err != nil {
		return pl, err
	}
	return newSealer(c).pipeline(pl)
}

// Decrypt gives the text of a SecureString that came from this pool. The first
// one exchanges the session key, which takes one turn to the server; afterwards
// Decrypt works at once, also when the pool has ended. It may be called by the
// goroutine that reads the run: as long as the exchange lasts, what the run
// tells is queued up to four times Config.MaxQueueBytes.
func (p *Pool) Decrypt(ctx context.Context, s clixml.SecureString) (Secret, error) {
	c, err := p.cipher(ctx)
	if err != nil {
		return Secret{}, fmt.Errorf("decrypt SecureString: %w", err)
	}
	text, err := c.open(s)
	if err != nil {
		return Secret{}, fmt.Errorf("decrypt SecureString: %w", err)
	}
	return NewSecret(text), nil
}

// DecryptCredential reads a PSCredential that came from this pool, as Decrypt.
func (p *Pool) DecryptCredential(ctx context.Context, v any) (Credential, error) {
	name, password, err := credentialParts(v)
	if err != nil {
		return Credential{}, err
	}
	secret, err := p.Decrypt(ctx, password)
	if err != nil {
		return Credential{}, err
	}
	return Credential{UserName: name, Password: secret}, nil
}
