package stdio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/psrptest"
	"github.com/epo-dev/epo/psrp/stdio"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	psrptest.Run(t, func(t testing.TB) psrp.Transport {
		p := engines.take()
		if p == nil {
			var err error
			p, err = stdio.Start(ctx(t), engineConfig())
			require.NoError(t, err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				p.Kill()
				_ = p.Wait()
				return
			}
			engines.put(p)
		})
		return p.Transport()
	})
}
