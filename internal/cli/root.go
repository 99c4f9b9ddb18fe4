package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/version"
)

// Env is everything outside the program that commands touch.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	// ConfigDir is where sessions lie, one file per server.
	ConfigDir string
	// OutTerminal and ErrTerminal say whether a person looks at Out and Err: then there is colour and progress.
	OutTerminal, ErrTerminal bool
	// ReadPassword asks a person without showing what is typed; nil when nobody can be asked.
	ReadPassword func(prompt string) (string, error)
}

// OS is the Env of the real program.
func OS() Env {
	e := Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now, ConfigDir: configDir(),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())), ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		e.ReadPassword = func(prompt string) (string, error) {
			fmt.Fprint(os.Stderr, prompt)
			text, err := term.ReadPassword(int(os.Stdin.Fd()))
			fmt.Fprintln(os.Stderr)
			return string(text), err
		}
	}
	return e
}

func configDir() string {
	if dir := os.Getenv("EPO_CONFIG_DIR"); dir != "" {
		return dir
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ".epo"
	}
	return filepath.Join(dir, "epo")
}

// app is what the commands of one invocation share.
type app struct {
	Env
	server string // --server, EPO_SERVER, or the one of the last login
	output string // table or json
}

// exitError ends the program with a code of its own; what there is to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// NewRoot returns `epo` with its user commands. More commands can be added to it; Run runs it.
func NewRoot(e Env) *cobra.Command {
	a := &app{Env: e}
	root := &cobra.Command{
		Use:   "epo",
		Short: "EPO runs PowerShell scripts on your machines",
		Long: `EPO runs PowerShell scripts on your machines. A first session:

  epo login                                          sign in
  epo script push hello.ps1                          store a script
  epo run start --script hello --target local --wait run it and watch its output

Wherever a name is asked for, an id will do. Lists are tables for people; -o json gives what the server sent.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.String(),
	}
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	f := root.PersistentFlags()
	f.StringVar(&a.server, "server", "", "address of the server (EPO_SERVER; else that of the last login)")
	root.AddGroup(&cobra.Group{ID: groupWork, Title: "Work:"}, &cobra.Group{ID: groupSession, Title: "Session:"})
	for _, c := range []*cobra.Command{a.scriptCommand(), a.targetCommand(), a.jobCommand(), a.runCommand(), a.agentCommand(), a.poolCommand(), a.userCommand()} {
		c.GroupID = groupWork
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.passwdCommand(), a.versionCommand()} {
		c.GroupID = groupSession
		root.AddCommand(c)
	}
	root.SetHelpCommandGroupID(groupSession)
	root.SetCompletionCommandGroupID(groupSession)
	return root
}

const (
	groupWork    = "work"
	groupSession = "session"
)

// Run runs the root with arguments, prints an error with what to do about it, and returns the program's exit code.
func Run(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	if err == nil {
		return 0
	}
	w := root.ErrOrStderr()
	fmt.Fprintln(w, "epo: "+plainText(err.Error()))
	if e, ok := errors.AsType[*api.Error](err); ok {
		for _, more := range []string{e.Details, e.Hint} {
			if more != "" {
				fmt.Fprintln(w, "  "+plainText(more))
			}
		}
	}
	switch advice := api.Advice(api.CodeOf(err)); {
	case advice != "":
		fmt.Fprintln(w, "  "+advice)
	case misused(err):
		fmt.Fprintf(w, "  `%s --help` shows how it is used\n", cmd.CommandPath())
	}
	return 1
}

// misused reports whether the command line itself was wrong, which is known by what cobra says only.
func misused(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown ", "accepts ", "requires ", "flag needs", "invalid argument", "required flag", "if any flags"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// addOutput gives a command the flag --output.
func (a *app) addOutput(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&a.output, "output", "o", "table", "table or json")
	complete(cmd, "output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp
	})
	inner := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if a.output != "table" && a.output != "json" {
			return fmt.Errorf("output %q: want table or json", a.output)
		}
		if inner != nil {
			return inner(cmd, args)
		}
		return nil
	}
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the versions of this program and of the server", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(a.Out, "client  %s\n", version.String())
			client, err := a.anonymous()
			if err != nil {
				return err
			}
			there, err := client.ServerVersion(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "server  %s at %s\n", plainText(there), client.Server())
			return nil
		},
	}
}
