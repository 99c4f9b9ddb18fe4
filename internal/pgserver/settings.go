package pgserver

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// settings are modest: a server that shares its machine with EPO itself. Its log holds what concerns the server, not each
// refused request (the client has that, and would fill the disk with it), and never a parameter's value.
func (c Config) settings(l layout) map[string]string {
	s := map[string]string{
		"listen_addresses":                    "127.0.0.1",
		"unix_socket_directories":             "", // the default is a shared folder
		"hba_file":                            l.hba(),
		"ident_file":                          l.ident(),
		"password_encryption":                 "scram-sha-256",
		"max_connections":                     "100",
		"shared_buffers":                      "128MB",
		"max_wal_size":                        "2GB",
		"checkpoint_timeout":                  "15min",
		"wal_compression":                     "pglz",
		"jit":                                 "off",
		"autovacuum_naptime":                  "5s",
		"autovacuum_vacuum_insert_threshold":  "10000",
		"idle_in_transaction_session_timeout": "60s",
		"client_connection_check_interval":    "5s",
		"tcp_keepalives_idle":                 "60",
		"timezone":                            "UTC",
		"log_timezone":                        "UTC",
		"log_line_prefix":                     "%m [%p] %q%u@%d ",
		"log_min_messages":                    "log",
		"log_checkpoints":                     "off",
		"log_parameter_max_length":            "0",
		"log_parameter_max_length_on_error":   "0",
		"lc_messages":                         "C",
	}
	if c.Disposable {
		maps.Copy(s, map[string]string{
			"fsync": "off", "full_page_writes": "off", // a commit still survives the death of every process
			"max_connections": "300", "shared_buffers": "64MB", "checkpoint_timeout": "1h", "autovacuum_naptime": "60s",
			"dynamic_shared_memory_type": "mmap", // in the data folder: nothing outlives its removal, whoever was killed
		})
	}
	maps.Copy(s, c.Settings)
	return s
}

const hba = "# Written by EPO at each start.\nhost all all 127.0.0.1/32 scram-sha-256\n"

// writeConfig writes the three files that the server reads. They belong to us, not to the server's account.
func (c Config) writeConfig(l layout) error {
	settings := c.settings(l)
	var b strings.Builder
	b.WriteString("# Written by EPO at each start; ALTER SYSTEM wins over it.\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	for path, text := range map[string]string{l.config(): b.String(), l.hba(): hba, l.ident(): ""} {
		if err := writeFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file as a whole: a reader, or a start after a crash, sees the old or the new text.
func writeFile(path, text string, mode os.FileMode) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(mode); err != nil { // the umask may have taken bits
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(next, path)
}
