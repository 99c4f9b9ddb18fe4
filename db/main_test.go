package db_test

import (
	"testing"

	"github.com/epo-dev/epo/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
