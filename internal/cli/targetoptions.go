package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// targetFlags are the options of targets as flags, which have the options' names with hyphens.
type targetFlags struct {
	texts map[string]*string
	lists map[string]*[]string
	port  int
}

// textOptions are the options that are one text, with their help; the first word says for which kinds.
var textOptions = map[string]string{
	"address":            "ssh, winrm: host name or IP address",
	"user":               "ssh, winrm: whom to sign in as there",
	"identity":           "ssh, winrm: `NAME` of the entry in the agent's identities.json",
	"configuration_name": "ssh, winrm: session configuration, such as a JEA endpoint",
	"jump":               "ssh: `USER@HOST:PORT` to go through",
	"subsystem":          "ssh: subsystem of sshd (default powershell)",
	"scheme":             "winrm: https or http (default https)",
	"auth":               "winrm: ntlm, basic or certificate (default ntlm)",
	"ca":                 "winrm: `FILE` with the certificates of authorities to trust, PEM (default those of the system)",
	"server_name":        "winrm: name in the host's certificate (default the address)",
	"path":               "winrm: path of the service (default /wsman)",
	"working_directory":  "directory that scripts start in",
	"culture":            "culture of scripts, such as de-DE",
	"ansi":               "keep, or strip escape sequences from text",
	"native_error":       "ignore, or record an error when a program ends with a code other than 0",
}

var listOptions = map[string]string{
	"host_key":      "ssh: `KEY` that the host has, as 'ssh-ed25519 AAAA…' or 'SHA256:…'; may be repeated",
	"jump_host_key": "ssh: `KEY` that the jump host has; may be repeated",
}

var optionWords = map[string][]string{
	"scheme": {api.SchemeHTTPS, api.SchemeHTTP}, "auth": {api.AuthNTLM, api.AuthBasic, api.AuthCertificate},
	"ansi": {api.ANSIStrip, api.ANSIKeep}, "native_error": {api.NativeIgnore, api.NativeRecord},
}

func flagName(option string) string { return strings.ReplaceAll(option, "_", "-") }

func (o *targetFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	o.texts, o.lists = map[string]*string{}, map[string]*[]string{}
	for name, help := range textOptions {
		o.texts[name] = f.String(flagName(name), "", help)
	}
	for name, help := range listOptions {
		o.lists[name] = f.StringArray(flagName(name), nil, help)
	}
	f.IntVar(&o.port, "port", 0, "ssh, winrm: port (default that of the kind)")
	for name, list := range optionWords {
		complete(cmd, flagName(name), words(list...))
	}
}

// words completes one of a few.
func words(list ...string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// merge puts the flags that were given over options, and refuses what the kind cannot have. It returns nil where no flag
// was given.
func (o *targetFlags) merge(cmd *cobra.Command, kind string, options json.RawMessage) (json.RawMessage, error) {
	merged := map[string]any{}
	if len(options) > 0 {
		if err := json.Unmarshal(options, &merged); err != nil {
			return nil, fmt.Errorf("read the options of the target: %w", err)
		}
	}
	given, err := o.given(cmd)
	if err != nil || len(given) == 0 {
		return nil, err
	}
	maps.Copy(merged, given)
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == "" || value == 0 || value == nil })
	text, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	// Certificates are looked at here too: the server only sees that they are in PEM form.
	_, err = api.DecodeTarget(kind, text)
	return text, err
}

// given are the options that were named on the command line; an empty one is "", 0 or nil.
func (o *targetFlags) given(cmd *cobra.Command) (map[string]any, error) {
	given := map[string]any{}
	for name, value := range o.texts {
		if cmd.Flags().Changed(flagName(name)) {
			given[name] = *value
		}
	}
	for name, list := range o.lists {
		if !cmd.Flags().Changed(flagName(name)) {
			continue
		}
		given[name] = nil
		if keys := slices.DeleteFunc(slices.Clone(*list), func(key string) bool { return key == "" }); len(keys) > 0 {
			given[name] = keys
		}
	}
	if cmd.Flags().Changed("port") {
		given["port"] = o.port
	}
	if file, _ := given["ca"].(string); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the certificates: %w", err)
		}
		given["ca"] = string(text)
	}
	return given, nil
}

// optionPairs are the options of a target by name, for people.
func optionPairs(options json.RawMessage) ([]string, error) {
	values := map[string]any{}
	if len(options) > 0 {
		if err := json.Unmarshal(options, &values); err != nil {
			return nil, fmt.Errorf("read the options of the target: %w", err)
		}
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch value := values[name].(type) {
		case []any:
			for _, item := range value {
				pairs = append(pairs, name, fmt.Sprint(item))
			}
		case string:
			if name == "ca" {
				value = fmt.Sprintf("PEM, certificates: %d", strings.Count(value, "-----BEGIN CERTIFICATE-----"))
			}
			pairs = append(pairs, name, value)
		default:
			pairs = append(pairs, name, fmt.Sprint(value))
		}
	}
	return pairs, nil
}
