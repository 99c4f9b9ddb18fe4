package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/api"
)

const testHostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

func TestParseTargetURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]api.TargetSpec{
		"local":                {Kind: "local"},
		"ssh://ann@host":       {Kind: "ssh", Options: api.TargetOptions{Address: "host", User: "ann"}},
		"ssh://[fe80::1]:2222": {Kind: "ssh", Options: api.TargetOptions{Address: "fe80::1", Port: 2222}},
		"ssh://ann@host?host_key=SHA256:" + fingerprint + "&host_key=ssh-ed25519%20" + testHostKey[12:]: {Kind: "ssh", Options: api.TargetOptions{
			Address: "host", User: "ann", HostKeys: []string{"SHA256:" + fingerprint, testHostKey},
		}},
		"winrm://EXAMPLE%5Cann@host:5985?scheme=http&configuration_name=Maintenance&culture=de-DE": {Kind: "winrm", Options: api.TargetOptions{
			Address: "host", User: `EXAMPLE\ann`, Port: 5985, Scheme: "http", ConfigurationName: "Maintenance", Culture: "de-DE",
		}},
	} {
		got, err := api.ParseTargetURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// The plus signs must survive.
const fingerprint = "abc+ef/hijklmnopqrstuvwxyz0123456789ABCDEFG"

func TestParseTargetURLRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                    "not a target",
		"host":                                "not a target",
		"ssh://":                              "not a target",
		"ssh://host/path":                     "not a target",
		"telnet://host":                       `kind "telnet" is none of`,
		"ssh://ann:hunter22@host":             "option user must not come with a password",
		"ssh://host:99999":                    "option port",
		"ssh://host?auth=ntlm":                "option auth is none of kind ssh",
		"ssh://host?colour=red":               "option colour is no option",
		"ssh://host?port=22":                  "option port belongs before the question mark",
		"ssh://host?identity=a&identity=b":    "option identity is given twice",
		"ssh://host?host_key=x":               "option host_key",
		"ssh://host?jump=only-a-host":         "option jump",
		"winrm://host?scheme=http&auth=basic": "option auth basic needs scheme https",
		"winrm://host?auth=kerberos":          "option auth is none of",
		"winrm://host?ca=nonsense":            "option ca holds no certificate",
		"winrm://host?path=wsman":             "option path",
		"winrm://host?culture=de_DE.UTF-8":    "option culture",
		"ssh://a%20b@ho%20st":                 "not a target",
		"ssh://host?subsystem=a%0Ab":          "option subsystem",
	} {
		_, err := api.ParseTargetURL(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter22")
	}
}

func TestDecodeTargetIsStrict(t *testing.T) {
	t.Parallel()
	spec, err := api.DecodeTarget("ssh", json.RawMessage(`{"address":"10.0.0.7","port":22,"user":"ann","host_key":["`+testHostKey+`"],"jump":"bob@[::1]:2200"}`))
	require.NoError(t, err)
	user, hostPort, err := spec.Options.JumpHost()
	require.NoError(t, err)
	require.Equal(t, []string{"bob", "[::1]:2200"}, []string{user, hostPort})
	require.Equal(t, "ssh://ann@10.0.0.7:22", spec.Name())

	for options, want := range map[string]string{
		`{"address":"host","password":"x"}`:      "option password is no option",
		`{"address":"host","port":"22"}`:         "option port is a string",
		`{"address":"host"}{}`:                   "not one JSON object",
		`[]`:                                     "options",
		`{}`:                                     "option address",
		`{"address":"host","host_key":"SHA256"}`: "option host_key is a string",
		`{"address":"host","server_name":"x"}`:   "option server_name is none of kind ssh",
	} {
		_, err := api.DecodeTarget("ssh", json.RawMessage(options))
		require.ErrorContains(t, err, want, options)
	}
	_, err = api.DecodeTarget("local", json.RawMessage(`{"address":"host"}`))
	require.ErrorContains(t, err, "option address is none of kind local")
	local, err := api.DecodeTarget("local", json.RawMessage(`{"working_directory":"/srv","culture":"de-DE","ansi":"keep"}`))
	require.NoError(t, err)
	require.True(t, local.Local())
}

func TestTargetRoundTrip(t *testing.T) {
	t.Parallel()
	spec := api.TargetSpec{Kind: "winrm", Options: api.TargetOptions{Address: "host", User: "ann", Auth: "basic", CA: testCertificate(t)}}
	b, err := json.Marshal(spec)
	require.NoError(t, err)
	var back api.TargetSpec
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, spec, back)
	require.Error(t, json.Unmarshal([]byte(`{"kind":"ssh","options":{"address":"h","x":1}}`), &back))
	require.Error(t, json.Unmarshal([]byte(`{"kind":"local","more":1}`), &back))
}

func testCertificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
