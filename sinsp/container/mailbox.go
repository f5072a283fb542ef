// SPDX-License-Identifier: Apache-2.0

package container

import (
	"sync"
	"sync/atomic"
)

// Update is what a goroutine beside the event loop has learnt. One of its
// members is set.
type Update struct {
	Info       *Info    // details of a container, finished (see Info.Finish)
	Removed    Question // a container that its runtime has removed
	Missing    Question // that no runtime has an answer to
	Namespaces []string // all namespaces of containerd
}

// Mailbox carries updates to the event loop. Any goroutine may put; what does
// not fit is dropped and counted: a question whose answer is lost counts as
// unanswered and is asked again.
type Mailbox struct {
	waiting atomic.Int64
	dropped atomic.Uint64

	mu    sync.Mutex
	queue []Update // guarded by mu
	max   int
}

// NewMailbox returns a mailbox that holds up to max updates (0: 1024).
func NewMailbox(max int) *Mailbox {
	if max <= 0 {
		max = 1024
	}
	return &Mailbox{max: max}
}

// Put hands an update over; false when there was no room.
func (m *Mailbox) Put(u Update) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) >= m.max {
		m.dropped.Add(1)
		return false
	}
	m.queue = append(m.queue, u)
	m.waiting.Store(int64(len(m.queue)))
	return true
}

// Empty reports whether nothing waits, at the cost of one atomic load.
func (m *Mailbox) Empty() bool { return m.waiting.Load() == 0 }

// Dropped returns how many updates found no room.
func (m *Mailbox) Dropped() uint64 { return m.dropped.Load() }

// take returns all that waits.
func (m *Mailbox) take() []Update {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	m.waiting.Store(0)
	return q
}
