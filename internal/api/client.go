package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/version"
)

// DefaultServer is where `epo up` listens and where the CLI looks when nobody names a server.
const DefaultServer = "http://127.0.0.1:7070"

const (
	requestIDHeader = "X-Request-Id"
	// maxAnswer bounds what the client reads of one answer; the largest is a page of log chunks.
	maxAnswer = 64 << 20
)

// TokenSource gives access tokens. Token is called before each request; refused is the token that the server has just
// turned down, or empty. It may be called by many goroutines at once.
type TokenSource interface {
	Token(ctx context.Context, refused string) (string, error)
}

// Config is what a Client needs. Server is required.
type Config struct {
	Server    string        // base address, http or https
	Tokens    TokenSource   // nil: only calls that need no token
	HTTP      *http.Client  // nil: a client of its own, no proxy for loopback, 4 idle connections
	Retry     Retry         // for idempotent calls
	Timeout   time.Duration // for one try of one call; 0 means 30 s
	UserAgent string        // empty: "epo/<version>"
}

// Client speaks EPO's HTTP interface.
type Client struct {
	base   *url.URL
	config Config
}

// New checks the configuration; it connects to nothing.
func New(c Config) (*Client, error) {
	base, err := ParseServer(c.Server)
	if err != nil {
		return nil, err
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: newTransport()}
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.UserAgent == "" {
		c.UserAgent = "epo/" + version.String()
	}
	return &Client{base: base, config: c}, nil
}

// Server returns the server's address without a slash at its end.
func (c *Client) Server() string { return c.base.String() }

// CloseIdle closes connections that wait for a next call.
func (c *Client) CloseIdle() { c.config.HTTP.CloseIdleConnections() }

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       16 << 10,
		ReadBufferSize:        16 << 10,
	}
}

// ParseServer checks a server's address: http or https, a host, no path. Plain http is refused for anything but loopback.
func ParseServer(address string) (*url.URL, error) {
	if address == "" {
		return nil, errors.New("no server address given")
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	if u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("server address %q: want https://host[:port]", address)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("server address %q: plain http is allowed for this machine only, use https", address)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// call is one request, before a token is known.
type call struct {
	method     string
	path       string
	query      url.Values
	body       any
	accept     string
	anonymous  bool          // send no token
	idempotent bool          // the server takes it twice without harm
	timeout    time.Duration // for one try; 0 means the client's
}

// do sends c, repeats it where that is harmless, and decodes the answer into out unless out is nil.
func (c *Client) do(ctx context.Context, r call, out any) error {
	_, err := c.exchange(ctx, r, out)
	return err
}

// exchange is do that also returns the status.
func (c *Client) exchange(ctx context.Context, r call, out any) (int, error) {
	payload, err := encodeBody(r.body)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", r.path, err)
	}
	id := uuid.Must(uuid.NewV7()).String()
	for failures := 1; ; failures++ {
		status, err := c.try(ctx, r, payload, id, out)
		if err == nil || failures >= c.config.Retry.tries() || !repeatable(err, r.idempotent) {
			return status, err
		}
		if !c.config.Retry.pause(ctx, failures, err) {
			return status, err
		}
	}
}

// try is one try of a call: with a second request when the server turned the token down and a newer one is to be had.
func (c *Client) try(ctx context.Context, r call, payload []byte, id string, out any) (int, error) {
	timeout := r.timeout
	if timeout == 0 {
		timeout = c.config.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, r, payload, id)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return resp.StatusCode, &TransportError{Op: r.method + " " + r.path, Sent: true, Err: cause(ctx, err)}
	}
	if len(body) > maxAnswer {
		return resp.StatusCode, fmt.Errorf("%s %s: the answer is larger than %d MiB", r.method, r.path, maxAnswer>>20)
	}
	if resp.StatusCode >= 400 {
		return resp.StatusCode, decodeError(resp, body)
	}
	if out == nil || resp.StatusCode == http.StatusNoContent || len(body) == 0 {
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return resp.StatusCode, fmt.Errorf("%s %s: decode the answer: %w", r.method, r.path, err)
	}
	return resp.StatusCode, nil
}

// send gets a token and an answer. A 401 is answered once by a newer token, which covers rotated keys and skewed clocks.
func (c *Client) send(ctx context.Context, r call, payload []byte, id string) (*http.Response, error) {
	if r.anonymous {
		return c.roundTrip(ctx, r, payload, id, "")
	}
	if c.config.Tokens == nil {
		return nil, &Error{Status: http.StatusUnauthorized, Code: CodeNotSignedIn, Message: "you are not signed in"}
	}
	token, err := c.config.Tokens.Token(ctx, "")
	if err != nil {
		return nil, err
	}
	resp, err := c.roundTrip(ctx, r, payload, id, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	newer, err := c.config.Tokens.Token(ctx, token)
	if refusal := asError(err); refusal != nil && !Temporary(err) {
		resp.Body.Close()
		return nil, err // why there are no tokens any more, for example that the agent is revoked
	}
	if err != nil || newer == token {
		return resp, nil
	}
	resp.Body.Close()
	return c.roundTrip(ctx, r, payload, id, newer)
}

func (c *Client) roundTrip(ctx context.Context, r call, payload []byte, id, token string) (*http.Response, error) {
	target := *c.base
	target.Path, target.RawQuery = r.path, r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", c.config.UserAgent)
	req.Header.Set(requestIDHeader, id)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.config.HTTP.Do(req)
	if err != nil {
		return nil, &TransportError{Op: r.method + " " + r.path, Sent: !neverSent(err), Err: cause(ctx, err)}
	}
	return resp, nil
}

// neverSent reports whether err says that no connection could be made, so that the server cannot have seen the request.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// cause gives the plain reason instead of the request's whole address, which the operation names already.
func cause(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// encodeBody gives compact JSON without HTML escapes, or nil for no body.
func encodeBody(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// HTTPClient returns the client that carries the requests, so that another Client can share its connections.
func (c *Client) HTTPClient() *http.Client { return c.config.HTTP }
