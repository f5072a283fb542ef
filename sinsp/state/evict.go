// SPDX-License-Identifier: Apache-2.0

package state

// sweepSteps is how many pieces the table is swept in: each thread is looked at
// once in Options.SweepEvery.
const sweepSteps = 300

// roomAttempts is among how many threads one to be forgotten is chosen.
const roomAttempts = 64

// protected tells which threads must not be forgotten: the agent's own and
// init, and what the current event is about.
func (e *Engine) protected(t *Thread) bool {
	if t.PID == 1 || (t.PID == e.opts.Self && t.PID > 0) {
		return true
	}
	cur := e.ev.Thread
	return cur != nil && (t == cur || (t.group != nil && t.group == cur.group))
}

// sweep looks at a part of the table and forgets the threads without events
// that do not exist any more: their exit was lost.
func (e *Engine) sweep() {
	e.swept = e.clock
	if e.opts.Alive == nil {
		return
	}
	for n := len(e.all)/sweepSteps + 1; n > 0 && len(e.all) > 0; n-- {
		e.hand = (e.hand + 1) % len(e.all)
		if t := e.all[e.hand]; e.isGone(t) {
			e.forgetGone(t)
		}
	}
}

// isGone reports whether a thread has had no events for long and does not exist
// any more.
func (e *Engine) isGone(t *Thread) bool {
	if e.opts.Alive == nil || e.protected(t) || min(e.idle(t.accessTS), e.idle(t.aliveTS)) < uint64(e.opts.IdleAfter) {
		return false
	}
	if t.TID > 0 && t.PID > 0 && e.opts.Alive(t.TID) {
		t.aliveTS = e.clock
		return false
	}
	return true
}

func (e *Engine) forgetGone(t *Thread) {
	before := e.counters.ThreadsRemoved
	e.remove(t, 0)
	e.counters.ThreadsGone += e.counters.ThreadsRemoved - before
}

// makeRoom forgets a thread of less use than a new one. It looks at some of
// them only, so that a full table costs little; the first kind there is goes,
// and of that kind the one without events for the longest time:
//   - one that has ended, or of which nothing is known
//   - one whose end was lost
//   - a thread that is not a process
//   - a process without children
//   - a process
func (e *Engine) makeRoom() bool {
	var victim *Thread
	var worst, worstIdle uint64
	for range min(roomAttempts, len(e.all)) {
		e.hand = (e.hand + 1) % len(e.all)
		t := e.all[e.hand]
		if e.protected(t) {
			continue
		}
		if e.isGone(t) {
			e.forgetGone(t)
			if len(e.threads) < e.opts.MaxThreads {
				return true
			}
			continue
		}
		rank, idle := evictionRank(t), e.idle(t.accessTS)
		if victim == nil || rank > worst || (rank == worst && idle > worstIdle) {
			victim, worst, worstIdle = t, rank, idle
		}
	}
	if victim == nil || victim.slot < 0 {
		return len(e.threads) < e.opts.MaxThreads
	}
	before := e.counters.ThreadsRemoved
	e.forgetProcess(victim)
	e.counters.ThreadsEvicted += e.counters.ThreadsRemoved - before
	return len(e.threads) < e.opts.MaxThreads
}

func evictionRank(t *Thread) uint64 {
	switch {
	case t.Dead() && (t.group == nil || t.group.count == 1), !t.Valid():
		return 3
	case !t.IsMain():
		return 2
	case t.child == nil:
		return 1
	}
	return 0
}

// forgetProcess forgets a thread, and with a main thread its process: without
// it the other threads would know nothing.
func (e *Engine) forgetProcess(t *Thread) {
	if g := t.group; g != nil && g.Leader == t {
		for g.count > 1 {
			p := g.first
			if p == t {
				p = p.peerNext
			}
			e.drop(p)
		}
	}
	e.remove(t, 0)
}
