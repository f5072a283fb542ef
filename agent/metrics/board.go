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
