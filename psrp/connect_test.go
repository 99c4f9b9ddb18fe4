package psrp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
)

// What Connect does is shown with recordings of Windows in psrp/winrm: pipes to
// a process have nothing to come back to.
func TestConnect_NotOverPipes(t *testing.T) {
	t.Parallel()
	b := startPeer(t, peer.Config{})
	_, err := psrp.Connect(ctx(t), b.conn.Transport(), psrp.NewGUID(), psrp.Config{})
	require.ErrorIs(t, err, psrp.ErrNoConnect)
	b = startPeer(t, peer.Config{})
	_, err = psrp.Connect(ctx(t), b.conn.Transport(), psrp.NewGUID(), psrp.Config{MaxRunspaces: -1})
	require.Error(t, err)
}
