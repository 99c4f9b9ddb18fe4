package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const envPrefix = "EPO_AGENT_"

// applySettings fills every setting that the command has a flag for and the command line did not give: from the
// environment, else from the file of --config. A member of the file that is no setting is an error, so that a slip of the
// pen is seen.
func applySettings(cmd *cobra.Command, getenv func(string) string) error {
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		path = getenv(envPrefix + "CONFIG")
	}
	file, err := readSettings(path)
	if err != nil {
		return err
	}
	for _, name := range append(settingNames(), "token") {
		f := cmd.Flags().Lookup(name)
		if f == nil || f.Changed {
			continue
		}
		where := envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value := getenv(where)
		if value == "" {
			value, where = file[name], path+": "+name
		}
		if value == "" {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

// settingNames are the flags that make sense in a file.
func settingNames() []string {
	return []string{"account", "capacity", "drain-timeout", "identities", "log-format", "log-level", "max-stream", "name", "server", "state", "warm-max", "warm-min", "work-dir"}
}

// readSettings reads a flat JSON object; no path means no settings.
func readSettings(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read settings %s: %w", path, err)
	}
	settings := make(map[string]string, len(raw))
	for name, value := range raw {
		if !slices.Contains(settingNames(), name) {
			return nil, fmt.Errorf("settings %s: %q is none; there are %s", path, name, strings.Join(settingNames(), ", "))
		}
		settings[name] = fmt.Sprint(value)
	}
	return settings, nil
}

// defaultState is where the agent keeps identity, keys and spool.
func defaultState() string {
	switch {
	case runtime.GOOS == "windows":
		return filepath.Join(os.Getenv("ProgramData"), "EPO", "agent")
	case os.Geteuid() == 0:
		return "/var/lib/epo-agent"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "epo-agent")
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "epo-agent")
}

// workDir is where scripts run: beside the state folder, which is closed to the account that they run as.
func workDir(state, given string) string {
	if given != "" {
		return given
	}
	return filepath.Clean(state) + "-work"
}
