package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// maxScript is the largest script that the server takes; more is not even sent.
const maxScript = 5 << 20

func (a *app) scriptCommand() *cobra.Command {
	return group("script", "Store and show scripts", a.scriptPush(), a.scriptList(), a.scriptShow())
}

func (a *app) scriptPush() *cobra.Command {
	var name, description, notes string
	var noWait bool
	cmd := &cobra.Command{
		Use:   "push FILE",
		Short: "Store a script, or a new version of it",
		Long: `Stores the exact bytes of FILE ("-" is standard input) as a new version of the script. The name is the file's without .ps1,
unless --name says otherwise. Bytes that are the latest version already make no new one.

An agent then lets PowerShell's parser read it, without running it. While one is online, push waits up to 3 s for that and
prints syntax errors as file:line:column; ` + "`epo script show`" + ` shows them later, and the parameters.`,
		Example: "  epo script push hello.ps1\n  epo script push patch.ps1 --name patch-servers --notes 'skips clusters'",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"ps1"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := a.readScript(args[0])
			if err != nil {
				return err
			}
			p := push{PushScript: api.PushScript{Name: name, Content: content}, file: args[0], noWait: noWait}
			if p.Name == "" {
				p.Name = scriptName(args[0])
			}
			if p.Name == "" {
				return fmt.Errorf("no name given: --name")
			}
			if cmd.Flags().Changed("description") {
				p.Description = &description
			}
			if cmd.Flags().Changed("notes") {
				p.Notes = &notes
			}
			return a.pushScript(cmd.Context(), p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "name of the script")
	f.StringVar(&description, "description", "", "what the script is for")
	f.StringVar(&notes, "notes", "", "what is new in this version")
	f.BoolVar(&noWait, "no-wait", false, "do not wait for the inspection")
	complete(cmd, "name", a.names(nounScript()))
	return a.addOutput(cmd)
}

// push is a script on its way.
type push struct {
	api.PushScript
	file   string
	noWait bool
}

func (a *app) pushScript(ctx context.Context, p push) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	pushed, err := client.PushScript(ctx, p.PushScript)
	if err != nil {
		return err
	}
	return a.reportPush(ctx, client, p, pushed)
}

func (a *app) readScript(path string) ([]byte, error) {
	in := a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, maxScript+1))
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	if len(content) > maxScript {
		return nil, &api.Error{Code: api.CodeScriptTooLarge, Message: path + " is larger than 5 MiB"}
	}
	return content, nil
}

// scriptName is what a file's name says.
func scriptName(path string) string {
	if path == "-" {
		return ""
	}
	base := filepath.Base(path)
	if ext := filepath.Ext(base); strings.EqualFold(ext, ".ps1") {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

func (a *app) scriptList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the scripts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewScripts, new(api.Query).Order("name"), func(scripts []api.Script) error {
				t := table{header: []string{"NAME", "VERSION", "UPDATED", "DESCRIPTION"}}
				for _, s := range scripts {
					t.add(text(s.Name), number(s.LatestVersion), text(a.ago(&s.UpdatedAt)), text(s.Description))
				}
				return a.print(t, "No scripts yet. `epo script push FILE` stores one.")
			})
		},
	})
}

func (a *app) scriptShow() *cobra.Command {
	var version int
	var content bool
	cmd := &cobra.Command{
		Use:   "show SCRIPT",
		Short: "Show a script, its versions, its parameters, or the bytes of one",
		Long: `Shows a script and its versions, and what PowerShell's parser says of the latest version or of --version: syntax errors with
line and column, and the parameters of its param() block. With --content the exact bytes.`,
		Example: `  epo script show hello
  epo script show hello --version 2 --content > hello.ps1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounScript())),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			found, err := nounScript().resolve(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if content {
				return a.printContent(cmd.Context(), client, found, version)
			}
			return a.showScript(cmd.Context(), client, found, version)
		},
	}
	cmd.Flags().IntVar(&version, "version", 0, "this version (default: the latest)")
	cmd.Flags().BoolVar(&content, "content", false, "print the exact bytes and nothing else")
	return a.addOutput(cmd)
}

// versionQuery selects one version of a script, or all with the latest first.
func versionQuery(script named, version int) *api.Query {
	q := api.Where("script_id", script.ID).Order("version.desc")
	if version > 0 {
		q.Eq("version", fmt.Sprint(version))
	}
	return q
}

func (a *app) versions(ctx context.Context, c *api.Client, script named, version int) ([]api.ScriptVersion, error) {
	versions, err := api.List[api.ScriptVersion](ctx, c, api.ViewScriptVersions, versionQuery(script, version))
	if err == nil && len(versions) == 0 {
		err = fmt.Errorf("script %s has no version %d", script.Name, version)
	}
	return versions, err
}

func (a *app) printContent(ctx context.Context, c *api.Client, script named, version int) error {
	versions, err := a.versions(ctx, c, script, version)
	if err != nil {
		return err
	}
	row, err := api.One[api.ScriptContent](ctx, c, api.ViewScriptContents, api.Where("script_version_id", versions[0].ID))
	if err != nil {
		return err
	}
	_, err = a.Out.Write(row.Content)
	return err
}

func (a *app) showScript(ctx context.Context, c *api.Client, found named, version int) error {
	versions, err := a.versions(ctx, c, found, version)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printRow(ctx, c, api.ViewScripts, found.ID, part{"versions", api.ViewScriptVersions, versionQuery(found, version)},
			part{"inspections", api.ViewScriptInspections, api.Where("script_version_id", versions[0].ID)})
	}
	script, err := api.One[api.Script](ctx, c, api.ViewScripts, api.Where("id", found.ID))
	if err != nil {
		return err
	}
	seen, err := inspection(ctx, c, versions[0].ID)
	if err != nil {
		return err
	}
	a.fields("name", script.Name, "id", script.ID, "description", script.Description, "created", a.ago(&script.CreatedAt), "updated", a.ago(&script.UpdatedAt))
	fmt.Fprintln(a.Out)
	t := table{header: []string{"VERSION", "SHA256", "BYTES", "PUSHED", "BY", "NOTES"}}
	for _, v := range versions {
		t.add(number(v.Version), text(v.SHA256[:min(len(v.SHA256), 16)]), number(v.SizeBytes), text(a.ago(&v.CreatedAt)), text(v.CreatedByName), text(v.Notes))
	}
	if err := a.print(t, "No versions."); err != nil {
		return err
	}
	return a.printInspection(script.Name, seen)
}
