package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) passwdCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "passwd",
		Short: "Change your own password",
		Long: `Asks for the present password and twice for the new one, without showing them. From a pipe it reads two lines: the present
password, then the new one. The session here goes on; all others of yours end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			current, next, err := a.askPasswords()
			if err != nil {
				return err
			}
			if err := client.ChangePassword(cmd.Context(), current, next); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, "Password changed; your other sessions have ended")
			return nil
		},
	}
}

// askPasswords returns the present password and the new one.
func (a *app) askPasswords() (current, next string, err error) {
	if a.ReadPassword == nil {
		return a.readPasswords()
	}
	var again string
	for _, q := range []struct {
		prompt string
		into   *string
	}{{"Present password: ", &current}, {"New password: ", &next}, {"New password again: ", &again}} {
		if *q.into, err = a.ReadPassword(q.prompt); err != nil {
			return "", "", fmt.Errorf("read password: %w", err)
		}
	}
	if next != again {
		return "", "", errors.New("the new password was typed in two ways; nothing is changed")
	}
	return current, next, nil
}

// readPasswords reads two lines of standard input.
func (a *app) readPasswords() (current, next string, err error) {
	lines := bufio.NewScanner(a.In)
	var read []string
	for len(read) < 2 && lines.Scan() {
		read = append(read, strings.TrimSuffix(lines.Text(), "\r"))
	}
	if err := lines.Err(); err != nil {
		return "", "", fmt.Errorf("read passwords: %w", err)
	}
	if len(read) < 2 {
		return "", "", errors.New("standard input must have two lines: the present password and the new one")
	}
	return read[0], read[1], nil
}
