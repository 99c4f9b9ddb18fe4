package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) agentCommand() *cobra.Command {
	return group("agent", "List agents, let new ones in, shut one out", a.agentList(), a.agentEnrollToken(), a.agentRevoke())
}

func (a *app) agentList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the agents and how they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewAgents, new(api.Query).Order("name"), a.printAgents)
		},
	})
}

func (a *app) printAgents(agents []api.Agent) error {
	t := table{header: []string{"NAME", "POOL", "STATE", "LAST SEEN", "POWERSHELL", "ISOLATION", "HOST", "VERSION"}}
	for _, g := range agents {
		t.add(text(g.Name), text(g.PoolName), agentState(g), text(a.ago(g.LastSeenAt)), text(g.EngineVersion),
			text(g.Isolation), text(g.Hostname), text(g.Version))
	}
	return a.print(t, "No agents yet. `epo agent enroll-token` lets one in.")
}

func agentState(g api.Agent) cell {
	switch {
	case g.State != "active":
		return stateCell(g.State)
	case g.Online:
		return cell{"online", colourGreen}
	}
	return cell{"offline", colourRed}
}

func (a *app) agentEnrollToken() *cobra.Command {
	var pool string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "enroll-token",
		Short: "Make a one-time token that lets one agent into a pool",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			found, err := a.poolOrOnly(cmd.Context(), client, pool)
			if err != nil {
				return err
			}
			token, err := client.CreateEnrollmentToken(cmd.Context(), found.ID, int(ttl/time.Second))
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(token)
			}
			fmt.Fprintf(a.Out, "On the machine that shall run scripts for pool %s, once, until %s:\n\n  epo-agent enroll --server %s --token %s\n",
				plainText(found.Name), token.ExpiresAt.Local().Format(time.DateTime), client.Server(), plainText(token.Token))
			return nil
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "pool of the new agent (may be left out where there is one)")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long the token is good, at most 1h (default: the server's)")
	complete(cmd, "pool", a.names(nounPool()))
	return a.addOutput(cmd)
}

func (a *app) agentRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke AGENT", Short: "Take an agent's access away for good", Args: cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounAgent())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			found, err := nounAgent().resolve(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if err := client.RevokeAgent(cmd.Context(), found.ID); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "Revoked agent %s\n", plainText(found.Name))
			return nil
		},
	}
}
