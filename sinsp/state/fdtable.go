// SPDX-License-Identifier: Apache-2.0

package state

// FDTable holds the descriptors of a process. Threads share it; processes made
// by fork share its content until one of them changes something, so that a fork
// costs the same whatever is open.
type FDTable struct {
	slots *fdSlots
	gen   uint64    // entries of this generation belong to this table alone
	refs  int       // threads that use the table
	sure  lossCount // Engine.lost when it was complete last
}

// fdSlots is the content of one or several tables.
type fdSlots struct {
	dense  []*FD         // by number
	sparse map[int64]*FD // numbers from denseFDs upward
	n      int
	hand   int // where eviction goes on
	refs   int // tables that use it; it may be written when there is one
}

// denseFDs is the first number that is kept in a map.
const denseFDs = 4096

var noFDs FDTable

// Get returns the descriptor with the number n, or nil.
func (t *FDTable) Get(n int64) *FD {
	s := t.slots
	if s == nil {
		return nil
	}
	if uint64(n) < uint64(len(s.dense)) {
		return s.dense[n]
	}
	if n >= denseFDs && s.sparse != nil {
		return s.sparse[n]
	}
	return nil
}

// Len returns the number of known descriptors.
func (t *FDTable) Len() int {
	if t.slots == nil {
		return 0
	}
	return t.slots.n
}

// All ranges over the descriptors; those below 4096 come first, in ascending
// order.
func (t *FDTable) All() func(yield func(*FD) bool) {
	return func(yield func(*FD) bool) {
		if t.slots == nil {
			return
		}
		for _, f := range t.slots.dense {
			if f != nil && !yield(f) {
				return
			}
		}
		for _, f := range t.slots.sparse {
			if !yield(f) {
				return
			}
		}
	}
}

// writable gives the table a content of its own.
func (t *FDTable) writable() *fdSlots {
	s := t.slots
	switch {
	case s == nil:
		s = &fdSlots{refs: 1}
	case s.refs == 1:
		return s
	default:
		s.refs--
		c := &fdSlots{n: s.n, hand: s.hand, refs: 1}
		c.dense = append(make([]*FD, 0, len(s.dense)+8), s.dense...)
		if len(s.sparse) > 0 {
			c.sparse = make(map[int64]*FD, len(s.sparse))
			for k, f := range s.sparse {
				c.sparse[k] = f
			}
		}
		s = c
	}
	t.slots = s
	return s
}

// set stores f, or removes the entry n when f is nil, and returns what was
// there.
func (s *fdSlots) set(n int64, f *FD) (old *FD) {
	switch {
	case n < denseFDs:
		for int64(len(s.dense)) <= n {
			s.dense = append(s.dense, nil)
		}
		old, s.dense[n] = s.dense[n], f
	case f == nil:
		old = s.sparse[n]
		delete(s.sparse, n)
	default:
		if s.sparse == nil {
			s.sparse = make(map[int64]*FD)
		}
		old = s.sparse[n]
		s.sparse[n] = f
	}
	if old != nil {
		s.n--
	}
	if f != nil {
		s.n++
	}
	return old
}

// victim chooses the entry that makes room for a new one: the next behind the
// former victim.
func (s *fdSlots) victim() *FD {
	for range s.dense {
		s.hand++
		if s.hand >= len(s.dense) {
			s.hand = 0
		}
		if f := s.dense[s.hand]; f != nil {
			return f
		}
	}
	for _, f := range s.sparse {
		return f
	}
	return nil
}

// newTable returns an empty table for one thread.
func (e *Engine) newTable() *FDTable {
	e.gen++
	return &FDTable{gen: e.gen, refs: 1}
}

// forkTable returns a table with the same entries. Both get a new generation:
// from now on neither may change the common entries in place.
func (e *Engine) forkTable(t *FDTable) *FDTable {
	c := e.newTable()
	if t == nil {
		return c
	}
	c.sure = t.sure
	if t.slots == nil {
		return c
	}
	e.gen++
	t.gen = e.gen
	t.slots.refs++
	c.slots = t.slots
	e.counters.FDs += uint64(c.slots.n)
	return c
}

// releaseTable drops one thread's use of a table.
func (e *Engine) releaseTable(t *FDTable) {
	if t == nil {
		return
	}
	if t.refs--; t.refs > 0 {
		return
	}
	if s := t.slots; s != nil {
		e.counters.FDs -= uint64(s.n)
		s.refs--
		t.slots = nil
	}
}

// ownTable gives t a table that no other process sees, as exec and
// unshare(CLONE_FILES) do.
func (e *Engine) ownTable(t *Thread) {
	old := t.fds
	if old == nil || old.refs == 1 {
		return
	}
	t.fds = e.forkTable(old)
	old.refs--
}

// newFD returns an entry to fill.
func (e *Engine) newFD(n int64, typ FDType) *FD {
	var f *FD
	if k := len(e.freeFDs); k > 0 {
		f = e.freeFDs[k-1]
		e.freeFDs = e.freeFDs[:k-1]
		*f = FD{}
	} else {
		f = new(FD)
	}
	f.Num, f.Type = n, typ
	return f
}

// copyFD returns a copy of f under another number.
func (e *Engine) copyFD(f *FD, n int64) *FD {
	c := e.newFD(n, f.Type)
	*c = *f
	c.Num, c.gen = n, 0
	return c
}

// addFD puts f into the table, which must not hold it yet, and replaces what has
// its number. It returns f, or nil when the number is none.
func (e *Engine) addFD(t *FDTable, f *FD) *FD {
	if f.Num < 0 || f.Num > maxFDNum {
		return nil
	}
	s := t.writable()
	f.gen = t.gen
	old := s.set(f.Num, f)
	if old != nil {
		e.retire(t, old)
		return f
	}
	e.counters.FDs++
	e.counters.FDsAdded++
	if s.n > e.opts.MaxFDs {
		// The table is full of entries whose close was lost, or the process
		// has that many: newer ones matter more.
		s.set(f.Num, nil)
		if v := s.victim(); v != nil {
			s.set(v.Num, nil)
			e.retire(t, v)
			e.counters.FDs--
			e.counters.FDsEvicted++
		}
		s.set(f.Num, f)
	}
	return f
}

// maxFDNum is beyond the highest number that the kernel hands out
// (fs.nr_open is at most 2^30).
const maxFDNum = 1 << 30

// removeFD drops an entry.
func (e *Engine) removeFD(t *FDTable, n int64) {
	if t == nil || t.Get(n) == nil {
		return
	}
	old := t.writable().set(n, nil)
	e.counters.FDs--
	e.counters.FDsRemoved++
	e.retire(t, old)
}

// ownFD returns the entry n for changing; nil when there is none.
func (e *Engine) ownFD(t *FDTable, n int64) *FD {
	f := t.Get(n)
	if f == nil || f.gen == t.gen {
		return f
	}
	c := e.copyFD(f, n)
	c.gen = t.gen
	t.writable().set(n, c)
	return c
}

// retire hands an entry that left its table to the free list. The current
// event may still show it, so it is reused from the next event on only.
func (e *Engine) retire(t *FDTable, f *FD) {
	if f.gen == t.gen && len(e.retired) < cap(e.retired) {
		e.retired = append(e.retired, f)
	}
}

// recycle makes the entries retired by the former event free.
func (e *Engine) recycle() {
	for _, f := range e.retired {
		if len(e.freeFDs) < cap(e.freeFDs) {
			e.freeFDs = append(e.freeFDs, f)
		}
	}
	e.retired = e.retired[:0]
}

// closeOnExec drops the entries that do not survive an exec.
func (e *Engine) closeOnExec(t *FDTable) {
	if t == nil || t.slots == nil {
		return
	}
	for n := 0; n < len(t.slots.dense); n++ {
		if f := t.slots.dense[n]; f != nil && f.Flags&OpenCloexec != 0 {
			e.removeFD(t, int64(n))
		}
	}
	for n, f := range t.slots.sparse {
		if f.Flags&OpenCloexec != 0 {
			e.removeFD(t, n)
		}
	}
}
