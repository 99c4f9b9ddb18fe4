package serverctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/gateway"
	"github.com/epo-dev/epo/internal/store"
)

func adminCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Administer tenants and users on the server's machine, straight in the database",
	}
	user := &cobra.Command{Use: "user", Short: "Make users and give them new passwords"}
	user.AddCommand(userCreateCommand(), userResetPasswordCommand())
	tenant := &cobra.Command{Use: "tenant", Short: "Make tenants"}
	tenant.AddCommand(tenantCreateCommand())
	cmd.AddCommand(bootstrapCommand(), user, tenant)
	return cmd
}

// passwordOption lets a password come from standard input; else one is made and printed once.
type passwordOption struct{ stdin bool }

func (o *passwordOption) flag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.stdin, "password-stdin", false, "read the password from standard input instead of making one")
}

// get returns the password and whether it was made here and must be shown.
func (o passwordOption) get(cmd *cobra.Command) (password string, made bool, err error) {
	if !o.stdin {
		return gateway.NewPassword(), true, nil
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("read the password: %w", err)
	}
	password = strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", false, errors.New("the password on standard input is empty")
	}
	return password, false, gateway.CheckChosenPassword(password)
}

// withStore runs f on the database that the options name.
func withStore(cmd *cobra.Command, o databaseOptions, f func(context.Context, *store.Store) error) error {
	s, err := openStore(cmd.Context(), o, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(cmd.Context(), s)
}

func bootstrapCommand() *cobra.Command {
	var o databaseOptions
	var p passwordOption
	var slug, name, user string
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make the first tenant and its administrator, once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, made, err := p.get(cmd)
			if err != nil {
				return err
			}
			return withStore(cmd, o, func(ctx context.Context, s *store.Store) error {
				err := bootstrap(ctx, s, slug, name, &firstSignIn{User: user, Password: password})
				if code := store.CodeOf(err); code == "already_bootstrapped" || code == "conflict" {
					return errors.New("the first tenant exists already; `epo admin tenant create` makes another, `epo admin user reset-password` lets you in again")
				} else if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "tenant %s, administrator %s\n", slug, user)
				showPassword(cmd, password, made)
				return nil
			})
		},
	}
	o.flags(cmd.Flags())
	p.flag(cmd)
	cmd.Flags().StringVar(&slug, "tenant", firstTenant, "slug of the tenant")
	cmd.Flags().StringVar(&name, "tenant-name", firstTenantName, "name of the tenant for people")
	cmd.Flags().StringVar(&user, "user", firstUser, "name of the administrator")
	return cmd
}

func showPassword(cmd *cobra.Command, password string, made bool) {
	if made {
		fmt.Fprintf(cmd.OutOrStdout(), "password, shown once: %s\n", password)
	}
}

func tenantCreateCommand() *cobra.Command {
	var o databaseOptions
	var name string
	cmd := &cobra.Command{
		Use:     "create SLUG",
		Short:   "Make a tenant",
		Example: "  epo admin tenant create acme --name 'ACME Inc.'\n  epo admin user create root --tenant acme --role admin",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, o, func(ctx context.Context, s *store.Store) error {
				if name == "" {
					name = args[0]
				}
				var id string
				err := s.Gateway().QueryRow(ctx, `select auth.create_tenant($1, $2)::text`, args[0], name).Scan(&id)
				if err != nil {
					return store.AsError(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "tenant %s (%s)\n", args[0], id)
				return nil
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "name for people (default the slug)")
	return cmd
}

func userCreateCommand() *cobra.Command {
	var o databaseOptions
	var p passwordOption
	var tenant, display string
	var roles []string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a user",
		Example: "  epo admin user create olga --role operator",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, made, err := p.get(cmd)
			if err != nil {
				return err
			}
			hash, err := gateway.HashPassword(password)
			if err != nil {
				return err
			}
			return withStore(cmd, o, func(ctx context.Context, s *store.Store) error {
				var id string
				err := s.Gateway().QueryRow(ctx, `select auth.create_user($1, $2, $3, $4, $5)::text`, tenant, args[0], display, hash, roles).Scan(&id)
				if err != nil {
					return store.AsError(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "user %s (%s), roles %s\n", args[0], id, strings.Join(roles, ", "))
				showPassword(cmd, password, made)
				return nil
			})
		},
	}
	o.flags(cmd.Flags())
	p.flag(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "slug of the tenant; may be left out where only one exists")
	cmd.Flags().StringVar(&display, "display-name", "", "name for people (default the user name)")
	cmd.Flags().StringSliceVar(&roles, "role", []string{"operator"}, "admin, operator or auditor; may be given several times")
	return cmd
}

func userResetPasswordCommand() *cobra.Command {
	var o databaseOptions
	var p passwordOption
	var tenant string
	cmd := &cobra.Command{
		Use:   "reset-password NAME",
		Short: "Give a user a new password and end all sign-ins of that user",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, made, err := p.get(cmd)
			if err != nil {
				return err
			}
			hash, err := gateway.HashPassword(password)
			if err != nil {
				return err
			}
			return withStore(cmd, o, func(ctx context.Context, s *store.Store) error {
				var id string
				err := s.Gateway().QueryRow(ctx, `select auth.set_password($1, $2, $3)::text`, tenant, args[0], hash).Scan(&id)
				if store.CodeOf(store.AsError(err)) == "not_found" {
					return fmt.Errorf("there is no user %s in that tenant (--tenant SLUG names one)", args[0])
				} else if err != nil {
					return store.AsError(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "new password for %s\n", args[0])
				showPassword(cmd, password, made)
				return nil
			})
		},
	}
	o.flags(cmd.Flags())
	p.flag(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "slug of the tenant; may be left out where only one exists")
	return cmd
}
