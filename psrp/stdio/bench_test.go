package stdio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
)

// BenchmarkEnginePipeline is a pipeline on an open pool of the real engine.
func BenchmarkEnginePipeline(b *testing.B) {
	pool := enginePool(b, psrp.Config{})
	script(b, pool, "1")
	for b.Loop() {
		script(b, pool, "1")
	}
}

// BenchmarkEngineReopen is a new pool in a running engine: what an attempt costs
// when a warm process is handed out.
func BenchmarkEngineReopen(b *testing.B) {
	p := newEngine(b)
	reopen := func() {
		pool, err := psrp.Open(ctx(b), p.Transport(), psrp.Config{})
		require.NoError(b, err)
		require.NoError(b, pool.Close(ctx(b)))
	}
	reopen() // the cold start
	for b.Loop() {
		reopen()
	}
}

// BenchmarkEngineObjects is the engine's own speed: 10,000 ints.
func BenchmarkEngineObjects(b *testing.B) {
	pool := enginePool(b, psrp.Config{})
	for b.Loop() {
		require.Len(b, script(b, pool, "1..10000").outputs(), 10_000)
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
