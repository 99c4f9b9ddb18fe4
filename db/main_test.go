package db_test

import (
	"flag"
	"testing"

	"github.com/epo-dev/epo/internal/testkit"
)

// A check of a property here is some dozens of transactions: fewer checks than
// the library makes, of longer histories; the seed is in the output. The flags
// ask for more.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "40", "rapid.steps": "60", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	testkit.Main(m)
}
