//go:build linux

package pgserver

import (
	"syscall"
	"testing"
)

// BenchmarkStart measures the steps of `epo up` that are PostgreSQL's: an empty folder (initdb, start, role and
// database), an existing one, and one whose server was killed.
func BenchmarkStart(b *testing.B) {
	for name, disposable := range map[string]bool{"durable": false, "disposable": true} {
		b.Run(name+"/empty folder", func(b *testing.B) {
			for b.Loop() {
				c := config(folder(b))
				c.Disposable = disposable
				stop(b, start(b, c))
			}
		})
	}
	c := config(folder(b))
	c.Disposable = false
	stop(b, start(b, c))
	b.Run("existing folder", func(b *testing.B) {
		for b.Loop() {
			s := start(b, c)
			b.StopTimer()
			stop(b, s)
			b.StartTimer()
		}
	})
	b.Run("after kill -9", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s := start(b, c)
			s.stopOnce.Do(func() { // let nobody revive it
				s.stopCtx = b.Context()
				close(s.stopping)
			})
			_ = syscall.Kill(s.PID(), syscall.SIGKILL)
			<-s.done
			b.StartTimer()
			s = start(b, c)
			b.StopTimer()
			stop(b, s)
			b.StartTimer()
		}
	})
}
