// SPDX-License-Identifier: Apache-2.0

package state

// Times of events are given by others: they come out of order, and a damaged
// capture can say anything. What waits, ages or has a rate goes by the engine's
// clock. It follows the events forward, and back when they are so far behind
// that the time before must have been the wrong one.

// lateBy is how far behind the clock an event may be, in ns. No source delivers
// events out of order over a longer time.
const lateBy = 10e9

// tick brings the clock to the time of an event.
func (e *Engine) tick(ts uint64) {
	if ts >= e.clock {
		e.clock = ts
		return
	}
	e.counters.LateEvents++
	if e.clock-ts > lateBy {
		e.clock = ts
		e.swept, e.tokensTS = ts, ts
	}
}

// maxWait is longer than anything waits.
const maxWait = 60e9

// due reports whether it is time for what was to wait until at.
func (e *Engine) due(at uint64) bool { return e.clock >= at || at-e.clock > maxWait }

// idle returns for how long a thread or table that was used at the time at has
// not been used since.
func (e *Engine) idle(at uint64) uint64 {
	switch {
	case at <= e.clock:
		return e.clock - at
	case at-e.clock <= lateBy:
		return 0
	}
	return ^uint64(0)
}
