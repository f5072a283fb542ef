// SPDX-License-Identifier: Apache-2.0

package container

import "time"

// Waiting holds what waits for the details of containers, such as alerts, for
// a bounded time and in bounded number. What was added first leaves first: one
// whose details are there waits for those before it, which is no longer than
// the time that each may wait. One goroutine owns it.
type Waiting[T any] struct {
	wait  time.Duration
	ring  []waiting[T]
	first int
	n     int

	// What happened since the start.
	Held     uint64 // were made to wait
	TimedOut uint64 // left without the details
	Refused  uint64 // found no room
}

type waiting[T any] struct {
	item     T
	box      *Container
	deadline time.Time
}

// NewWaiting returns a queue of at most max items, each of which waits at most
// wait. With either 0 nothing waits.
func NewWaiting[T any](wait time.Duration, max int) *Waiting[T] {
	return &Waiting[T]{wait: wait, ring: make([]waiting[T], max)}
}

// Wants reports whether something about a thread in c should wait: the details
// of c have been asked for, and may come in time. c may be nil.
func (w *Waiting[T]) Wants(c *Container) bool {
	return c != nil && c.status == Pending && w.wait > 0 && len(w.ring) > 0
}

// Add makes item wait for the details of c; false when there is no room.
func (w *Waiting[T]) Add(item T, c *Container, now time.Time) bool {
	if w.n >= len(w.ring) {
		w.Refused++
		return false
	}
	w.ring[(w.first+w.n)%len(w.ring)] = waiting[T]{item, c, now.Add(w.wait)}
	w.n++
	w.Held++
	return true
}

// Next returns the first item if its details have come or its time is up.
func (w *Waiting[T]) Next(now time.Time) (item T, ok bool) {
	if w.n == 0 {
		return item, false
	}
	e := &w.ring[w.first]
	if e.box.status == Pending {
		if now.Before(e.deadline) {
			return item, false
		}
		w.TimedOut++
	}
	return w.take()
}

// Drop returns the first item, whatever it waits for: at the end of a run
// nothing is left behind.
func (w *Waiting[T]) Drop() (item T, ok bool) {
	if w.n == 0 {
		return item, false
	}
	return w.take()
}

func (w *Waiting[T]) take() (item T, ok bool) {
	e := &w.ring[w.first]
	item, ok = e.item, true
	*e = waiting[T]{}
	w.first = (w.first + 1) % len(w.ring)
	w.n--
	return item, ok
}

// Len returns how many wait.
func (w *Waiting[T]) Len() int { return w.n }
