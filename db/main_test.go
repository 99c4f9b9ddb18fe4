package db_test

import (
	"flag"
	"testing"

	"github.com/epo-dev/epo/internal/testkit"
)

// Each check of a property here is some dozens of transactions; -rapid.checks
// asks for more.
const checks = "12"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	testkit.Main(m)
}
