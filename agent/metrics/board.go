// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"runtime"
	"sync"

	"github.com/tiercel/tiercel/scap"
)

// Board is where the event loop leaves its latest sample. One goroutine
// writes (Begin, Commit), any may Read. The writer never waits: while somebody
// reads it skips a turn, and the next one comes a tick later.
type Board struct {
	mu      sync.Mutex
	sample  Sample
	written bool
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	b := &Board{}
	b.sample.Driver.PerCPU = make([]scap.Counters, runtime.NumCPU())
	b.sample.Driver.DropsBySyscall = make([]uint64, len(scap.Syscalls))
	return b
}

// Begin returns the sample to overwrite, or nil when the board is being read:
// then there is nothing to do and nothing to Commit. The sample still has the
// values of the last time, and its slices their room: fill Driver by
// drv.Stats(&s.Driver), which fills PerCPU and DropsBySyscall as far as they
// have room, and append to Outputs[:0].
func (b *Board) Begin() *Sample {
	if !b.mu.TryLock() {
		return nil
	}
	return &b.sample
}

// Commit ends what Begin began.
func (b *Board) Commit() {
	b.written = true
	if b.sample.HasDriver {
		settle(&b.sample.Driver)
	}
	b.mu.Unlock()
}

// Read copies the latest sample to s and reports whether there is one.
func (b *Board) Read(s *Sample) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written {
		b.sample.copyTo(s)
	}
	return b.written
}

// empty reports whether nothing has been published yet.
func (b *Board) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.written
}

// settle takes events that were being made while the counters were read out of
// what was seen: a CPU counts an event as seen first and as delivered or lost a
// moment later. What is told adds up then; a difference that is not explained
// by that is left to be seen.
func settle(st *scap.Stats) {
	const nesting = 4 // programs that can be at work on one CPU at once
	inFlight := uint64(nesting * len(st.PerCPU))
	settleCounters(&st.Counters, inFlight)
	for i := range st.PerCPU {
		settleCounters(&st.PerCPU[i], nesting)
	}
}

func settleCounters(c *scap.Counters, most uint64) {
	told := c.Delivered + c.Drops()
	if c.Seen-told <= most || told-c.Seen <= most { // one of the two wraps round
		c.Seen = told
	}
}
