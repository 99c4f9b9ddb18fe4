package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) targetCommand() *cobra.Command {
	return group("target", "Make, change, test and list the places that scripts run on",
		a.targetCreate(), a.targetUpdate(), a.targetTest(), a.targetShow(), a.targetList(), a.targetEnable(true), a.targetEnable(false), a.targetDelete())
}

// lane says which agents serve a target.
type lane struct{ pool, agent string }

func (l *lane) add(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.pool, "pool", "", "pool whose agents serve it (may be left out where there is one)")
	cmd.Flags().StringVar(&l.agent, "agent", "", "only this agent of the pool serves it")
	complete(cmd, "pool", a.names(nounPool()))
	complete(cmd, "agent", a.names(nounAgent()))
}

func (a *app) targetCreate() *cobra.Command {
	var kind string
	var l lane
	var o targetFlags
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a target: the agents' own machine, or a host that they reach by SSH or WinRM",
		Long: `Makes a target. Kind local is the machine of the agent that claims the run; ssh and winrm are hosts that agents of the pool
reach. Who signs in there, and with which secret, stands in the file identities.json of the agent: --identity names the
entry, otherwise the one with the target's name or "default" is taken. The server never gets to see a secret.

The host has to prove itself: ssh by a key that --host-key names, winrm over https by a certificate of --ca or of the
system's authorities. ` + "`epo target test`" + ` tells what is missing.`,
		Example: `  epo target create web-01 --pool default --agent web-01
  epo target create db-01 --kind ssh --address db-01.example.org --user epo --host-key 'ssh-ed25519 AAAA…'
  epo target create dc-01 --kind winrm --address dc-01.example.org --user 'ACME\svc-epo' --ca ca.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := o.merge(cmd, kind, nil)
			if err != nil {
				return err
			}
			return a.createTarget(cmd.Context(), api.NewTarget{Name: args[0], Kind: kind, Options: options}, l)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", api.TargetLocal, "local, ssh or winrm")
	complete(cmd, "kind", words(api.TargetLocal, api.TargetSSH, api.TargetWinRM))
	l.add(a, cmd)
	o.add(cmd)
	return a.addOutput(cmd)
}

func (a *app) createTarget(ctx context.Context, target api.NewTarget, l lane) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	pool, err := a.poolOrOnly(ctx, client, l.pool)
	if err != nil {
		return err
	}
	target.PoolID = pool.ID
	if l.agent != "" {
		agent, err := nounAgent().resolve(ctx, client, l.agent)
		if err != nil {
			return err
		}
		target.AgentID = agent.ID
	}
	created, err := client.CreateTarget(ctx, target)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printJSON(created)
	}
	fmt.Fprintf(a.Out, "Created target %s in pool %s\n", plainText(target.Name), plainText(pool.Name))
	return nil
}

func (a *app) targetUpdate() *cobra.Command {
	var anyAgent bool
	var l lane
	var o targetFlags
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change options, pool or agent of a target",
		Long: `Changes what is given and leaves the rest; an option that is given as "" goes. Runs that are claimed afterwards go by it,
also those that wait already.`,
		Example:           "  epo target update db-01 --port 2222 --identity ''\n  epo target update db-01 --pool edge --any-agent",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounTarget())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, target, err := a.target(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			change := api.TargetChange{TargetID: target.ID, AnyAgent: anyAgent}
			if change.Options, err = o.merge(cmd, target.Kind, target.Options); err != nil {
				return err
			}
			if err := l.resolve(cmd.Context(), client, &change); err != nil {
				return err
			}
			return a.changeTarget(cmd.Context(), client, target, change, "Changed")
		},
	}
	l.add(a, cmd)
	cmd.Flags().BoolVar(&anyAgent, "any-agent", false, "any agent of the pool serves it")
	cmd.MarkFlagsMutuallyExclusive("agent", "any-agent")
	o.add(cmd)
	return a.addOutput(cmd)
}

// resolve fills in the ids of what was named.
func (l lane) resolve(ctx context.Context, client *api.Client, change *api.TargetChange) error {
	for _, f := range []struct {
		noun  noun
		given string
		into  *string
	}{{nounPool(), l.pool, &change.PoolID}, {nounAgent(), l.agent, &change.AgentID}} {
		if f.given == "" {
			continue
		}
		found, err := f.noun.resolve(ctx, client, f.given)
		if err != nil {
			return err
		}
		*f.into = found.ID
	}
	return nil
}

// target reads a target that was named.
func (a *app) target(ctx context.Context, given string) (*api.Client, api.Target, error) {
	client, err := a.client()
	if err != nil {
		return nil, api.Target{}, err
	}
	found, err := nounTarget().resolve(ctx, client, given)
	if err != nil {
		return nil, api.Target{}, err
	}
	target, err := api.One[api.Target](ctx, client, api.ViewTargets, api.Where("id", found.ID))
	return client, target, err
}

// changeTarget sends a change and says what was done.
func (a *app) changeTarget(ctx context.Context, client *api.Client, target api.Target, change api.TargetChange, did string) error {
	if err := client.UpdateTarget(ctx, change); err != nil {
		return err
	}
	if a.output == "json" {
		return a.printRow(ctx, client, api.ViewTargets, target.ID)
	}
	fmt.Fprintf(a.Out, "%s target %s\n", did, plainText(target.Name))
	return nil
}

func (a *app) targetEnable(enable bool) *cobra.Command {
	use, short, did := "disable", "Let no new run be queued on a target", "Disabled"
	if enable {
		use, short, did = "enable", "Let runs be queued on a target again", "Enabled"
	}
	return a.addOutput(&cobra.Command{
		Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: first(a.names(nounTarget())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, target, err := a.target(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			disabled := !enable
			return a.changeTarget(cmd.Context(), client, target, api.TargetChange{TargetID: target.ID, Disabled: &disabled}, did)
		},
	})
}

func (a *app) targetDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Remove a target that no run, job or test was ever about", Args: cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounTarget())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, target, err := a.target(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := client.DeleteTarget(cmd.Context(), target.ID); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "Deleted target %s\n", plainText(target.Name))
			return nil
		},
	}
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
	t := table{header: []string{"NAME", "KIND", "POOL", "ADDRESS", "CREATED"}}
	for _, target := range targets {
		name := target.Name
		if target.Disabled {
			name += " (disabled)"
		}
		t.add(text(name), text(target.Kind), text(target.PoolName), text(address(target)), text(a.ago(&target.CreatedAt)))
	}
	return a.print(t, "No targets yet. `epo target create NAME` makes one.")
}

// address is where a remote target is, as user@host:port.
func address(target api.Target) string {
	spec := api.TargetSpec{Kind: target.Kind}
	if spec.Local() || json.Unmarshal(target.Options, &spec.Options) != nil {
		return ""
	}
	if spec.Options.User == "" {
		return spec.HostPort()
	}
	return spec.Options.User + "@" + spec.HostPort()
}

func (a *app) targetShow() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "show NAME", Short: "Show a target and its options", Args: cobra.ExactArgs(1), ValidArgsFunction: first(a.names(nounTarget())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, target, err := a.target(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printRow(cmd.Context(), client, api.ViewTargets, target.ID)
			}
			return a.showTarget(cmd.Context(), client, target)
		},
	})
}

func (a *app) showTarget(ctx context.Context, client *api.Client, target api.Target) error {
	agent, state := "any of the pool", "enabled"
	if target.AgentID != nil {
		agent = *target.AgentID
		if found, err := nounAgent().resolve(ctx, client, agent); err == nil {
			agent = found.Name
		}
	}
	if target.Disabled {
		state = "disabled"
	}
	pairs := []string{"name", target.Name, "id", target.ID, "kind", target.Kind, "pool", target.PoolName, "agent", agent, "state", state, "created", a.ago(&target.CreatedAt)}
	options, err := optionPairs(target.Options)
	if err != nil {
		return err
	}
	a.fields(append(pairs, options...)...)
	return nil
}
