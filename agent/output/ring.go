// SPDX-License-Identifier: Apache-2.0

package output

import "sync/atomic"

// ring holds the entries that wait for one output. One goroutine at a time
// pushes, one takes. Neither ever waits for the other: whatever the taker is
// stuck in, a push is a few atomic operations.
type ring struct {
	slots []*Entry
	// head is moved by the taker alone, tail by the pusher alone. A slot is
	// written before tail passes it and cleared before head does.
	head, tail atomic.Uint64
	bytes      atomic.Int64
	sleeping   atomic.Bool   // the taker waits for wake
	wake       chan struct{} // has room for one, so that nobody waits to send
}

func newRing(capacity int) *ring {
	return &ring{slots: make([]*Entry, capacity), wake: make(chan struct{}, 1)}
}

// hasRoom reports whether an entry of n bytes would be taken.
func (r *ring) hasRoom(n int) bool {
	return r.len() < len(r.slots) && r.bytes.Load()+int64(n) <= maxBytes
}

func (r *ring) len() int { return int(r.tail.Load() - r.head.Load()) }

// push appends an entry unless the ring is full.
func (r *ring) push(e *Entry) bool {
	if !r.hasRoom(len(e.Text)) {
		return false
	}
	t := r.tail.Load()
	r.slots[t%uint64(len(r.slots))] = e
	r.bytes.Add(int64(len(e.Text)))
	r.tail.Store(t + 1)
	if r.sleeping.Swap(false) {
		r.signal()
	}
	return true
}

// signal ends the taker's wait.
func (r *ring) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// take moves entries to dst until it holds as many as one delivery should.
func (r *ring) take(dst []*Entry) []*Entry {
	size := 0
	for _, e := range dst {
		size += len(e.Text)
	}
	h, t := r.head.Load(), r.tail.Load()
	for ; h < t && len(dst) < maxBatch && size < maxBatchBytes; h++ {
		slot := &r.slots[h%uint64(len(r.slots))]
		e := *slot
		*slot = nil
		size += len(e.Text)
		r.bytes.Add(-int64(len(e.Text)))
		dst = append(dst, e)
		r.head.Store(h + 1)
	}
	return dst
}

// arm announces that the taker is about to wait for wake. It reports false when
// there is something to take already.
func (r *ring) arm() bool {
	r.sleeping.Store(true)
	if r.len() > 0 {
		r.sleeping.Store(false)
		return false
	}
	return true
}
