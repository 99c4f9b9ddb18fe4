package stdio_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

// BenchmarkEngineRate tells how fast 1..100000 comes out of the real engine, in
// how much memory, and what a raw reader gets of it: one that writes the same
// bytes to another engine and counts the lines that come back.
func BenchmarkEngineRate(b *testing.B) {
	const count = 100_000
	var ours, raw time.Duration
	most, n := uint64(0), 0
	for b.Loop() {
		said, took, peak := rateOfPool(b, count)
		ours, most = ours+took, max(most, peak)
		raw += rateOfLines(b, said, count)
		n++
	}
	b.ReportMetric(float64(count*n)/ours.Seconds(), "objects/s")
	b.ReportMetric(float64(count*n)/raw.Seconds(), "raw-objects/s")
	b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
}

// rateOfPool reads them as a client does; it gives what the client said, how
// long it took, and the largest heap.
func rateOfPool(b *testing.B, count int32) (said []byte, took time.Duration, peak uint64) {
	in, out := startRaw(b)
	heard := &recorder{WriteCloser: in}
	conn := stdio.NewConn(stdio.ConnConfig{In: heard, Out: out, Confidential: true})
	pool, err := psrp.Open(ctx(b), conn.Transport(), psrp.Config{})
	require.NoError(b, err)
	script(b, pool, "1..1000")
	begin := time.Now()
	run, err := pool.Start(ctx(b), psrp.Script("1..100000"))
	require.NoError(b, err)
	next := int32(0)
	for event, err := range run.Events(context.Background()) {
		require.NoError(b, err)
		if o, ok := event.(psrp.OutputEvent); ok {
			if next++; o.Value != next {
				b.Fatalf("object %d is %v", next, o.Value)
			}
			if next%2000 == 0 {
				peak = max(peak, heap())
			}
		}
	}
	took = time.Since(begin)
	require.Equal(b, count, next)
	said = heard.bytes() // without the end
	require.NoError(b, run.Close(ctx(b)))
	require.NoError(b, pool.Close(ctx(b)))
	conn.Close()
	<-conn.Done()
	return said, took, peak
}

// rateOfLines says the same to another engine, in the same turns, and counts.
func rateOfLines(b *testing.B, said []byte, count int) time.Duration {
	in, out := startRaw(b)
	defer in.Close()
	lines := bufio.NewReaderSize(out, 64<<10)
	await := func(text string) {
		for {
			line, err := lines.ReadSlice('\n')
			require.NoError(b, err)
			if bytes.Contains(line, []byte(text)) {
				return
			}
		}
	}
	all := bytes.SplitAfter(bytes.TrimSuffix(said, []byte("\n")), []byte("\n"))
	for i, line := range all {
		if i == len(all)-1 {
			break
		}
		_, err := in.Write(line)
		require.NoError(b, err)
		await("Ack ")
	}
	begin := time.Now()
	_, err := in.Write(append(bytes.Clone(all[len(all)-1]), '\n'))
	require.NoError(b, err)
	await("DataAck ")
	for range count + 1 { // and the state
		await("<Data ")
	}
	return time.Since(begin)
}

// startRaw starts an engine and gives its bare pipes.
func startRaw(b *testing.B) (io.WriteCloser, io.Reader) {
	c := engineConfig()
	cmd := exec.Command(c.Path, append(c.Args, "-s", "-NoLogo", "-NoProfile")...)
	cmd.Env = c.Env
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return in, out
}

// recorder keeps what is written.
type recorder struct {
	io.WriteCloser
	mu  sync.Mutex
	all bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Write(p)
	return r.WriteCloser.Write(p)
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.all.Bytes())
}
