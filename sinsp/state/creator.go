// SPDX-License-Identifier: Apache-2.0

package state

// creationsSize is how many creations are remembered whose child has yet to
// tell of itself.
const creationsSize = 64

// creation is what a thread was like when it made a child whose id its own side
// of the call does not tell: the child lives in a pid namespace, or has another
// parent. When the child's side comes the creator may have opened something,
// executed something else or ended, and the kernel names a reaper for parent.
type creation struct {
	tid   int64  // of the child, in the namespace of the creator; 0: nothing is remembered
	start uint64 // of that namespace since the boot, ns; 0: the host's
	ts    uint64
	like  Thread // in no table
	fs    fsState
}

// creations is a ring of them.
type creations struct {
	ring [creationsSize]creation
	next int
}

// noteCreation remembers the caller of a clone whose result is the child's id in
// the caller's namespace.
func (e *Engine) noteCreation(ev *Event, caller *Thread, tid int64, flags uint32) {
	var start uint64
	if caller.InPidns() {
		var ok bool
		if start, ok = ev.uint(pPidnsStart); !ok || start == 0 || flags&FlagNewPID != 0 {
			return // it cannot be recognised
		}
	}
	if flags&FlagThread != 0 {
		return // a copy of its process, which is there
	}
	if e.creations == nil {
		e.creations = new(creations)
	}
	c := &e.creations.ring[e.creations.next]
	e.creations.next = (e.creations.next + 1) % creationsSize
	e.forgetCreation(c)
	c.tid, c.start, c.ts = tid, start, e.now
	c.like = *caller
	l := &c.like
	l.group, l.parent, l.child, l.sibPrev, l.sibNext, l.peerPrev, l.peerNext = nil, nil, nil, nil, nil, nil, nil
	l.enter, l.slot = nil, -1
	l.fds = e.forkTable(caller.fds)
	c.fs = fsState{}
	if fs := caller.fs(); fs != nil {
		c.fs = *fs
	}
	l.ownFS = &c.fs
}

// creationOf returns the creation of the thread whose side of the call ev is;
// nil when none is remembered.
func (e *Engine) creationOf(ev *Event) *creation {
	if e.creations == nil {
		return nil
	}
	tid, vtid := ev.TID(), idOr(ev, pVTID, NoID)
	start, _ := ev.uint(pPidnsStart)
	for i := range creationsSize {
		c := &e.creations.ring[(e.creations.next+creationsSize-1-i)%creationsSize]
		switch {
		case c.tid == 0 || !near(e.now, c.ts):
		case c.start == 0 && c.tid == tid, c.start != 0 && c.start == start && c.tid == vtid:
			return c
		}
	}
	return nil
}

// template returns the thread that a child with these flags is a copy of.
func (e *Engine) template(c *creation, flags uint32) *Thread {
	if flags&(FlagFiles|FlagFS) != 0 {
		if live := e.Thread(c.like.TID); live != nil && live.CloneTS == c.like.CloneTS && !live.Dead() {
			return live // what they share goes on to change
		}
	}
	return &c.like
}

func (e *Engine) forgetCreation(c *creation) {
	e.releaseTable(c.like.fds)
	*c = creation{}
}
