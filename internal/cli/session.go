package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

// currentFile names the server of the last login.
const currentFile = "current"

// address is the server to talk to: --server, EPO_SERVER, the last login, the place where `epo up` listens.
func (a *app) address() string {
	if a.server != "" {
		return a.server
	}
	if s := a.Getenv("EPO_SERVER"); s != "" {
		return s
	}
	text, err := os.ReadFile(filepath.Join(a.ConfigDir, currentFile))
	if s := strings.TrimSpace(string(text)); err == nil && s != "" {
		return s
	}
	return api.DefaultServer
}

func (a *app) anonymous() (*api.Client, error) { return api.New(api.Config{Server: a.address()}) }

// sessionPath is the file of the session on a server.
func (a *app) sessionPath(server string) string {
	name := strings.NewReplacer("://", "_", ":", "_", "[", "", "]", "").Replace(server) // fit for every file system
	return filepath.Join(a.ConfigDir, "sessions", name+".json")
}

// session opens the saved session.
func (a *app) session() (*api.Client, *api.Session, error) {
	plain, err := a.anonymous()
	if err != nil {
		return nil, nil, err
	}
	s, err := api.OpenSession(a.sessionPath(plain.Server()), plain, a.Now)
	if err != nil {
		return nil, nil, err
	}
	client, err := api.New(api.Config{Server: plain.Server(), HTTP: plain.HTTPClient(), Tokens: s})
	return client, s, err
}

// client returns a client that speaks for the signed-in user.
func (a *app) client() (*api.Client, error) {
	c, _, err := a.session()
	return c, err
}

// loginOptions are the flags of login.
type loginOptions struct {
	tenant, user  string
	passwordStdin bool
}

func (a *app) loginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login [SERVER]",
		Short: "Sign in and keep the session",
		Long: `Signs in and keeps the session in a file that only you can read. Later commands use this server until the next login. The
password is asked for; --password-stdin reads it from standard input.`,
		Example: "  epo login\n  epo login https://epo.example.com --tenant acme --user jo",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.server = args[0]
			}
			return a.login(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.tenant, "tenant", "", "slug of the tenant; not needed where there is only one")
	f.StringVar(&o.user, "user", "", "name of the user; asked for when left out")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (a *app) login(ctx context.Context, o loginOptions) error {
	client, err := a.anonymous()
	if err != nil {
		return err
	}
	in := bufio.NewReader(a.In)
	if o.user == "" {
		if o.user, err = a.ask(in, "User: "); err != nil {
			return err
		}
	}
	password, err := a.password(in, o.passwordStdin)
	if err != nil {
		return err
	}
	grant, err := client.SignIn(ctx, api.SignIn{Tenant: o.tenant, User: o.user, Password: password, Client: "cli"})
	if err != nil {
		return err
	}
	if _, err := api.SaveSession(ctx, a.sessionPath(client.Server()), client, grant, a.Now); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.ConfigDir, currentFile), []byte(client.Server()+"\n"), 0o600); err != nil {
		return fmt.Errorf("remember the server: %w", err)
	}
	fmt.Fprintf(a.Out, "Signed in to %s as %s\n", client.Server(), describe(grant.User))
	return nil
}

// ask reads a line; without a person there must be a flag.
func (a *app) ask(in *bufio.Reader, prompt string) (string, error) {
	if a.ReadPassword == nil {
		return "", errors.New("no user given: --user")
	}
	fmt.Fprint(a.Err, prompt)
	line, err := in.ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read user: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func (a *app) password(in *bufio.Reader, fromStdin bool) (string, error) {
	if !fromStdin {
		if a.ReadPassword == nil {
			return "", errors.New("nobody can be asked for the password here: --password-stdin reads it from standard input")
		}
		text, err := a.ReadPassword("Password: ")
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return text, nil
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func describe(u api.User) string {
	who := u.Name
	if u.DisplayName != "" && u.DisplayName != u.Name {
		who += " (" + u.DisplayName + ")"
	}
	return plainText(fmt.Sprintf("%s, tenant %s, roles %s", who, u.Tenant, strings.Join(u.Roles, ", ")))
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "End the session here and on the server", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, s, err := a.session()
			if err != nil {
				return err
			}
			if err := s.Close(cmd.Context()); err != nil {
				return fmt.Errorf("the session is forgotten here, but the server could not be told: %w", err)
			}
			fmt.Fprintf(a.Out, "Signed out of %s\n", client.Server())
			return nil
		},
	}
}

func (a *app) whoamiCommand() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "whoami", Short: "Show who is signed in, and where", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			user, err := client.WhoAmI(cmd.Context())
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.printJSON(user)
			}
			fmt.Fprintf(a.Out, "%s at %s\n", describe(user), client.Server())
			return nil
		},
	})
}
