package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/executor"
	"github.com/epo-dev/epo/internal/runtime"
)

// targetFlags say where, and whom to be there.
type targetFlags struct {
	url                  string
	identity, identities string
	hostKeys, knownHosts []string
	ca                   string
}

func (t *targetFlags) add(f *pflag.FlagSet, usage string) {
	f.StringVar(&t.url, "target", "", usage+": local, ssh://USER@HOST:PORT or winrm://USER@HOST:PORT; options of a target follow as ?NAME=VALUE&…")
	f.StringVar(&t.identity, "identity", "", "entry of the identities file to be (default: the one named default)")
	f.StringVar(&t.identities, "identities", filepath.Join(defaultState(), executor.IdentitiesFile), "file with the identities, for its owner only")
	f.StringArrayVar(&t.hostKeys, "host-key", nil, "ssh: a key that the host may show, SHA256:… or \"ssh-ed25519 AAAA…\"; may be repeated")
	f.StringArrayVar(&t.knownHosts, "known-hosts", nil, "ssh: known_hosts file; may be repeated (default: ~/.ssh/known_hosts)")
	f.StringVar(&t.ca, "ca", "", "winrm: PEM file of the authorities to trust (default: those of the system)")
}

// spec reads the target; no URL is this machine.
func (t *targetFlags) spec() (api.TargetSpec, error) {
	if t.url == "" {
		return api.TargetSpec{Kind: api.TargetLocal}, nil
	}
	spec, err := api.ParseTargetURL(t.url)
	if err != nil {
		return spec, err
	}
	if t.identity != "" {
		spec.Options.Identity = t.identity
	}
	spec.Options.HostKeys = append(spec.Options.HostKeys, t.hostKeys...)
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return spec, fmt.Errorf("read --ca: %w", err)
		}
		spec.Options.CA = strings.TrimSpace(string(pem)) + "\n"
	}
	return spec, spec.Validate()
}

func (t *targetFlags) knownHostsFiles() []string {
	if len(t.knownHosts) > 0 {
		return t.knownHosts
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".ssh", "known_hosts")}
}

// testTarget tests the way to a target and prints what came of it.
func testTarget(cmd *cobra.Command, flags targetFlags, asJSON bool) error {
	spec, err := flags.spec()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "epo-doctor-")
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer os.RemoveAll(work)
	config := executor.Config{WorkDir: work, Identities: flags.identities, KnownHosts: flags.knownHostsFiles()}
	if spec.Local() {
		config.Engine, _ = runtime.Find(cmd.Context()) // the result says that there is none
	}
	e, err := executor.New(config)
	if err != nil {
		return err
	}
	defer e.Close()
	result, failed := e.InspectTarget(cmd.Context(), spec, "")
	if failed != nil {
		return errors.New(failed.Message)
	}
	if err := printConnection(cmd.OutOrStdout(), result, asJSON); err != nil {
		return err
	}
	if !result.OK {
		return exitError(1)
	}
	return nil
}

func printConnection(w io.Writer, c api.ConnectionResult, asJSON bool) error {
	r := report{stateWidth: 8, nameWidth: 17}
	for _, check := range c.Checks {
		r.lines = append(r.lines, reportLine{string(check.State), check.Name, check.Detail, check.Advice})
	}
	return r.print(w, asJSON, c)
}
