package winrmtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/runtime"
	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// TestStart: with the one call and nothing else, a script runs in a real
// PowerShell.
func TestStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	engine, err := runtime.Find(ctx)
	require.NoError(t, err)
	e := winrmtest.Start(t, winrmtest.Options{
		Access: winrmtest.Certificate, PowerShell: append([]string{engine.Path}, engine.Args...), Env: []string{"WHOSE=ours"},
	})
	e.Client.ConfigurationName = "PowerShell.7"
	transport, err := winrm.New(e.Client)
	require.NoError(t, err)
	pool, err := psrp.Open(ctx, transport, psrp.Config{})
	require.NoError(t, err)
	run, err := pool.Start(ctx, psrp.Script(`$env:WHOSE`))
	require.NoError(t, err)
	event, err := run.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, psrp.OutputEvent{Value: "ours"}, event)
	require.NoError(t, run.Close(ctx))
	require.NoError(t, pool.Close(ctx))
	require.Equal(t, "http://schemas.microsoft.com/powershell/PowerShell.7", e.Operations()[0].Resource)
	require.NotEmpty(t, e.CA)
	require.NotEmpty(t, e.ClientKey)
}
