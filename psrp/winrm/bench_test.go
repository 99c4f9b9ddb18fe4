package winrm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// BenchmarkPipeline is what one short pipeline costs on an open pool: Command,
// Receive and Terminate, sealed, with the engine scripted.
func BenchmarkPipeline(b *testing.B) {
	for _, variant := range []winrmtest.Access{sealed, basic} {
		b.Run(string(variant), func(b *testing.B) {
			pool := serve(b, variant, scripted(b, echo), nil).open(b, psrp.Config{})
			b.ReportAllocs()
			for b.Loop() {
				collect(b, pool, psrp.Script("x"))
			}
		})
	}
}

// BenchmarkOutput is the rate of output, with the engine scripted.
func BenchmarkOutput(b *testing.B) {
	const objects, size = 200, 30_000
	text := strings.Repeat("x", size)
	for _, variant := range []winrmtest.Access{sealed, basic} {
		b.Run(string(variant), func(b *testing.B) {
			pool := serve(b, variant, scripted(b, func(p *peer.Pipeline) {
				for range objects {
					p.Output(text)
				}
			}), nil).open(b, psrp.Config{})
			b.SetBytes(objects * size)
			b.ReportAllocs()
			for b.Loop() {
				events, _ := collect(b, pool, psrp.Script("x"))
				require.Len(b, events, objects)
			}
		})
	}
}
