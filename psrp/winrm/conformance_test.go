package winrm_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/psrptest"
)

// TestConformance: what every transport must be able to do, through sealed
// messages, with a real PowerShell.
func TestConformance(t *testing.T) {
	t.Parallel()
	psrptest.Run(t, func(t testing.TB) psrp.Transport {
		return serve(t, sealed, real(t), nil).transport(t)
	})
}

// TestConfidential: everything is, but TLS that verifies nothing.
func TestConfidential(t *testing.T) {
	t.Parallel()
	for _, name := range variants {
		b := serve(t, name, scripted(t, echo), nil)
		require.True(t, b.transport(t).Confidential(), name)
	}
	b := serve(t, basic, scripted(t, echo), nil)
	b.config.TLS = &tls.Config{InsecureSkipVerify: true}
	require.False(t, b.transport(t).Confidential())
}
