// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"sync/atomic"

	"github.com/tiercel/tiercel/scap"
)

// read copies the counters one by one: the kernel goes on counting meanwhile.
// What was seen comes last, so that it is never less than what became of it.
func (n *counters) read() counters {
	c := counters{
		Delivered:    atomic.LoadUint64(&n.Delivered),
		DropsRing:    atomic.LoadUint64(&n.DropsRing),
		DropsPage:    atomic.LoadUint64(&n.DropsPage),
		DropsScratch: atomic.LoadUint64(&n.DropsScratch),
		Faults:       atomic.LoadUint64(&n.Faults),
		Sampled:      atomic.LoadUint64(&n.Sampled),
	}
	for i := range c.DropsClass {
		c.DropsClass[i] = atomic.LoadUint64(&n.DropsClass[i])
		c.NoSlot[i] = atomic.LoadUint64(&n.NoSlot[i])
	}
	c.Seen = atomic.LoadUint64(&n.Seen)
	return c
}

// steady returns the counters of one moment: two reads that say the same, so
// that a reader who was interrupted in the middle does not tell more events
// delivered than seen. A slot that counts faster than it can be read, which a
// kernel that makes events does not, gets the last of a few tries.
func (n *counters) steady() counters {
	const tries = 16
	c := n.read()
	for range tries {
		again := n.read()
		if again == c {
			break
		}
		c = again
	}
	return c
}

// sum returns the counters of a slot, and adds what was lost by class. What
// found no slot was seen and lost.
func (n *counters) sum(byClass *[scap.NumDropClasses]uint64) scap.Counters {
	c := scap.Counters{
		Seen:         n.Seen,
		Delivered:    n.Delivered,
		DropsRing:    n.DropsRing,
		DropsPage:    n.DropsPage,
		DropsScratch: n.DropsScratch,
	}
	for i := range byClass {
		c.Seen += n.NoSlot[i]
		c.DropsScratch += n.NoSlot[i]
		byClass[i] += n.DropsClass[i] + n.NoSlot[i]
	}
	return c
}

func add(to *scap.Counters, c scap.Counters) {
	to.Seen += c.Seen
	to.Delivered += c.Delivered
	to.DropsRing += c.DropsRing
	to.DropsPage += c.DropsPage
	to.DropsScratch += c.DropsScratch
}
