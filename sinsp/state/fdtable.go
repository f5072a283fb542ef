// SPDX-License-Identifier: Apache-2.0

package state

// FDTable holds the descriptors of a process. Threads share it; processes made
// by fork share its content until one of them changes something, so that a fork
// costs the same whatever is open.
type FDTable struct {
	slots    *fdSlots
	gen      uint64    // entries of this generation belong to this table alone
	refs     int       // threads that use the table
	sure     lossCount // Engine.lost when it was complete last
	usedTS   uint64    // Engine.clock when it was used last
	missed   int64     // looked for in /proc last, not again before missedTS
	missedTS uint64
}

// fdSlots is the content of one or several tables.
type fdSlots struct {
	dense  []*FD         // by number
	sparse map[int64]*FD // the others: beyond the end of dense
	n      int
	hand   int // where eviction goes on
	refs   int // tables that use it; it may be written when there is one
}

// A number goes into the dense part when that has at most so many slots per
// entry then, or so few at all. One dup2 to a high number must not cost a page.
const (
	slotsPerFD = 4
	fewSlots   = 64
	maxSlots   = 1 << 16
	// The dense part shrinks when it has more than this many slots per entry.
	emptySlots = 32
)

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
	if s.sparse != nil {
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

// All ranges over the descriptors; the low numbers come first, in ascending
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

// writable gives the table a content of its own. A copy that the budget has no
// room for stays empty.
func (e *Engine) writable(t *FDTable) *fdSlots {
	s := t.slots
	switch {
	case s == nil:
		t.slots = &fdSlots{refs: 1}
	case s.refs > 1:
		s.refs--
		t.slots = &fdSlots{refs: 1}
		if !e.holdFDs(t, s.n) {
			e.counters.FDs -= uint64(s.n)
			e.counters.FDsEvictedTotal += uint64(s.n)
			t.sure = neverSure
			break
		}
		t.slots.copyFrom(s)
	}
	return t.slots
}

func (s *fdSlots) copyFrom(o *fdSlots) {
	s.n, s.hand = o.n, o.hand
	s.dense = append(make([]*FD, 0, len(o.dense)+8), o.dense...)
	if len(o.sparse) > 0 {
		s.sparse = make(map[int64]*FD, len(o.sparse))
		for k, f := range o.sparse {
			s.sparse[k] = f
		}
	}
}

// set stores f, or removes the entry n when f is nil, and returns what was
// there.
func (s *fdSlots) set(n int64, f *FD) (old *FD) {
	if n >= int64(len(s.dense)) && f != nil && n < max(fewSlots, min(slotsPerFD*int64(s.n+1), maxSlots)) {
		s.grow(n)
	}
	switch {
	case n < int64(len(s.dense)):
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
	} else if old != nil && len(s.dense) > 4*fewSlots && s.n*emptySlots < len(s.dense) {
		s.shrink()
	}
	return old
}

// shrink gives back the memory of many entries that were closed.
func (s *fdSlots) shrink() {
	high := s.dense[fewSlots:]
	s.dense = append(make([]*FD, 0, fewSlots), s.dense[:fewSlots]...)
	for i, f := range high {
		if f != nil {
			if s.sparse == nil {
				s.sparse = make(map[int64]*FD)
			}
			s.sparse[int64(fewSlots+i)] = f
		}
	}
}

// grow makes the dense part hold the number n, with the entries that were
// beyond its end.
func (s *fdSlots) grow(n int64) {
	for int64(len(s.dense)) <= n {
		s.dense = append(s.dense, nil)
	}
	if len(s.sparse) == 0 {
		return
	}
	for k, f := range s.sparse {
		if k <= n {
			s.dense[k] = f
			delete(s.sparse, k)
		}
	}
	if len(s.sparse) == 0 {
		s.sparse = nil
	}
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
		if s.refs--; s.refs == 0 {
			e.counters.FDsHeld -= uint64(s.n)
			for _, f := range s.dense {
				if f != nil {
					e.retire(t, f)
				}
			}
		}
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
		e.counters.AbsurdEvents++
		e.retired = append(e.retired, f)
		return nil
	}
	s := e.writable(t)
	f.gen = t.gen
	old := s.set(f.Num, f)
	if old != nil {
		e.retire(t, old)
		return f
	}
	e.counters.FDs++
	e.counters.FDsHeld++
	e.counters.FDsAdded++
	t.usedTS = e.clock
	switch {
	case s.n > e.opts.MaxFDs:
		// The table is full of entries whose close was lost, or the process
		// has that many: newer ones matter more.
		e.evictFD(t, f, &e.counters.FDsEvicted)
	case e.counters.FDsHeld > uint64(e.opts.MaxFDsTotal) && !e.shedFDs(t):
		e.evictFD(t, f, &e.counters.FDsEvictedTotal)
	}
	return f
}

// evictFD drops an entry of the table other than f.
func (e *Engine) evictFD(t *FDTable, f *FD, counter *uint64) {
	s := t.slots
	s.set(f.Num, nil)
	v := s.victim()
	if v == nil {
		v = f
	} else {
		s.set(v.Num, nil)
		s.set(f.Num, f)
		e.retire(t, v)
	}
	t.sure = neverSure
	e.counters.FDs--
	e.counters.FDsHeld--
	*counter++
}

// maxTablesShed is how many tables give way to one event's descriptors at most.
const maxTablesShed = 256

// holdFDs makes room for n more entries, which t will hold.
func (e *Engine) holdFDs(t *FDTable, n int) bool {
	limit := uint64(e.opts.MaxFDsTotal)
	for tries := 0; e.counters.FDsHeld+uint64(n) > limit; tries++ {
		if tries == maxTablesShed || !e.shedFDs(t) {
			return false
		}
	}
	e.counters.FDsHeld += uint64(n)
	return true
}

// shedFDs forgets all descriptors of a process that has not used any for long,
// but of t and of what must not be forgotten. What it opens later is known
// again; for the rest /proc can be asked.
func (e *Engine) shedFDs(keep *FDTable) bool {
	var worst *FDTable
	for range min(roomAttempts, len(e.all)) {
		e.hand = (e.hand + 1) % len(e.all)
		t := e.all[e.hand]
		if t.fds == nil || t.fds == keep || t.fds.slots == nil || t.fds.slots.refs > 1 || t.fds.Len() == 0 || e.protected(t) {
			continue
		}
		if t.Dead() {
			worst = t.fds
			break
		}
		if worst == nil || t.fds.usedTS < worst.usedTS {
			worst = t.fds
		}
	}
	if worst == nil {
		return false
	}
	n := uint64(worst.slots.n)
	worst.slots, worst.sure = nil, neverSure
	e.counters.FDs -= n
	e.counters.FDsHeld -= n
	e.counters.FDsEvictedTotal += n
	return true
}

// maxFDNum is beyond the highest number that the kernel hands out
// (fs.nr_open is at most 2^30).
const maxFDNum = 1 << 30

// removeFD drops an entry.
func (e *Engine) removeFD(t *FDTable, n int64) {
	if t == nil || t.Get(n) == nil {
		return
	}
	old := e.writable(t).set(n, nil)
	if old == nil {
		return // there was no room for a table of its own
	}
	e.counters.FDs--
	e.counters.FDsHeld--
	e.counters.FDsRemoved++
	e.retire(t, old)
}

// ownFD returns the entry n for changing; nil when there is none.
func (e *Engine) ownFD(t *FDTable, n int64) *FD {
	f := t.Get(n)
	if f == nil || f.gen == t.gen {
		return f
	}
	s := e.writable(t)
	if t.Get(n) == nil {
		return nil // there was no room for a table of its own
	}
	c := e.copyFD(f, n)
	c.gen = t.gen
	s.set(n, c)
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
	if t == nil {
		return
	}
	e.rangeFDs(t, 0, maxFDNum, func(f *FD) {
		if f.Flags&OpenCloexec != 0 {
			e.removeFD(t, f.Num)
		}
	})
}

// rangeFDs calls fn for the entries with numbers from first to last. It may
// remove and change the entry that it is called with.
func (e *Engine) rangeFDs(t *FDTable, first, last int64, fn func(*FD)) {
	if t.slots == nil {
		return
	}
	e.nums = e.nums[:0]
	for n := first; n <= last && n < int64(len(t.slots.dense)); n++ {
		if t.slots.dense[n] != nil {
			e.nums = append(e.nums, n)
		}
	}
	for n := range t.slots.sparse {
		if n >= first && n <= last {
			e.nums = append(e.nums, n)
		}
	}
	for _, n := range e.nums {
		if f := t.Get(n); f != nil {
			fn(f)
		}
	}
}
