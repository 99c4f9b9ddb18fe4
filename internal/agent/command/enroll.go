package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/agent"
	"github.com/epo-dev/epo/internal/api"
)

func newEnroll() *cobra.Command {
	var e agent.Enrollment
	var server string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "Register this machine with a server by a one-time token",
		Long: `Makes two key pairs on this machine, registers them at the server, and writes the identity into the state folder. The
private keys never leave the machine. A token works once; without an answer from the server another one is needed.`,
		Example: `  epo-agent enroll --server https://epo.example.com --token epe_…
  epo agent enroll-token --pool default -o json | jq -r .token | epo-agent enroll --server http://127.0.0.1:7070 --token-stdin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fromStdin {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
				if err != nil {
					return fmt.Errorf("read token: %w", err)
				}
				e.Token = string(text)
			}
			if e.Token = strings.TrimSpace(e.Token); e.Token == "" {
				return errors.New("no token given: --token, --token-stdin or EPO_AGENT_TOKEN; `epo agent enroll-token` makes one")
			}
			var err error
			if e.Client, err = api.New(api.Config{Server: server}); err != nil {
				return err
			}
			id, err := agent.Enroll(cmd.Context(), e)
			if errors.Is(err, agent.ErrEnrolled) {
				return fmt.Errorf("%w; --replace gives that identity up", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Enrolled as %s in pool %s at %s.\nStart it with: epo-agent run --state %s\n", id.Name, id.Pool, id.Server, e.StateDir)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&server, "server", api.DefaultServer, "address of the server")
	f.StringVar(&e.StateDir, "state", defaultState(), "folder for identity, keys and spool")
	f.StringVar(&e.Name, "name", "", "name of the agent (default: the machine's host name)")
	f.StringVar(&e.Token, "token", "", "the one-time token; other users of this machine may see it in the process list")
	f.BoolVar(&fromStdin, "token-stdin", false, "read the token from standard input")
	f.BoolVar(&e.Replace, "replace", false, "give up the identity that is there")
	cmd.MarkFlagsMutuallyExclusive("token", "token-stdin")
	return cmd
}
