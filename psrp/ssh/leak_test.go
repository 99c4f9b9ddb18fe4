package ssh_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/psrptest"
	"github.com/epo-dev/epo/psrp/ssh"
)

// Not parallel: it measures the process.
func TestLeaks(t *testing.T) {
	server := startSSHD(t, subsystem(t, "fake", "peer"))
	config := server.Client("ed25519")
	config.Subsystem = "fake"
	psrptest.Leaks(t, func(t testing.TB) (psrp.Transport, func()) {
		s, err := ssh.Dial(ctx(t), config)
		require.NoError(t, err)
		t.Cleanup(func() {
			s.Kill()
			_ = s.Wait()
		})
		return s.Transport(), s.Kill
	})
}
