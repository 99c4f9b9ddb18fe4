package stdio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/psrptest"
	"github.com/epo-dev/epo/psrp/stdio"
)

// Not parallel: it measures the process.
func TestLeaks(t *testing.T) {
	psrptest.Leaks(t, func(t testing.TB) (psrp.Transport, func()) {
		p, err := stdio.Start(ctx(t), fakeConfig("engine"))
		require.NoError(t, err)
		t.Cleanup(func() {
			p.Kill()
			_ = p.Wait()
		})
		return p.Transport(), p.Kill
	})
}
