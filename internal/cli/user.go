package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) userCommand() *cobra.Command {
	return group("user", "Let people in, say what they may do, shut them out",
		a.userCreate(), a.userList(), a.userSetRoles(), a.userEnable(false), a.userEnable(true), a.userResetPassword())
}

// roleNames are the roles that there are.
func roleNames() []string { return []string{"admin", "operator", "auditor"} }

func (a *app) userCreate() *cobra.Command {
	var u api.NewUser
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a user; the password is made by the server and shown once",
		Long: `Makes a user of your tenant. An operator makes scripts, targets and jobs and runs them; an auditor reads the audit log; an
admin does all of it and lets people and agents in. The new user should choose a password of their own: epo passwd.`,
		Example: "  epo user create olga --display-name 'Olga Ö.' --role operator --role auditor",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			u.Name = args[0]
			created, err := client.CreateUser(cmd.Context(), u)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(created)
			}
			fmt.Fprintf(a.Out, "Created user %s, roles %s\n", plainText(created.Name), plainText(strings.Join(u.Roles, ", ")))
			a.showPassword(created.Password)
			return nil
		},
	}
	cmd.Flags().StringVar(&u.DisplayName, "display-name", "", "name for people (default the user name)")
	cmd.Flags().StringSliceVar(&u.Roles, "role", []string{"operator"}, "admin, operator or auditor; may be repeated")
	complete(cmd, "role", words(roleNames()...))
	return a.addOutput(cmd)
}

func (a *app) showPassword(password string) {
	fmt.Fprintf(a.Out, "Password, shown once: %s\n", plainText(password))
}

func (a *app) userList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the users and their roles", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewUsers, new(api.Query).Order("name"), a.printUsers)
		},
	})
}

func (a *app) printUsers(users []api.Person) error {
	t := table{header: []string{"NAME", "DISPLAY NAME", "ROLES", "STATE", "LAST SIGN-IN", "CREATED"}}
	for _, u := range users {
		state := cell{"enabled", colourGreen}
		if u.Disabled {
			state = cell{"disabled", colourRed}
		}
		t.add(text(u.Name), text(u.DisplayName), text(strings.Join(u.Roles, ", ")), state, text(a.ago(u.LastSignInAt)), text(a.ago(&u.CreatedAt)))
	}
	return a.print(t, "No users.")
}

// userVerb makes a command that does something to one user.
func (a *app) userVerb(cmd *cobra.Command, do func(ctx context.Context, c *api.Client, user named, args []string) error) *cobra.Command {
	cmd.ValidArgsFunction = first(a.names(nounUser()))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := a.client()
		if err != nil {
			return err
		}
		user, err := nounUser().resolve(cmd.Context(), client, args[0])
		if err != nil {
			return err
		}
		return do(cmd.Context(), client, user, args[1:])
	}
	return a.addOutput(cmd)
}

// changed shows a user that was changed: as JSON, else by a sentence.
func (a *app) changed(ctx context.Context, c *api.Client, user named, sentence string) error {
	if a.output == "json" {
		return a.printRow(ctx, c, api.ViewUsers, user.ID)
	}
	_, err := fmt.Fprintln(a.Out, plainText(sentence))
	return err
}

func (a *app) userSetRoles() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "set-roles NAME ROLE…",
		Short:   "Say what a user may do: all their roles, the others go",
		Example: "  epo user set-roles olga operator auditor",
		Args:    cobra.MinimumNArgs(2),
	}
	a.userVerb(cmd, func(ctx context.Context, c *api.Client, user named, roles []string) error {
		if err := c.SetUserRoles(ctx, user.ID, roles); err != nil {
			return err
		}
		return a.changed(ctx, c, user, fmt.Sprintf("User %s now has roles %s", user.Name, strings.Join(roles, ", ")))
	})
	users := cmd.ValidArgsFunction
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return users(cmd, args, prefix)
		}
		return roleNames(), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func (a *app) userEnable(enable bool) *cobra.Command {
	use, short, did := "disable", "Let a user do nothing any more, from this moment on", "Disabled"
	if enable {
		use, short, did = "enable", "Let a user in again", "Enabled"
	}
	cmd := &cobra.Command{Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1)}
	return a.userVerb(cmd, func(ctx context.Context, c *api.Client, user named, _ []string) error {
		if err := c.DisableUser(ctx, user.ID, !enable); err != nil {
			return err
		}
		return a.changed(ctx, c, user, did+" user "+user.Name)
	})
}

func (a *app) userResetPassword() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-password NAME",
		Short: "Give a user a new password, shown once, and end all sign-ins of that user",
		Args:  cobra.ExactArgs(1),
	}
	return a.userVerb(cmd, func(ctx context.Context, c *api.Client, user named, _ []string) error {
		password, err := c.ResetPassword(ctx, user.ID)
		if err != nil {
			return err
		}
		if a.output == "json" {
			return a.printJSON(api.CreatedUser{ID: user.ID, Name: user.Name, Password: password})
		}
		fmt.Fprintf(a.Out, "New password for %s\n", plainText(user.Name))
		a.showPassword(password)
		return nil
	})
}
