package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) targetCommand() *cobra.Command {
	return group("target", "Make and list the places that scripts run on", a.targetCreate(), a.targetList())
}

func (a *app) targetCreate() *cobra.Command {
	var pool, agent string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a target that the agents of a pool serve on their own machine",
		Example: "  epo target create web-01 --pool default --agent web-01",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			target := api.NewTarget{Name: args[0], Kind: "local"}
			found, err := a.poolOrOnly(cmd.Context(), client, pool)
			if err != nil {
				return err
			}
			target.PoolID = found.ID
			if agent != "" {
				serving, err := nounAgent().resolve(cmd.Context(), client, agent)
				if err != nil {
					return err
				}
				target.AgentID = serving.ID
			}
			created, err := client.CreateTarget(cmd.Context(), target)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(created)
			}
			fmt.Fprintf(a.Out, "Created target %s in pool %s\n", plainText(args[0]), plainText(found.Name))
			return nil
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "pool whose agents serve it (may be left out where there is one)")
	cmd.Flags().StringVar(&agent, "agent", "", "only this agent of the pool serves it")
	complete(cmd, "pool", a.names(nounPool()))
	complete(cmd, "agent", a.names(nounAgent()))
	return a.addOutput(cmd)
}

func (a *app) targetList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the targets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewTargets, new(api.Query).Order("name"), a.printTargets)
		},
	})
}

func (a *app) printTargets(targets []api.Target) error {
	t := table{header: []string{"NAME", "KIND", "POOL", "CREATED"}}
	for _, target := range targets {
		name := target.Name
		if target.Disabled {
			name += " (disabled)"
		}
		t.add(text(name), text(target.Kind), text(target.PoolName), text(a.ago(&target.CreatedAt)))
	}
	return a.print(t, "No targets yet. `epo target create NAME` makes one.")
}
