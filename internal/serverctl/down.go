package serverctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/filelock"
)

// stopPatience is how long `epo down` waits for a clean stop before it kills.
const stopPatience = 60 * time.Second

func downCommand() *cobra.Command {
	var dir string
	var deleteData bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop what `epo up` started on this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return down(cmd.Context(), DataRoot{dir}, deleteData, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&dir, "data", DefaultDataDir(), "data folder of that `epo up` (EPO_DATA)")
	cmd.Flags().BoolVar(&deleteData, "delete-data", false, "also remove the data folder, and as root the accounts epo-db and epo-run")
	return cmd
}

func down(ctx context.Context, data DataRoot, deleteData bool, out io.Writer) error {
	if !data.ours() {
		fmt.Fprintf(out, "nothing runs, and there is no data at %s\n", data.dir)
		return nil
	}
	held, err := stopRunning(ctx, data, out)
	if err != nil {
		return err
	}
	defer held.Release()
	if !deleteData {
		return nil
	}
	if err := data.Delete(); err != nil {
		return err
	}
	fmt.Fprintf(out, "removed %s\n", data.dir)
	return removeAccounts(out)
}

// stopRunning ends the `epo up` of the data folder, if one runs, and returns with the folder's lock held.
func stopRunning(ctx context.Context, data DataRoot, out io.Writer) (*filelock.Lock, error) {
	held, err := filelock.Try(data.path("lock"))
	if err == nil {
		fmt.Fprintln(out, "nothing runs")
		return held, nil
	} else if !errors.Is(err, filelock.ErrHeld) {
		return nil, err
	}
	state, err := data.readRunning()
	if err != nil {
		return nil, fmt.Errorf("EPO is starting or stopping on %s; try again in a moment", data.dir)
	}
	process, err := os.FindProcess(state.PID)
	if err != nil {
		return nil, fmt.Errorf("find process %d: %w", state.PID, err)
	}
	if err := terminate(process); err != nil {
		return nil, fmt.Errorf("stop process %d: %w", state.PID, err)
	}
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	held, err = filelock.Wait(patience, data.path("lock"))
	if err == nil {
		fmt.Fprintf(out, "stopped %s\n", state.URL)
		return held, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fmt.Fprintf(out, "process %d did not stop within %s, killing it\n", state.PID, stopPatience)
	if err := process.Kill(); err != nil {
		return nil, fmt.Errorf("kill process %d: %w", state.PID, err)
	}
	return filelock.Wait(ctx, data.path("lock"))
}

// removeAccounts removes the system accounts that only a root `epo up` makes. Accounts of processes that still run, for
// instance of a second data folder, stay.
func removeAccounts(out io.Writer) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"epo-db", "epo-run"} {
		if err := account.Remove(name); err != nil {
			fmt.Fprintf(out, "account %s stays: %v\n", name, err)
		}
	}
	return nil
}
