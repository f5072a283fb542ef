// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

// BenchmarkIdle measures what waiting for nothing costs: an op is a second of
// eight empty rings, of which the CPU time is reported.
func BenchmarkIdle(b *testing.B) {
	h := newHost(b, 8, ring.Config{Clock: ring.BootClock(0)})
	var batch scap.Batch
	wait := func(d time.Duration) {
		if err := h.rd.Next(&batch, d); err != nil || len(batch.Events) > 0 {
			b.Fatal(len(batch.Events), err)
		}
	}
	wait(500 * time.Millisecond) // until the pauses are long
	before, rounds := cpuTime(), h.rd.Counters().Rounds
	b.ResetTimer()
	for range b.N {
		wait(time.Second)
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N)/1e6, "cpu-ms/op")
	b.ReportMetric(float64(h.rd.Counters().Rounds-rounds)/float64(b.N), "rounds/op")
}

func cpuTime() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
