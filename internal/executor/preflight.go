package executor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/winrm"
)

// The steps of a connection test, in order.
const (
	stepDNS            = "dns"
	stepPort           = "port"
	stepTLS            = "tls"
	stepHostKey        = "host_key"
	stepAuthentication = "authentication"
	stepSession        = "session"
	stepEdition        = "edition"
	stepLanguage       = "language_mode"
	stepPolicy         = "execution_policy"
	stepDoubleHop      = "double_hop"
)

var steps = []string{stepDNS, stepPort, stepTLS, stepHostKey, stepAuthentication, stepSession, stepEdition, stepLanguage, stepPolicy, stepDoubleHop}

// preflight goes the way of an attempt to a target, step by step, and stops at
// the first that fails.
type preflight struct {
	*remote
	checks map[string]api.ConnectionCheck
}

// inspectRemote goes the way to a target, up to a script of one line.
func (e *Executor) inspectRemote(ctx context.Context, target api.TargetSpec, targetName string) api.ConnectionResult {
	a := &attempt{
		executor: e, wrap: wrapScript,
		request:  Request{AttemptID: "connection test", ScriptName: "epo-connection-test", Script: []byte("'ok'"), Target: target, TargetName: targetName},
		recorder: &recorder{emit: func(api.Record) {}, now: e.config.Now},
	}
	p := &preflight{
		remote: &remote{attempt: a, session: newSession(), gone: make(chan struct{}), token: newToken()},
		checks: map[string]api.ConnectionCheck{},
	}
	p.test(ctx)
	p.remote.close(false)
	return p.result()
}

func (p *preflight) result() api.ConnectionResult {
	r := api.ConnectionResult{OK: true, Edition: p.facts.edition, Version: p.facts.version}
	for _, name := range steps {
		c, ok := p.checks[name]
		if !ok {
			c = api.ConnectionCheck{Name: name, State: api.CheckSkipped, Detail: "not reached"}
		}
		c.Detail, c.Advice = p.recorder.mask.Text(c.Detail), p.recorder.mask.Text(c.Advice)
		if c.State == api.CheckFailed && r.OK {
			r.OK, r.Cause = false, c.Detail
		}
		r.Checks = append(r.Checks, c)
	}
	return r
}

func (p *preflight) set(name, state, detail, advice string) {
	p.checks[name] = api.ConnectionCheck{Name: name, State: state, Detail: detail, Advice: advice}
}

// fail ends the test at a step.
func (p *preflight) fail(name string, e *api.ErrorInfo) {
	p.set(name, api.CheckFailed, e.Message, api.Advice(e.Code))
}

func (p *preflight) test(ctx context.Context) {
	failed := p.settle()
	if failed != nil && failed.Code == api.CodeTargetUnsupported { // options that cannot be
		p.fail(stepDNS, failed)
		return
	}
	if !p.network(ctx) || !p.secure(ctx) {
		return
	}
	if failed != nil {
		p.fail(stepAuthentication, failed)
		return
	}
	if p.connected(ctx) && p.looked(ctx) {
		p.tried(ctx)
	}
}

// firstHop is the host that the agent itself connects to.
func (p *preflight) firstHop() string {
	if o := p.request.Target.Options; o.Jump != "" {
		_, hostPort, _ := o.JumpHost() // was validated
		return hostPort
	}
	return p.request.Target.HostPort()
}

// network resolves the name and opens the port.
func (p *preflight) network(ctx context.Context) bool {
	hostPort := p.firstHop()
	host, _, _ := net.SplitHostPort(hostPort) // made by JoinHostPort
	if net.ParseIP(host) != nil {
		p.set(stepDNS, api.CheckOK, host+" is an address", "")
	} else {
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			p.set(stepDNS, api.CheckFailed, remoteMessage(err), "check the name, and what name server the agent's machine asks")
			return false
		}
		p.set(stepDNS, api.CheckOK, host+" is "+strings.Join(addresses, ", "), "")
	}
	conn, err := (&net.Dialer{Timeout: portTimeout}).DialContext(ctx, "tcp", hostPort)
	if err != nil {
		p.fail(stepPort, &api.ErrorInfo{Code: api.CodeTargetUnreachable, Message: err.Error()})
		return false
	}
	_ = conn.Close()
	p.set(stepPort, api.CheckOK, hostPort+" accepts connections", "")
	return true
}

const portTimeout = 10 * time.Second

// secure makes the TLS handshake of WinRM.
func (p *preflight) secure(ctx context.Context) bool {
	t := p.request.Target
	switch {
	case t.Kind == api.TargetSSH:
		p.set(stepTLS, api.CheckSkipped, "SSH has encryption of its own", "")
		return true
	case cmp.Or(t.Options.Scheme, api.SchemeHTTPS) == api.SchemeHTTP:
		p.set(stepTLS, api.CheckSkipped, "plain HTTP: NTLM seals every message, but does not prove whose server it is beyond the domain", "prefer https where the host has a certificate")
		p.set(stepHostKey, api.CheckSkipped, "WinRM has none", "")
		return true
	}
	p.set(stepHostKey, api.CheckSkipped, "WinRM has none", "")
	config, err := connector{target: t}.tls()
	if err != nil {
		p.fail(stepTLS, &api.ErrorInfo{Code: api.CodeCertificateUntrusted, Message: err.Error()})
		return false
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", t.HostPort())
	if err != nil {
		e := remoteError(err)
		if e.Code != api.CodeCertificateUntrusted {
			e = &api.ErrorInfo{Message: "no TLS on this port: " + err.Error(), Code: api.CodeTargetUnsupported}
		}
		p.fail(stepTLS, e)
		return false
	}
	state := conn.(*tls.Conn).ConnectionState()
	_ = conn.Close()
	p.set(stepTLS, api.CheckOK, fmt.Sprintf("%s, certificate valid until %s", tls.VersionName(state.Version), state.PeerCertificates[0].NotAfter.Format(time.DateOnly)), "")
	return true
}

// connected signs in and opens a session.
func (p *preflight) connected(ctx context.Context) bool {
	var err error
	if p.link, err = p.connect(ctx); err == nil {
		err = p.open(ctx)
		if err != nil {
			err = p.link.cause(err)
		}
	}
	if err != nil {
		p.blame(err)
		return false
	}
	p.signedIn()
	return true
}

// signedIn: host key and authentication are proved.
func (p *preflight) signedIn() {
	if p.request.Target.Kind == api.TargetSSH {
		p.set(stepHostKey, api.CheckOK, "the host shows a known key", "")
	}
	p.set(stepAuthentication, api.CheckOK, fmt.Sprintf("identity %q is let in", p.identity.name), "")
}

// blame finds the step that an error belongs to.
func (p *preflight) blame(err error) {
	e := remoteError(err)
	var connect *ssh.ConnectError
	var fault *winrm.FaultError
	switch {
	case e.Code == api.CodeHostKeyUnknown, e.Code == api.CodeHostKeyMismatch:
		p.fail(stepHostKey, e)
	case errors.As(err, &fault):
		p.signedIn()
		p.fail(stepSession, e)
	case e.Code == api.CodeAuthenticationFailed:
		p.signedIn()
		p.fail(stepAuthentication, e)
	case e.Code == api.CodeIdentityUnusable, e.Code == api.CodeIdentityMissing:
		p.fail(stepAuthentication, e)
	case errors.As(err, &connect) && strings.HasPrefix(connect.Stage, "handshake"):
		p.set(stepPort, api.CheckFailed, "something answers on the port, but it is no SSH server: "+e.Message, "is the port right?")
	case p.request.Target.Kind == api.TargetSSH && e.Code == api.CodeTargetUnreachable:
		p.fail(stepPort, e)
	default:
		if p.request.Target.Kind == api.TargetSSH {
			p.signedIn()
		}
		p.fail(stepSession, e)
		p.adviseSession(err)
	}
}

// adviseSession says more where a shell did not come about.
func (p *preflight) adviseSession(err error) {
	c := p.checks[stepSession]
	var http *winrm.HTTPError
	switch {
	case errors.As(err, &http):
		c.Advice = "a web server answers that is not WinRM, or not under this path: check port and option path; on the host, `winrm quickconfig` shows the listener"
	case p.request.Target.Kind == api.TargetSSH:
		c.Advice = "the host needs PowerShell 7 and, in sshd_config, the line `Subsystem powershell /usr/bin/pwsh -sshs -NoLogo` with the right path; then restart sshd"
	}
	p.checks[stepSession] = c
}

// looked finds out what the engine is.
func (p *preflight) looked(ctx context.Context) bool {
	var err error
	if p.way, err = p.probe(ctx); err != nil {
		p.fail(stepSession, remoteError(p.link.cause(err)))
		return false
	}
	p.set(stepSession, api.CheckOK, "a session opens and runs commands", "")
	if old := p.facts.tooOld(); old != "" {
		p.set(stepEdition, api.CheckFailed, old, "install PowerShell 7.4 or later on the host, or Windows Management Framework 5.1")
		return false
	}
	p.set(stepEdition, api.CheckOK, strings.TrimSpace(fmt.Sprintf("PowerShell %s %s", p.facts.version, p.facts.edition)), "")
	switch p.way {
	case wayFile:
		p.set(stepLanguage, api.CheckOK, p.facts.language, "")
	case wayText:
		p.set(stepLanguage, api.CheckWarning, p.facts.language+": scripts run as text, without a file of their own and without formatted output", "use another session configuration for scripts that need more")
	case wayCommands:
		p.set(stepLanguage, api.CheckWarning, p.facts.language+": only plain commands with literal values run", "use another session configuration for scripts")
	}
	return true
}

// tried runs a script of one line as an attempt would.
func (p *preflight) tried(ctx context.Context) {
	p.doubleHop()
	if p.way != wayFile {
		p.set(stepPolicy, api.CheckSkipped, "no script files are run here", "")
		return
	}
	policy := ""
	if p.facts.unix {
		p.set(stepPolicy, api.CheckOK, "not enforced on this system", "")
	} else {
		if out, err := p.quiet(ctx, localScript("[string](Get-ExecutionPolicy)")); err == nil && len(out) == 1 {
			policy = textOf(out[0])
		}
		p.set(stepPolicy, api.CheckOK, policy, "")
	}
	refused, err := p.prepareFile(ctx)
	if err != nil {
		refused = remoteError(p.link.cause(err))
	}
	if refused != nil {
		p.fail(stepSession, refused)
		return
	}
	_, err = p.quiet(ctx, psrp.Pipeline{Commands: p.mainPipeline().Commands[:1]})
	var ended *pipelineError
	switch {
	case errors.As(err, &ended) && !p.facts.unix:
		p.set(stepPolicy, api.CheckFailed, strings.TrimSpace(policy+": "+ended.Error()), "let script files run with `Set-ExecutionPolicy RemoteSigned`, as an administrator of the host")
	case err != nil:
		p.fail(stepSession, remoteError(p.link.cause(err)))
	}
}

// doubleHop says whether a script could go on to a third machine as its account.
func (p *preflight) doubleHop() {
	o := p.request.Target.Options
	t := p.request.Target
	switch {
	case p.facts.unix:
		p.set(stepDoubleHop, api.CheckSkipped, "not a Windows host", "")
	case t.Kind == api.TargetWinRM && o.Auth == api.AuthBasic, t.Kind == api.TargetSSH && p.identity.Password != "" && p.identity.Key == "":
		p.set(stepDoubleHop, api.CheckOK, "the host knows the password, so scripts can sign in to other machines with it", "")
	default:
		p.set(stepDoubleHop, api.CheckWarning, "the host has no credentials of the account, so scripts cannot reach file shares and other machines with it",
			"copy what scripts need beforehand, run them where the data is, or let the host delegate (resource-based constrained delegation)")
	}
}
