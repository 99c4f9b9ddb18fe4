package psrp_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
	"github.com/epo-dev/epo/psrp/internal/peer"
	"github.com/epo-dev/epo/psrp/stdio"
)

// BenchmarkPipeline is one pipeline with one output on an open pool: start,
// read to the end, close. The server is scripted, so this is the protocol's
// own cost on both sides, pipes included.
func BenchmarkPipeline(b *testing.B) {
	pool, _ := openPool(b, peer.Config{Handle: func(p *peer.Pipeline) { p.Output(int32(1)) }}, psrp.Config{})
	var times []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		collect(b, pool, psrp.Script("1"))
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkObjects reads 100,000 ints of one pipeline, as an engine sends them,
// one message and one line each; the server writes lines made beforehand.
func BenchmarkObjects(b *testing.B) {
	const count = 100_000
	pool, _ := openPool(b, peer.Config{Handle: replay(count)}, psrp.Config{})
	b.ReportAllocs()
	for b.Loop() {
		run, err := pool.Start(ctx(b), psrp.Script("numbers"))
		require.NoError(b, err)
		got := 0
		for event, err := range run.Events(ctx(b)) {
			if err != nil {
				b.Fatal(err)
			}
			if o, ok := event.(psrp.OutputEvent); ok && o.Value == int32(got) {
				got++
			}
		}
		require.Equal(b, count, got)
		require.NoError(b, run.Close(ctx(b)))
	}
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// replay sends count ints. Only the ids differ from what an engine would send.
func replay(count int) peer.Handler {
	return func(p *peer.Pipeline) {
		var lines []byte
		for i := range count {
			body := fmt.Appendf(nil, "\xef\xbb\xbf<I32>%d</I32>", i)
			m := psrp.AppendMessage(nil, psrp.Message{Destination: psrp.ToClient, Type: psrp.MsgPipelineOutput, Pipeline: p.ID, Body: body})
			lines = stdio.AppendLine(lines, stdio.Line{Kind: stdio.Data, Target: p.ID, Data: psrp.Split(uint64(i+1)<<20, m, 32<<10)[0]})
			if len(lines) > 32<<10 {
				p.Server().WriteRaw(lines)
				lines = lines[:0]
			}
		}
		p.Server().WriteRaw(lines)
	}
}

// BenchmarkDefragmenter joins a 5 MiB object of 32 KiB fragments.
func BenchmarkDefragmenter(b *testing.B) {
	parts := psrp.Split(1, make([]byte, 5<<20), 32<<10)
	b.SetBytes(5 << 20)
	b.ReportAllocs()
	for b.Loop() {
		var d psrp.Defragmenter
		for _, part := range parts {
			if err := d.Feed(part, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCreatePipeline is what encoding one script pipeline costs.
func BenchmarkCreatePipeline(b *testing.B) {
	bag := psrp.PipelineBodyForTest(psrp.Script("param($a) $a", psrp.Parameter{Name: "a", Value: "x"}))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = clixml.Append(dst[:0], bag); err != nil {
			b.Fatal(err)
		}
	}
}
