// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math/bits"
	"time"
)

// sampleEvery is how many events lie, on average, between two whose
// conditions are timed.
const sampleEvery = 1024

// clockBase makes clock readings small; only their differences count.
var clockBase = time.Now()

// clock returns monotonic nanoseconds.
func clock() int64 { return int64(time.Since(clockBase)) }

// costs is what the conditions have cost in one Run. Evaluations are counted
// always; time is measured for few events and scaled up, because a look at
// the clock costs more than most conditions.
type costs struct {
	evals   []uint64
	nanos   []uint64
	changed []uint64 // bit set of conditions since the last Costs

	events  uint64
	finding uint64 // ns for what the index did, estimated

	every  uint32 // events for one that is timed, on average
	left   uint32 // events until the next timed one
	gap    uint32 // events for which the timed one stands
	random uint32
	last   int64 // the clock's last reading
}

func newCosts(n int) costs {
	c := costs{evals: make([]uint64, n), nanos: make([]uint64, n), changed: make([]uint64, (n+63)/64),
		every: sampleEvery, random: 2463534242}
	c.next()
	return c
}

// next chooses when to time again: at random, so that no rhythm of the events
// can hide from it.
func (c *costs) next() {
	c.random ^= c.random << 13
	c.random ^= c.random >> 17
	c.random ^= c.random << 5
	c.gap = c.every
	if c.every > 1 {
		c.gap = c.every/2 + c.random%c.every
	}
	c.left = c.gap
}

// sample is called for each event and reports whether it is to be timed.
func (c *costs) sample() bool {
	if c.left == 0 {
		c.next()
	}
	c.events++
	c.left--
	return c.left == 0
}

func (c *costs) start() { c.last = clock() }

// found notes that the candidates of a timed event were found just now.
func (c *costs) found() { c.finding += c.lap() }

// lap returns the time since the last reading of the clock, scaled up.
func (c *costs) lap() uint64 {
	now := clock()
	ns := uint64(max(now-c.last-clockCost, 0)) * uint64(c.gap)
	c.last = now
	return ns
}

// count notes that condition id was evaluated just now.
func (c *costs) count(id int32, timed bool) {
	c.evals[id]++
	c.changed[id/64] |= 1 << (id % 64)
	if timed {
		c.nanos[id] += c.lap()
	}
}

// clockCost is what one reading of the clock takes, in ns.
var clockCost = func() int64 {
	least := int64(1000)
	for range 64 {
		a := clock()
		least = min(least, clock()-a)
	}
	return least
}()

// Sampled reports whether the last event was one whose conditions were timed.
// It is so for one in about a thousand events: a good moment for Costs.
func (r *Run) Sampled() bool { return r.cost.left == 0 }

// SampleEvery sets how many events, on average, there are for one whose
// conditions are timed; 1 times them all. To be called before the first Match.
func (r *Run) SampleEvery(events uint32) {
	r.cost.every = max(events, 1)
	r.cost.next()
}

// Totals returns how many events were matched, and the nanoseconds that it
// took to find the conditions to look at, estimated from samples.
func (r *Run) Totals() (events, finding uint64) { return r.cost.events, r.cost.finding }

// Costs calls yield with every condition that was evaluated since the last
// call, with how often in all, and what that took: nanoseconds, estimated from
// samples. A part that conditions share is charged to the first of them that
// asks for it; what finds the conditions is charged to none.
func (r *Run) Costs(yield func(id int32, evaluations, nanoseconds uint64)) {
	for i, w := range r.cost.changed {
		for ; w != 0; w &= w - 1 {
			id := int32(64*i + bits.TrailingZeros64(w))
			yield(id, r.cost.evals[id], r.cost.nanos[id])
		}
		r.cost.changed[i] = 0
	}
}
