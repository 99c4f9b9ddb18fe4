package winrm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/psrptest"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// Not parallel: they measure the process.
func TestLeaks(t *testing.T) {
	for _, access := range variants {
		t.Run(string(access), func(t *testing.T) {
			psrptest.Leaks(t, func(t testing.TB) (psrp.Transport, func()) {
				e := winrmtest.Start(t, winrmtest.Options{Access: access, Engine: scripted(t, func(p *peer.Pipeline) {
					if p.Text == "sleep" {
						<-p.Stopped
						return
					}
					p.Output(p.Text)
				})})
				transport, err := winrm.New(e.Client)
				require.NoError(t, err)
				return transport, e.DropShells
			})
		})
	}
}
