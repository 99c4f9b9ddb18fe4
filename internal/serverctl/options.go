package serverctl

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// databaseOptions say where the database is: of the `epo up` on this machine, or named.
type databaseOptions struct {
	data    string
	url     string
	secrets string
}

func (o *databaseOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.data, "data", DefaultDataDir(), "data folder of the `epo up` on this machine (EPO_DATA)")
	f.StringVar(&o.url, "database-url", os.Getenv("EPO_DATABASE_URL"), "PostgreSQL to use instead (EPO_DATABASE_URL)")
	f.StringVar(&o.secrets, "secrets", os.Getenv("EPO_SECRETS"), "file with the passwords of the database logins, made if missing; all replicas share it (EPO_SECRETS)")
}

// resolve returns the URL of the installing role and the file of passwords.
func (o databaseOptions) resolve() (url, secretsFile string, err error) {
	data := DataRoot{o.data}
	secretsFile = o.secrets
	if secretsFile == "" {
		secretsFile = data.secretsFile()
	}
	if o.url != "" {
		if o.secrets == "" && !data.ours() {
			return "", "", errors.New("--database-url needs --secrets FILE, which holds the passwords of the database logins")
		}
		return o.url, secretsFile, nil
	}
	state, err := data.readRunning()
	if err != nil {
		return "", "", fmt.Errorf("no `epo up` runs on %s; start it, or name a database with --database-url", o.data)
	}
	return state.DatabaseURL, secretsFile, nil
}
