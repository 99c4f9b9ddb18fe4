package serverctl

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/store"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Bring a database to the schema of this version, or show where it stands"}
	cmd.AddCommand(migrateUpCommand(), migrateStatusCommand())
	return cmd
}

func migrateUpCommand() *cobra.Command {
	var o databaseOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Apply what is pending; several may do so at once",
		Long: `Applies pending migrations, each in a transaction of its own, rebuilds functions and views if they changed, and sets the
passwords of the database logins. The user of --database-url must own the database and be allowed to create roles; a
superuser is not needed.`,
		Example: "  epo migrate up --database-url postgres://install:secret@db.example/epo --secrets /etc/epo/secrets.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, secretsFile, err := o.resolve()
			if err != nil {
				return err
			}
			secrets, err := store.LoadOrCreateSecrets(secretsFile)
			if err != nil {
				return err
			}
			report, err := store.Migrate(cmd.Context(), url, secrets, nil)
			if err != nil {
				return err
			}
			for _, w := range report.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			fmt.Fprintln(cmd.OutOrStdout(), describe(report))
			return nil
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func migrateStatusCommand() *cobra.Command {
	var o databaseOptions
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List migrations and when they were applied",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, _, err := o.resolve()
			if err != nil {
				return err
			}
			list, err := store.Status(cmd.Context(), url)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MIGRATION\tAPPLIED")
			for _, m := range list {
				when := "pending"
				if !m.AppliedAt.IsZero() {
					when = m.AppliedAt.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\n", m.Name, when)
			}
			return w.Flush()
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}
