package ssh

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const leastRSABits = 2048

// identity is what a user proves itself with.
type identity struct {
	signers  []xssh.Signer
	password func() (string, error) // nil: none
	agent    io.Closer              // nil: none
}

// close gives up the agent.
func (i *identity) close() {
	if i.agent != nil {
		_ = i.agent.Close() // nothing is lost with it
	}
}

// load reads the keys and asks the agent for its own.
func (a Auth) load(ctx context.Context) (*identity, error) {
	i := &identity{}
	for n, key := range a.Keys {
		signer, err := key.signer()
		if err != nil {
			return nil, &KeyError{Index: n, Err: err}
		}
		i.signers = append(i.signers, signer)
	}
	if a.Agent != "" {
		if err := i.askAgent(ctx, a.Agent); err != nil {
			i.close()
			return nil, fmt.Errorf("ssh: ask the agent at %s: %w", a.Agent, err)
		}
	}
	if a.Password != nil {
		password := *a.Password
		i.password = func() (string, error) { return password.Reveal(), nil }
	}
	if len(i.signers) == 0 && i.password == nil {
		i.close()
		return nil, errors.New("ssh: the agent has no keys")
	}
	return i, nil
}

func (i *identity) askAgent(ctx context.Context, socket string) error {
	conn, err := dialAgent(ctx, socket)
	if err != nil {
		return err
	}
	i.agent = conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return err
	}
	for _, signer := range signers {
		if i.has(signer.PublicKey()) {
			continue
		}
		if usable, err := modern(signer); err == nil {
			i.signers = append(i.signers, usable)
		}
	}
	return nil
}

func (i *identity) has(key xssh.PublicKey) bool {
	return slices.ContainsFunc(i.signers, func(s xssh.Signer) bool {
		return string(s.PublicKey().Marshal()) == string(key.Marshal())
	})
}

// methods gives the ways to authenticate, in order.
func (i *identity) methods() []xssh.AuthMethod {
	var methods []xssh.AuthMethod
	if len(i.signers) > 0 {
		methods = append(methods, xssh.PublicKeys(i.signers...))
	}
	if i.password != nil {
		methods = append(methods, xssh.PasswordCallback(i.password))
	}
	return methods
}

// tried names what methods offers.
func (i *identity) tried() []string {
	var names []string
	for _, s := range i.signers {
		names = append(names, "key "+xssh.FingerprintSHA256(s.PublicKey()))
	}
	if i.password != nil {
		names = append(names, "password")
	}
	return names
}

func (k PrivateKey) signer() (xssh.Signer, error) {
	signer, err := xssh.ParsePrivateKey(k.PEM)
	var missing *xssh.PassphraseMissingError
	if errors.As(err, &missing) {
		phrase := k.Passphrase.Reveal()
		if phrase == "" {
			return nil, ErrPassphrase
		}
		signer, err = xssh.ParsePrivateKeyWithPassphrase(k.PEM, []byte(phrase))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrPassphrase
	case err != nil:
		return nil, errors.New("is not a private key that can be read") // the cause might show a part of it
	}
	return modern(signer)
}

// modern refuses old kinds of keys and keeps RSA from signing with SHA-1.
func modern(signer xssh.Signer) (xssh.Signer, error) {
	public := signer.PublicKey()
	if certificate, ok := public.(*xssh.Certificate); ok {
		public = certificate.Key
	}
	switch public.Type() {
	case xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521,
		xssh.KeyAlgoSKED25519, xssh.KeyAlgoSKECDSA256:
		return signer, nil
	case xssh.KeyAlgoRSA:
		return modernRSA(signer, public)
	}
	return nil, ErrKeyType
}

func modernRSA(signer xssh.Signer, public xssh.PublicKey) (xssh.Signer, error) {
	if crypto, ok := public.(xssh.CryptoPublicKey); ok {
		if key, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok && key.N.BitLen() < leastRSABits {
			return nil, ErrKeyType
		}
	}
	with, ok := signer.(xssh.AlgorithmSigner)
	if !ok {
		return nil, ErrKeyType
	}
	return xssh.NewSignerWithAlgorithms(with, []string{xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSASHA256})
}
