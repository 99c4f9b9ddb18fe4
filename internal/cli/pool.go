package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) poolCommand() *cobra.Command {
	return group("pool", "Make and list sets of agents", a.poolCreate(), a.poolList())
}

// poolOrOnly resolves a pool, or takes the only one there is.
func (a *app) poolOrOnly(ctx context.Context, c *api.Client, given string) (named, error) {
	if given == "" {
		return nounPool().only(ctx, c, "--pool")
	}
	return nounPool().resolve(ctx, c, given)
}

func (a *app) poolCreate() *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a pool", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			created, err := client.CreatePool(cmd.Context(), args[0], description)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(created)
			}
			fmt.Fprintf(a.Out, "Created pool %s\n", plainText(args[0]))
			return nil
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "what the pool is for")
	return a.addOutput(cmd)
}

func (a *app) poolList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the pools", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewPools, new(api.Query).Order("name"), func(pools []api.Pool) error {
				t := table{header: []string{"NAME", "CREATED", "DESCRIPTION"}}
				for _, p := range pools {
					t.add(text(p.Name), text(a.ago(&p.CreatedAt)), text(p.Description))
				}
				return a.print(t, "No pools yet. `epo pool create NAME` makes one.")
			})
		},
	})
}
