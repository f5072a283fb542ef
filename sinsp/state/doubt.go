// SPDX-License-Identifier: Apache-2.0

package state

// Doubt says what of a thread may be out of date or missing, because events
// were lost or because nobody could tell.
type Doubt uint8

// What may be in doubt.
const (
	DoubtIdentity Doubt = 1 << iota // who it is: program, arguments, ids, relatives
	DoubtCWD                        // its current directory and root
	DoubtFDs                        // its descriptors
)

// The engine counts lost events, and everything that can be in doubt keeps that
// count as it was when it was certain last. So a loss costs nothing per thread.
type lossCount uint64

const (
	neverSure lossCount = 0
	noLoss    lossCount = 1 // the count before the first loss
)

// Lost tells the engine that n events were dropped since the former call; 1
// when their number is not known. Which threads they were of is not known
// either: everything is in doubt until an event or /proc tells it anew. It is
// for the moment when a counter of drops grows, not for every event.
func (e *Engine) Lost(n uint64) {
	if n == 0 {
		return
	}
	e.counters.Losses++
	e.counters.LostEvents += n
	e.lostBefore = e.lost
	e.lost += lossCount(n)
}

// Doubt returns what of t may be out of date or missing. What is certain again
// after a loss: who it is, by an exec; its directory, by a change to an absolute
// path; all, when /proc was read again.
func (t *Thread) Doubt() Doubt {
	if t.engine == nil {
		return 0 // a copy that is kept for what it says
	}
	now := t.engine.lost
	d := Doubt(0)
	if t.sure < now {
		d |= DoubtIdentity
	}
	if fs := t.fs(); fs == nil || fs.sure < now {
		d |= DoubtCWD
	}
	if t.fds == nil || t.fds.sure < now {
		d |= DoubtFDs
	}
	return d
}

// Uncertain reports whether anything of t is in doubt.
func (t *Thread) Uncertain() bool { return t.Doubt() != 0 }
