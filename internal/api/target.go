package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The kinds of a target.
const (
	TargetLocal = "local" // the agent's own machine
	TargetSSH   = "ssh"   // the subsystem "powershell" of an SSH server
	TargetWinRM = "winrm" // WS-Management, the remoting of Windows
)

// TargetSpec says where a script runs and what the session there is like. It
// never holds a secret: Identity names an entry of the agent's own file.
type TargetSpec struct {
	Kind    string        `json:"kind"` // "" means local
	Options TargetOptions `json:"options"`
}

// TargetOptions are the options of all kinds; Validate tells which of them a
// kind does not have.
type TargetOptions struct {
	// Of ssh and winrm.
	Address           string `json:"address,omitempty"`            // name or IP address, without port
	Port              int    `json:"port,omitempty"`               // 0: that of the kind and scheme
	User              string `json:"user,omitempty"`               // "": that of the identity
	Identity          string `json:"identity,omitempty"`           // "": the target's name, then "default"
	ConfigurationName string `json:"configuration_name,omitempty"` // session configuration, such as a JEA endpoint

	// Of ssh.
	HostKeys     []string `json:"host_key,omitempty"`      // keys that the host may show: SHA256:… or ssh-ed25519 AAAA…
	Jump         string   `json:"jump,omitempty"`          // user@host:port to go through
	JumpHostKeys []string `json:"jump_host_key,omitempty"` // keys that the jump host may show
	Subsystem    string   `json:"subsystem,omitempty"`     // "": powershell

	// Of winrm.
	Scheme     string `json:"scheme,omitempty"`      // https (default) or http
	Auth       string `json:"auth,omitempty"`        // ntlm (default), basic or certificate
	CA         string `json:"ca,omitempty"`          // PEM of the authorities to trust; "": those of the system
	ServerName string `json:"server_name,omitempty"` // name in the certificate; "": the address
	Path       string `json:"path,omitempty"`        // "": /wsman

	// Of every kind.
	WorkingDirectory string `json:"working_directory,omitempty"` // "": an empty one that is removed afterwards
	Culture          string `json:"culture,omitempty"`           // such as de-DE; "": that of the host
	ANSI             string `json:"ansi,omitempty"`              // strip takes escape sequences out of all text, keep has the formatter leave them in too; "": only the formatter strips
	NativeError      string `json:"native_error,omitempty"`      // ignore (default), or record an error when a program ends with a code other than 0
}

// Values of options.
const (
	SchemeHTTPS     = "https"
	SchemeHTTP      = "http"
	AuthBasic       = "basic"
	AuthNTLM        = "ntlm"
	AuthCertificate = "certificate"
	ANSIStrip       = "strip"
	ANSIKeep        = "keep"
	NativeIgnore    = "ignore"
	NativeRecord    = "error"
)

// DecodeTarget reads a target's kind and its options as the server stores them:
// unknown and doubtful options are refused.
func DecodeTarget(kind string, options json.RawMessage) (TargetSpec, error) {
	t := TargetSpec{Kind: kind}
	if len(bytes.TrimSpace(options)) > 0 {
		if err := decodeTargetOptions(options, &t.Options); err != nil {
			return t, err
		}
	}
	return t, t.Validate()
}

func decodeTargetOptions(options json.RawMessage, into *TargetOptions) error {
	d := json.NewDecoder(bytes.NewReader(options))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return &TargetError{kind.Field, "is a " + kind.Value + ", which it cannot be"}
		}
		if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return &TargetError{strings.Trim(name, `"`), "is no option"}
		}
		return &TargetError{"", "options are not a JSON object: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &TargetError{"", "options are not one JSON object"}
	}
	return nil
}

// UnmarshalJSON is strict, as DecodeTarget is.
func (t *TargetSpec) UnmarshalJSON(b []byte) error {
	var plain struct {
		Kind    string          `json:"kind"`
		Options json.RawMessage `json:"options"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&plain); err != nil {
		return err
	}
	decoded, err := DecodeTarget(plain.Kind, plain.Options)
	*t = decoded
	return err
}

// ParseTargetURL reads a target from one line:
//
//	local
//	ssh://user@host:port?host_key=SHA256:…&identity=…
//	winrm://user@host:port?auth=ntlm&scheme=http&configuration_name=…
//
// Query parameters are the options by their names; those that are lists may be
// repeated. A password is refused: it would be seen by everybody who can list
// processes.
func ParseTargetURL(text string) (TargetSpec, error) {
	if text == TargetLocal {
		return TargetSpec{Kind: TargetLocal}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		var cause *url.Error
		if errors.As(err, &cause) { // without the text, which could hold a password
			err = cause.Err
		}
		return TargetSpec{}, &TargetError{"", "not a target: " + err.Error()}
	}
	if _, ok := u.User.Password(); ok {
		return TargetSpec{}, &TargetError{"user", "must not come with a password; put it into the identities file"}
	}
	if u.Scheme == "" || u.Host == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return TargetSpec{}, &TargetError{"", "not a target: want local, ssh://user@host:port or winrm://user@host:port"}
	}
	options, err := optionsOfQuery(u.RawQuery)
	if err != nil {
		return TargetSpec{}, err
	}
	options["address"] = u.Hostname()
	if u.User != nil {
		options["user"] = u.User.Username()
	}
	if port := u.Port(); port != "" {
		if options["port"], err = strconv.Atoi(port); err != nil {
			return TargetSpec{}, &TargetError{"port", "is not a number"}
		}
	}
	b, err := json.Marshal(options)
	if err != nil {
		return TargetSpec{}, err
	}
	return DecodeTarget(u.Scheme, b)
}

// optionsOfQuery reads query parameters. A plus sign is one: keys are base64.
func optionsOfQuery(query string) (map[string]any, error) {
	values, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
	if err != nil {
		return nil, &TargetError{"", "not a target: " + err.Error()}
	}
	options := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case name == "address" || name == "user" || name == "port":
			return nil, &TargetError{name, "belongs before the question mark"}
		case name == "host_key" || name == "jump_host_key":
			options[name] = values[name]
		case len(values[name]) > 1:
			return nil, &TargetError{name, "is given twice"}
		default:
			options[name] = values.Get(name)
		}
	}
	return options, nil
}

// Name says where the target is, as ssh://user@host:22; "local" for this
// machine. It holds no secret.
func (t TargetSpec) Name() string {
	if t.Local() {
		return TargetLocal
	}
	u := url.URL{Scheme: t.Kind, Host: t.HostPort()}
	if t.Options.User != "" {
		u.User = url.User(t.Options.User)
	}
	return u.String()
}

// Local tells whether the target is the agent's own machine.
func (t TargetSpec) Local() bool { return t.Kind == TargetLocal || t.Kind == "" }

// ShapesSession tells whether the session of a script is to be other than by
// default.
func (o TargetOptions) ShapesSession() bool {
	return o.WorkingDirectory != "" || o.Culture != "" || o.NativeError == NativeRecord || o.ANSI == ANSIKeep
}

// HostPort is the address with its port.
func (t TargetSpec) HostPort() string {
	return net.JoinHostPort(t.Options.Address, strconv.Itoa(t.PortNumber()))
}

// PortNumber is the port of the options, or the usual one.
func (t TargetSpec) PortNumber() int {
	switch {
	case t.Options.Port != 0:
		return t.Options.Port
	case t.Kind == TargetSSH:
		return 22
	case t.Options.Scheme == SchemeHTTP:
		return 5985
	}
	return 5986
}

// A TargetError says which option of a target is not right.
type TargetError struct{ Option, Problem string }

func (e *TargetError) Error() string {
	if e.Option == "" {
		return "target: " + e.Problem
	}
	return fmt.Sprintf("target: option %s %s", e.Option, e.Problem)
}
