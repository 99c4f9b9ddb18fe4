package executor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/stdio"
	"github.com/epo-dev/epo/psrp/winrm"
)

// remoteError says by a stable code why a target could not be made ready.
func remoteError(err error) *api.ErrorInfo {
	return &api.ErrorInfo{Code: remoteCode(err), Message: remoteMessage(err)}
}

func remoteMessage(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the name " + dns.Name + " cannot be resolved: " + dns.Err
	}
	return err.Error()
}

func remoteCode(err error) string {
	for _, judge := range []func(error) string{identityCode, sshCode, winrmCode} {
		if code := judge(err); code != "" {
			return code
		}
	}
	var network net.Error
	switch {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errNotReady),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, net.ErrClosed):
		return api.CodeTargetUnreachable
	}
	return api.CodeTargetUnsupported
}

func identityCode(err error) string {
	var file *IdentityError
	var entry *identityError
	var key *ssh.KeyError
	if errors.As(err, &file) || errors.As(err, &entry) || errors.As(err, &key) {
		return api.CodeIdentityUnusable
	}
	return ""
}

func sshCode(err error) string {
	var (
		none    *noHostKeyError
		unknown *ssh.UnknownHostKeyError
		changed *ssh.ChangedHostKeyError
		revoked *ssh.RevokedHostKeyError
		auth    *ssh.AuthError
		connect *ssh.ConnectError
		system  *ssh.SubsystemError
		exit    *stdio.ExitError
	)
	switch {
	case errors.As(err, &none), errors.As(err, &unknown):
		return api.CodeHostKeyUnknown
	case errors.As(err, &changed), errors.As(err, &revoked):
		return api.CodeHostKeyMismatch
	case errors.As(err, &auth):
		return api.CodeAuthenticationFailed
	case errors.As(err, &system), errors.Is(err, ssh.ErrSilent), errors.Is(err, stdio.ErrNoise), errors.As(err, &exit):
		return api.CodeTargetUnsupported
	case errors.As(err, &connect), errors.Is(err, ssh.ErrConnectTimeout), errors.Is(err, ssh.ErrKeepAlive):
		return api.CodeTargetUnreachable
	}
	return ""
}

func winrmCode(err error) string {
	var (
		auth   *winrm.AuthError
		fault  *winrm.FaultError
		http   *winrm.HTTPError
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		signer x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &signer):
		return api.CodeCertificateUntrusted
	case errors.As(err, &auth):
		return api.CodeAuthenticationFailed
	case errors.As(err, &fault):
		if fault.Code == winrm.CodeAccessDenied {
			return api.CodeAuthenticationFailed
		}
		return api.CodeTargetUnsupported
	case errors.As(err, &http), errors.As(err, &record), errors.Is(err, winrm.ErrUnsealed):
		return api.CodeTargetUnsupported
	}
	return ""
}
