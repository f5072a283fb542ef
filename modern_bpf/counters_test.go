// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"sync/atomic"
	"testing"
	"time"
)

// A reader that is interrupted between two counters still tells one moment: at
// most the event that is being made is seen and not yet delivered or lost.
func TestCountersAreOfOneMoment(t *testing.T) {
	var n counters
	var stop atomic.Bool
	done := make(chan struct{})
	go func() { // the kernel: an event takes a microsecond or so to make
		defer close(done)
		for i := uint64(1); !stop.Load(); i++ {
			atomic.AddUint64(&n.Seen, 1)
			pause()
			if i%3 == 0 {
				atomic.AddUint64(&n.DropsRing, 1)
			} else {
				atomic.AddUint64(&n.Delivered, 1)
			}
			pause()
		}
	}()
	reads := 0
	tried := func() bool { return reads >= 1000 && atomic.LoadUint64(&n.Seen) >= 1000 }
	for begin := time.Now(); time.Since(begin) < 300*time.Millisecond || !tried() && time.Since(begin) < time.Minute; reads++ {
		c := n.steady()
		if under := c.Seen - c.Delivered - c.DropsRing; under > 1 {
			t.Errorf("read %d: seen %d, delivered %d, lost %d", reads, c.Seen, c.Delivered, c.DropsRing)
			break
		}
	}
	stop.Store(true)
	<-done
	if !tried() {
		t.Errorf("%d events, %d reads: nothing was tried", n.Seen, reads)
	}
}

var paused atomic.Uint64

func pause() {
	for range 100 {
		paused.Add(1)
	}
}
