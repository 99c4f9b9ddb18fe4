package serverctl

import "github.com/spf13/cobra"

// defaultListen is where `epo up` and `epo server` listen when nobody says otherwise.
const defaultListen = "127.0.0.1:7070"

// Commands returns the commands of the server's machine, to be added to the root of `epo`.
func Commands() []*cobra.Command {
	return []*cobra.Command{upCommand(), downCommand(), serverCommand(), migrateCommand(), adminCommand()}
}
