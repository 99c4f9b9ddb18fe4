package winrm

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/epo-dev/epo/psrp/winrm/internal/sealing"
)

const (
	// maxAnswer is how large an HTTP answer may be, header and body: far more
	// than the envelope that was asked for.
	maxAnswer = 8 << 20
	// maxInformational is how many 1xx answers may come before the real one.
	maxInformational = 5
)

// connection is one TCP connection with its security context. It carries one
// request at a time and is of no use after an error.
type connection struct {
	config   settled
	net      net.Conn
	meter    *meter
	reader   *bufio.Reader
	tls      *tls.ConnectionState
	security Security
	closing  bool // the server announced to close it
	since    time.Time
}

// dial opens a connection and authenticates it.
func dial(ctx context.Context, config settled) (*connection, error) {
	raw, err := config.Dial(ctx, "tcp", config.address)
	if err != nil {
		return nil, fmt.Errorf("winrm: connect: %w", err)
	}
	c := &connection{config: config, net: raw}
	if err := c.open(ctx); err != nil {
		_ = c.net.Close() // it was never used
		return nil, err
	}
	return c, nil
}

func (c *connection) open(ctx context.Context) error {
	defer c.interrupt(ctx)()
	if c.config.TLS != nil {
		secure := tls.Client(c.net, c.config.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("winrm: TLS: %w", cause(ctx, err))
		}
		state := secure.ConnectionState()
		c.net, c.tls = secure, &state
	}
	c.meter = &meter{r: c.net}
	c.reader = bufio.NewReaderSize(c.meter, 32<<10)
	security, err := c.config.Auth.Authenticate(ctx, Channel{Host: c.config.url.Hostname(), TLS: c.tls}, c.handshake)
	if err != nil {
		return fmt.Errorf("winrm: authenticate: %w", err)
	}
	if c.tls == nil && security.Sealer == nil {
		return ErrUnsealed
	}
	if security.Protocol == "" {
		security.Protocol = sealing.SPNEGO
	}
	c.security = security
	return nil
}

// handshake is the Exchange for the authenticator.
func (c *connection) handshake(ctx context.Context, authorization string) (Challenge, error) {
	if c.closing {
		return Challenge{}, errors.New("winrm: the server closes the connection during the handshake")
	}
	response, _, err := c.exchange(ctx, authorization, sealing.SOAP, nil)
	if err != nil {
		return Challenge{}, err
	}
	return Challenge{
		Refused: response.StatusCode == http.StatusUnauthorized,
		Offers:  response.Header.Values("WWW-Authenticate"),
	}, nil
}

// post sends one envelope and gives the envelope of the answer, which is a
// fault if the status was 500.
func (c *connection) post(ctx context.Context, envelope []byte) ([]byte, error) {
	defer c.interrupt(ctx)()
	contentType, body, err := c.protect(envelope)
	if err != nil {
		return nil, err
	}
	response, answer, err := c.exchange(ctx, c.security.Authorization, contentType, body)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusInternalServerError:
		return c.unprotect(response, answer)
	case http.StatusUnauthorized:
		if c.security.Authorization != "" {
			return nil, Challenge{Offers: response.Header.Values("WWW-Authenticate")}.refusal()
		}
	}
	return nil, &HTTPError{Status: response.StatusCode}
}

// protect gives the body that may go over this connection. This and unprotect
// are the only ways in and out: on plain HTTP nothing passes unsealed.
func (c *connection) protect(envelope []byte) (contentType string, body []byte, err error) {
	if c.tls != nil {
		return sealing.SOAP, envelope, nil
	}
	if c.security.Sealer == nil {
		return "", nil, ErrUnsealed
	}
	body, err = sealing.Encode(c.security.Protocol, c.security.Sealer, envelope)
	if err != nil {
		return "", nil, fmt.Errorf("winrm: seal: %w", err)
	}
	return sealing.ContentType(c.security.Protocol), body, nil
}

func (c *connection) unprotect(response *http.Response, body []byte) ([]byte, error) {
	contentType := response.Header.Get("Content-Type")
	if c.tls != nil {
		if kind, _, _ := mime.ParseMediaType(contentType); kind != "application/soap+xml" {
			return nil, &HTTPError{Status: response.StatusCode}
		}
		return body, nil
	}
	if protocol, ok := sealing.IsSealed(contentType); !ok || protocol != c.security.Protocol {
		return nil, ErrUnsealed
	}
	return sealing.Decode(body, c.security.Sealer)
}

// exchange is one HTTP request and its answer.
func (c *connection) exchange(ctx context.Context, authorization, contentType string, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", "epo")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if len(body) == 0 {
		request.Body = http.NoBody
	}
	writer := bufio.NewWriterSize(c.net, 32<<10)
	if err := errors.Join(request.Write(writer), writer.Flush()); err != nil {
		return nil, nil, fmt.Errorf("winrm: send request: %w", cause(ctx, err))
	}
	c.meter.left = maxAnswer
	response, answer, err := c.read(request)
	if err != nil {
		return nil, nil, fmt.Errorf("winrm: read answer: %w", cause(ctx, err))
	}
	c.closing = c.closing || response.Close
	return response, answer, nil
}

func (c *connection) read(request *http.Request) (*http.Response, []byte, error) {
	for range maxInformational {
		response, err := http.ReadResponse(c.reader, request)
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return nil, nil, err
		}
		if response.StatusCode >= 200 {
			return response, body, nil
		}
	}
	return nil, nil, errors.New("too many informational answers")
}

// interrupt makes the end of ctx end what is under way. The connection is lost
// then. The function it gives is to be called when all is done.
func (c *connection) interrupt(ctx context.Context) func() {
	raw := c.net
	stop := context.AfterFunc(ctx, func() {
		_ = raw.SetDeadline(time.Unix(1, 0)) // a closed connection needs none
	})
	return func() {
		if !stop() {
			c.closing = true // the deadline is set, or about to be
		}
	}
}

// cause prefers why ctx ended to the time-out that this led to.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// meter limits how much is read for one answer.
type meter struct {
	r    io.Reader
	left int64
}

func (m *meter) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(b)) > m.left {
		b = b[:m.left]
	}
	n, err := m.r.Read(b)
	m.left -= int64(n)
	return n, err
}
