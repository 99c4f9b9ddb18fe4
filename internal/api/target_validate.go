package api

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Validate refuses options that the kind does not have, values that cannot be
// meant, and what would send a secret in the clear.
func (t TargetSpec) Validate() error {
	o := t.Options
	var own []string
	switch t.Kind {
	case TargetLocal, "":
	case TargetSSH:
		own = slices.Concat(remoteOptions, sshOptions)
	case TargetWinRM:
		own = slices.Concat(remoteOptions, winrmOptions)
	default:
		return &TargetError{"", "kind " + strconv.Quote(t.Kind) + " is none of local, ssh and winrm"}
	}
	for _, name := range slices.Concat(remoteOptions, sshOptions, winrmOptions) {
		if o.given(name) && !slices.Contains(own, name) {
			return &TargetError{name, "is none of kind " + t.Kind}
		}
	}
	for _, check := range []func() error{o.checkTexts, o.checkChoices, func() error { return t.checkRemote() }} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

var (
	remoteOptions = []string{"address", "port", "user", "identity", "configuration_name"}
	sshOptions    = []string{"host_key", "jump", "jump_host_key", "subsystem"}
	winrmOptions  = []string{"scheme", "auth", "ca", "server_name", "path"}
)

func (o TargetOptions) given(name string) bool {
	switch name {
	case "port":
		return o.Port != 0
	case "host_key":
		return len(o.HostKeys) > 0
	case "jump_host_key":
		return len(o.JumpHostKeys) > 0
	}
	return o.texts()[name] != ""
}

// texts are the options of one text, by name.
func (o TargetOptions) texts() map[string]string {
	return map[string]string{
		"address": o.Address, "user": o.User, "identity": o.Identity, "configuration_name": o.ConfigurationName,
		"jump": o.Jump, "subsystem": o.Subsystem,
		"scheme": o.Scheme, "auth": o.Auth, "ca": o.CA, "server_name": o.ServerName, "path": o.Path,
		"working_directory": o.WorkingDirectory, "culture": o.Culture, "ansi": o.ANSI, "native_error": o.NativeError,
	}
}

const (
	maxOptionLength = 1024
	maxCALength     = 64 << 10
	maxHostKeys     = 16
)

func (o TargetOptions) checkTexts() error {
	for name, text := range o.texts() {
		if name == "ca" {
			continue
		}
		if len(text) > maxOptionLength || strings.ContainsFunc(text, unicode.IsControl) {
			return &TargetError{name, "is too long or holds control characters"}
		}
	}
	return nil
}

func (o TargetOptions) checkChoices() error {
	for name, choices := range map[string][]string{
		"scheme": {SchemeHTTPS, SchemeHTTP}, "auth": {AuthNTLM, AuthBasic, AuthCertificate},
		"ansi": {ANSIStrip, ANSIKeep}, "native_error": {NativeIgnore, NativeRecord},
	} {
		if text := o.texts()[name]; text != "" && !slices.Contains(choices, text) {
			return &TargetError{name, "is none of " + strings.Join(choices, ", ")}
		}
	}
	if o.Culture != "" && !cultureName.MatchString(o.Culture) {
		return &TargetError{"culture", "is not the name of a culture, such as de-DE"}
	}
	return nil
}

var (
	cultureName = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
	hostName    = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)
	hostKey     = regexp.MustCompile(`^(SHA256:[A-Za-z0-9+/]{43}=?|[a-z0-9@.-]+ [A-Za-z0-9+/]{20,}={0,2}( .*)?)$`)
)

func (t TargetSpec) checkRemote() error {
	o := t.Options
	switch {
	case t.Local():
		return nil
	case !validHost(o.Address):
		return &TargetError{"address", "is not a host name or an IP address"}
	case o.Port < 0 || o.Port > 65535:
		return &TargetError{"port", "is not between 1 and 65535"}
	}
	if err := checkHostKeys("host_key", o.HostKeys); err != nil {
		return err
	}
	if err := checkHostKeys("jump_host_key", o.JumpHostKeys); err != nil {
		return err
	}
	if o.Jump != "" {
		if _, _, err := o.JumpHost(); err != nil {
			return err
		}
	}
	return o.checkWinRM()
}

func validHost(host string) bool {
	name, _, _ := strings.Cut(host, "%") // an IPv6 zone
	return net.ParseIP(name) != nil || hostName.MatchString(host)
}

func checkHostKeys(option string, keys []string) error {
	if len(keys) > maxHostKeys {
		return &TargetError{option, "has too many keys"}
	}
	for _, key := range keys {
		if len(key) > 8<<10 || !hostKey.MatchString(key) {
			return &TargetError{option, "is neither a fingerprint (SHA256:…) nor a public key (ssh-ed25519 AAAA…)"}
		}
	}
	return nil
}

// JumpHost splits the option jump.
func (o TargetOptions) JumpHost() (user, hostPort string, err error) {
	u, err := url.Parse("ssh://" + o.Jump)
	bad := &TargetError{"jump", "is not of the form user@host:port"}
	if err != nil || u.User.Username() == "" || !validHost(u.Hostname()) || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", bad
	}
	if _, password := u.User.Password(); password {
		return "", "", bad
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", bad
	}
	return u.User.Username(), net.JoinHostPort(u.Hostname(), port), nil
}

func (o TargetOptions) checkWinRM() error {
	switch {
	case o.Scheme == SchemeHTTP && (o.Auth == AuthBasic || o.Auth == AuthCertificate):
		return &TargetError{"auth", o.Auth + " needs scheme https: without it the credentials could be read on the way"}
	case o.Scheme == SchemeHTTP && (o.CA != "" || o.ServerName != ""):
		return &TargetError{"ca", "and server_name need scheme https"}
	case o.Path != "" && !strings.HasPrefix(o.Path, "/"):
		return &TargetError{"path", "does not begin with /"}
	case o.ServerName != "" && !validHost(o.ServerName):
		return &TargetError{"server_name", "is not a host name"}
	case len(o.CA) > maxCALength:
		return &TargetError{"ca", "is too long"}
	}
	if o.CA == "" {
		return nil
	}
	return checkCertificates([]byte(o.CA))
}

func checkCertificates(text []byte) error {
	found := false
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return &TargetError{"ca", "holds a " + block.Type + "; only certificates belong there"}
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return &TargetError{"ca", "holds a certificate that cannot be read: " + err.Error()}
		}
		text, found = rest, true
	}
	if !found {
		return &TargetError{"ca", "holds no certificate in PEM form"}
	}
	return nil
}
