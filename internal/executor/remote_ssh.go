package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
)

// sshLink is a connection to an SSH server.
type sshLink struct {
	session *ssh.Session
	opened  psrp.Transport
}

func (c connector) connectSSH(ctx context.Context) (link, error) {
	config, err := c.sshConfig()
	if err != nil {
		return nil, err
	}
	session, err := ssh.Dial(ctx, config)
	if err != nil {
		return nil, err
	}
	return &sshLink{session: session, opened: session.Transport()}, nil
}

// sshConfig makes the configuration of target and identity.
func (c connector) sshConfig() (ssh.Config, error) {
	o := c.target.Options
	if o.ConfigurationName != "" {
		return ssh.Config{}, &unsupportedError{"a session configuration cannot be chosen over SSH: the host needs a subsystem line of its own with -ConfigurationFile, and the target its name in option subsystem"}
	}
	config, err := c.sshHost(c.target.HostPort(), o.User, c.identity, o.HostKeys)
	if err != nil {
		return config, err
	}
	config.Subsystem, config.Stderr, config.Redact = o.Subsystem, c.stderr, c.redact
	config.Noise = func(text []byte) {
		c.config.Logger.Debug("executor: target wrote something that is no protocol", "text", c.redact(string(text)))
	}
	if o.Jump == "" {
		return config, nil
	}
	user, hostPort, err := o.JumpHost()
	if err != nil {
		return config, err
	}
	jump, err := c.sshHost(hostPort, user, c.jump, o.JumpHostKeys)
	if err != nil {
		return config, fmt.Errorf("jump host: %w", err)
	}
	config.Jump = &jump
	return config, nil
}

// sshHost is what a host of the way needs.
func (c connector) sshHost(hostPort, user string, id *identity, pinned []string) (ssh.Config, error) {
	config := ssh.Config{Address: hostPort, User: user, Logger: c.config.Logger, ConnectTimeout: min(c.config.OpenTimeout, sshTimeout)}
	if user == "" {
		config.User = id.User
	}
	if config.User == "" {
		return config, &identityError{id.name, "names no user, and neither does the target"}
	}
	if id.Key != "" {
		config.Auth.Keys = []ssh.PrivateKey{{PEM: []byte(id.Key), Passphrase: psrp.NewSecret(id.Passphrase)}}
	}
	config.Auth.Agent, config.Auth.Password = id.Agent, id.password()
	config.HostKeys.Pinned = pinned
	config.HostKeys.Files = append(config.HostKeys.Files, id.knownHosts...)
	for _, file := range c.config.KnownHosts {
		if _, err := os.Stat(file); err == nil {
			config.HostKeys.Files = append(config.HostKeys.Files, file)
		}
	}
	if len(config.HostKeys.Pinned) == 0 && len(config.HostKeys.Files) == 0 {
		return config, &noHostKeyError{hostPort}
	}
	return config, nil
}

// sshTimeout is for everything up to the running subsystem.
const sshTimeout = 30 * time.Second

// jump gives the entry for the jump host of a target.
func (all identities) jump(id *identity) (*identity, error) {
	if id.Jump == "" {
		return id, nil
	}
	if other := all[id.Jump]; other != nil {
		return other, nil
	}
	return nil, &identityError{id.name, fmt.Sprintf("names %q for the jump host, which the agent does not have", id.Jump)}
}

func (l *sshLink) transport() psrp.Transport { return l.opened }

func (l *sshLink) drop() { l.session.Kill() }

func (l *sshLink) close(ctx context.Context) { _ = l.session.Close(ctx) }

// cause prefers how the session has ended.
func (l *sshLink) cause(err error) error {
	var broken *psrp.BrokenError
	if !errors.As(err, &broken) {
		return err
	}
	select {
	case <-l.session.Done():
		if ended := l.session.Wait(); ended != nil && !errors.Is(ended, ssh.ErrClosed) {
			return ended
		}
	default:
	}
	return broken.Err
}

// identityError is an identity that does not fit the target.
type identityError struct{ name, problem string }

func (e *identityError) Error() string { return fmt.Sprintf("identity %q %s", e.name, e.problem) }

// unsupportedError is something that the target cannot do.
type unsupportedError struct{ text string }

func (e *unsupportedError) Error() string { return e.text }

// noHostKeyError is a host of which no key is known at all.
type noHostKeyError struct{ host string }

func (e *noHostKeyError) Error() string {
	return fmt.Sprintf("no key of host %s is known: neither the target's option host_key nor a known_hosts file of the agent names one", e.host)
}
