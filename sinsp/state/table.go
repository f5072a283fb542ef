// SPDX-License-Identifier: Apache-2.0

package state

// Thread returns the thread with the id tid as it is in the table, or nil.
func (e *Engine) Thread(tid int64) *Thread {
	slot := &e.cache[uint64(tid)%cacheSize]
	if t := *slot; t != nil && t.TID == tid {
		e.counters.ThreadCacheHits++
		return t
	}
	t := e.threads[tid]
	if t == nil {
		e.counters.ThreadMisses++
		return nil
	}
	e.counters.ThreadMapHits++
	*slot = t
	return t
}

// NumThreads returns the number of threads in the table.
func (e *Engine) NumThreads() int { return len(e.threads) }

// Threads ranges over all threads, in no order. The table must not change
// meanwhile.
func (e *Engine) Threads() func(yield func(*Thread) bool) {
	return func(yield func(*Thread) bool) {
		for _, t := range e.all {
			if !yield(t) {
				return
			}
		}
	}
}

// SessionLeader returns the thread that leads t's session: the one with the
// session's id, which only says so outside of pid namespaces, else the farthest
// of t's ancestors in an unbroken row with the same session.
func (e *Engine) SessionLeader(t *Thread) *Thread {
	return e.leader(t, t.SID, !t.InPidns(), func(t *Thread) int64 { return t.SID })
}

// GroupLeader returns the thread that leads t's process group, by the host's
// ids.
func (e *Engine) GroupLeader(t *Thread) *Thread {
	return e.leader(t, t.PGID, true, func(t *Thread) int64 { return t.PGID })
}

// VGroupLeader returns the thread that leads t's process group, by the ids of
// its pid namespace.
func (e *Engine) VGroupLeader(t *Thread) *Thread {
	return e.leader(t, t.VPGID, !t.InPidns(), func(t *Thread) int64 { return t.VPGID })
}

func (e *Engine) leader(t *Thread, id int64, byID bool, get func(*Thread) int64) *Thread {
	if id < 0 {
		return nil
	}
	if byID {
		if l := e.Thread(id); l != nil {
			return l
		}
	}
	best := t.Main()
	if best == nil {
		return t
	}
	for p := best.Parent(); p != nil && get(p) == id; p = p.Parent() {
		best = p
	}
	return best
}

// newThread returns a thread of which nothing but the id is known.
func (e *Engine) newThread(tid int64) *Thread {
	return &Thread{
		engine: e, seen: e.lost, healed: e.lost, args: &noStrings, env: &noStrings,
		TID: tid, PID: NoID, PTID: NoID, SID: NoID, VPGID: NoID, PGID: NoID, VTID: NoID, VPID: NoID,
		UID: NoUID, GID: NoUID, LoginUID: NoUID, FDLimit: -1,
		Flags: FlagNameChanged, ContainerType: ContainerHost, lastFD: -1, slot: -1,
	}
}

// insert puts t into the table and among its relatives. An older entry with the
// id is stale and goes. It returns nil when there is no room.
func (e *Engine) insert(t *Thread) *Thread {
	if old := e.Thread(t.TID); old != nil {
		e.dropStale(old)
	}
	if len(e.threads) >= e.opts.MaxThreads && !e.makeRoom() {
		e.counters.ThreadsRefused++
		e.releaseTable(t.fds)
		t.fds = nil
		return nil
	}
	t.accessTS = e.clock
	t.slot = len(e.all)
	e.all = append(e.all, t)
	e.threads[t.TID] = t
	e.holdTexts(t)
	e.cache[uint64(t.TID)%cacheSize] = t
	e.counters.ThreadsAdded++
	e.counters.Threads++
	e.link(t)
	return t
}

// dropStale forgets a thread whose id is in use again. A process id is not
// reused while the process has threads: with the main thread all are stale.
func (e *Engine) dropStale(t *Thread) {
	before := e.counters.ThreadsRemoved
	e.forgetProcess(t)
	e.counters.ThreadsStale += e.counters.ThreadsRemoved - before
}

// link gives t its group, its descriptors and its parent, as far as they are
// known.
func (e *Engine) link(t *Thread) {
	if t.Valid() {
		e.join(t)
	}
	if t.fds == nil {
		t.fds = e.newTable()
	}
	if t.Valid() && t.parent == nil && t.TID != 1 && t.PTID > 0 {
		e.adopt(t, e.Thread(t.PTID))
	}
}

// join makes t a member of its group.
func (e *Engine) join(t *Thread) {
	g := e.groups[t.PID]
	if g == nil {
		g = &Group{PID: t.PID, Reaper: t.PID == 1 || t.VPID == 1}
		g.fs = &g.atStart
		e.groups[t.PID] = g
	}
	t.group = g
	if g.first != nil {
		e.shareFDs(t, g)
		g.first.peerPrev = t
	}
	t.peerNext = g.first
	g.first = t
	g.count++
	if !t.Dead() {
		g.Alive++
	}
	if t.IsMain() {
		g.Leader = t
	}
}

// shareFDs makes the members of a group see one table. What a main thread
// brings is better than what was made up without it.
func (e *Engine) shareFDs(t *Thread, g *Group) {
	switch {
	case t.fds == nil && !t.IsMain() && t.Flags&FlagFiles != 0:
		peer := g.first
		if g.Leader != nil {
			peer = g.Leader
		}
		t.fds = peer.fds
		t.fds.refs++
	case t.IsMain():
		if t.fds == nil {
			t.fds = g.first.fds
			t.fds.refs++
			return
		}
		for p := g.first; p != nil; p = p.peerNext {
			if p.Flags&FlagFiles != 0 && p.fds != t.fds {
				e.releaseTable(p.fds)
				p.fds = t.fds
				t.fds.refs++
			}
		}
	}
}

// maxAncestors bounds the walk that looks for loops.
const maxAncestors = 4096

// adopt makes t a child of p, unless that would close a loop.
func (e *Engine) adopt(t, p *Thread) {
	if p == nil || p == t || p.group == nil || p.group == t.group {
		return
	}
	steps := 0
	for a := p.Main(); a != nil; a = a.Parent() {
		if steps++; a.group == t.group || steps > maxAncestors {
			e.counters.ParentLoops++
			return
		}
	}
	t.parent = p
	t.sibPrev, t.sibNext = nil, p.child
	if p.child != nil {
		p.child.sibPrev = t
	}
	p.child = t
	p.nchildren++
}

// orphan takes t from its parent.
func orphan(t *Thread) {
	p := t.parent
	if p == nil {
		return
	}
	if t.sibPrev != nil {
		t.sibPrev.sibNext = t.sibNext
	} else {
		p.child = t.sibNext
	}
	if t.sibNext != nil {
		t.sibNext.sibPrev = t.sibPrev
	}
	t.parent, t.sibPrev, t.sibNext = nil, nil, nil
	p.nchildren--
}

// remove takes a thread that has ended out of the model. Its children go to
// another one: reaper when the kernel named it. A main thread stays, dead, as
// long as its process has other threads.
func (e *Engine) remove(t *Thread, reaper int64) {
	g := t.group
	if g == nil {
		e.drop(t)
		return
	}
	markDead(t)
	if t.child != nil {
		r := e.reaperOf(t, reaper)
		if t.slot < 0 {
			return // asking /proc for the reaper showed that t was stale
		}
		e.reparent(t, r)
	}
	if t == g.Leader && g.count > 1 {
		return
	}
	e.drop(t)
	if l := g.Leader; l != nil && g.count == 1 && l.Dead() {
		e.drop(l)
	}
}

// markDead counts t out of its group.
func markDead(t *Thread) {
	if t.Dead() {
		return
	}
	t.Flags |= FlagClosed
	if t.group != nil {
		t.group.Alive--
	}
}

// reaperOf chooses who takes t's children.
func (e *Engine) reaperOf(t *Thread, tid int64) *Thread {
	if tid > 0 {
		r := e.find(tid)
		if t.group == nil {
			return nil
		}
		if r != nil && r != t && r.group != nil && !r.Dead() {
			if r.group != t.group {
				r.group.Reaper = true
			}
			return r
		}
	}
	for p := range t.group.All() {
		if p != t && !p.Dead() {
			return p
		}
	}
	for a := t.Parent(); a != nil && a.InPidns() == t.InPidns(); a = a.Parent() {
		if !a.group.Reaper {
			continue
		}
		for p := range a.group.All() {
			if !p.Dead() {
				return p
			}
		}
	}
	return nil
}

func (e *Engine) reparent(t, reaper *Thread) {
	for c := t.child; c != nil; c = t.child {
		orphan(c)
		c.PTID = 0
		if reaper != nil && reaper != c {
			c.PTID = reaper.TID
			e.adopt(c, reaper)
		}
	}
}

// drop forgets t at once.
func (e *Engine) drop(t *Thread) {
	if t.child != nil {
		e.reparent(t, nil)
	}
	orphan(t)
	e.leave(t)
	e.releaseTable(t.fds)
	t.fds = nil
	e.forgetEnter(t)
	e.releaseTexts(t, t.args)
	e.releaseTexts(t, t.env)
	delete(e.threads, t.TID)
	if slot := &e.cache[uint64(t.TID)%cacheSize]; *slot == t {
		*slot = nil
	}
	last := len(e.all) - 1
	e.all[t.slot] = e.all[last]
	e.all[t.slot].slot = t.slot
	e.all[last] = nil
	e.all = e.all[:last]
	t.slot = -1
	if e.gone == t {
		e.gone = nil
	}
	e.counters.Threads--
	e.counters.ThreadsRemoved++
}

// leave takes t out of its group; the last one ends the group.
func (e *Engine) leave(t *Thread) {
	g := t.group
	if g == nil {
		return
	}
	if t.peerPrev != nil {
		t.peerPrev.peerNext = t.peerNext
	} else {
		g.first = t.peerNext
	}
	if t.peerNext != nil {
		t.peerNext.peerPrev = t.peerPrev
	}
	t.peerPrev, t.peerNext, t.group = nil, nil, nil
	g.count--
	if !t.Dead() {
		g.Alive--
	}
	if g.Leader == t {
		g.Leader = nil
	}
	if g.count == 0 && e.groups[g.PID] == g {
		delete(e.groups, g.PID)
	}
}

// exitedSize is how many exited threads are remembered, so that a parent whose
// clone event comes later than its child's exit does not bring it back, and so
// that a child which comes later than its parent's exit has the one that took it.
const exitedSize = 8192

type exitedThread struct {
	tid, ptid int64
	reaper    int64 // 0: not said
	ts        uint64
}

// sameCall is how far apart the two sides of one clone are at most, in ns.
const sameCall = 2e9

func (e *Engine) noteExit(t *Thread, reaper int64) {
	e.exited[uint64(t.TID)%exitedSize] = exitedThread{t.TID, t.PTID, reaper, e.now}
}

// livingParent returns ptid, or who took the children of ptid when that has just
// ended: the kernel tells of an end before it gives the children away.
func (e *Engine) livingParent(ptid int64) int64 {
	x := e.exited[uint64(ptid)%exitedSize]
	if x.tid == ptid && x.reaper > 0 && near(e.now, x.ts) && e.Thread(ptid) == nil {
		return x.reaper
	}
	return ptid
}

func (e *Engine) justExited(tid, ptid int64) bool {
	x := e.exited[uint64(tid)%exitedSize]
	return x.tid == tid && x.ptid == ptid && near(e.now, x.ts)
}

// near reports whether two times can be of one call. Events may come late, so
// that either may be the earlier one.
func near(a, b uint64) bool { return max(a, b)-min(a, b) < sameCall }
