// SPDX-License-Identifier: Apache-2.0

package capture

import "github.com/tiercel/tiercel/scap"

const (
	// maxEnters is how many threads can be inside a call at once before the
	// one that waits longest is forgotten.
	maxEnters = 1 << 16
	// maxEnterBytes bounds what their parameters take.
	maxEnterBytes = 16 << 20
	// keptEnterBytes is how much memory a thread keeps for its next call.
	keptEnterBytes = 512
)

// enterStore remembers the last enter event of each thread. Its memory is
// reused: in the steady state nothing is allocated and nothing inserted.
type enterStore struct {
	byTID map[int64]int32
	slots []enterSlot
	hand  int // where the search for a slot to reuse goes on
	bytes int // of the buffers of all slots
}

type enterSlot struct {
	tid  int64
	live bool
	typ  scap.EventType
	n    uint8
	ends [maxStoredParams]uint32
	buf  []byte
}

// param returns parameter i; nil when the event does not have it.
func (s *enterSlot) param(i int) []byte {
	if i >= int(s.n) {
		return nil
	}
	var start uint32
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.buf[start:s.ends[i]:s.ends[i]]
}

// get returns what is remembered of a thread, or nil.
func (st *enterStore) get(tid int64) *enterSlot {
	if i, ok := st.byTID[tid]; ok && st.slots[i].live {
		return &st.slots[i]
	}
	return nil
}

// put remembers an event in place of what is remembered of its thread. It
// tells how many other threads were forgotten for it.
func (st *enterStore) put(tid int64, typ scap.EventType, params [][]byte) (forgotten uint64) {
	i, ok := st.byTID[tid]
	if !ok {
		i, forgotten = st.place(tid)
	}
	s := &st.slots[i]
	st.bytes -= cap(s.buf)
	s.live, s.typ, s.n = true, typ, uint8(len(params))
	s.buf = s.buf[:0]
	for j, p := range params {
		s.buf = append(s.buf, p...)
		s.ends[j] = uint32(len(s.buf))
	}
	st.bytes += cap(s.buf)
	if st.bytes > maxEnterBytes {
		forgotten += st.tighten(int(i))
	}
	return forgotten
}

// place gives a slot to a thread that has none.
func (st *enterStore) place(tid int64) (i int32, forgotten uint64) {
	if st.byTID == nil {
		st.byTID = make(map[int64]int32)
	}
	if len(st.slots) < maxEnters {
		i = int32(len(st.slots))
		st.slots = append(st.slots, enterSlot{})
	} else {
		// Most threads have left their call: a few steps find one.
		for range 64 {
			st.hand = (st.hand + 1) % len(st.slots)
			if !st.slots[st.hand].live {
				break
			}
		}
		i = int32(st.hand)
		if st.slots[i].live {
			forgotten = 1
		}
		delete(st.byTID, st.slots[i].tid)
	}
	st.slots[i].tid = tid
	st.byTID[tid] = i
	return i, forgotten
}

// tighten gives the buffers of all other threads back when they are too large
// together: those of threads outside a call, and if that is not enough, all.
func (st *enterStore) tighten(except int) (forgotten uint64) {
	for _, live := range []bool{false, true} {
		for i := range st.slots {
			s := &st.slots[i]
			if i == except || s.live && !live {
				continue
			}
			st.bytes -= cap(s.buf)
			s.buf = nil
			if s.live {
				s.live = false
				forgotten++
			}
		}
		if st.bytes <= maxEnterBytes/2 {
			break
		}
	}
	return forgotten
}

// drop forgets a slot; a large buffer is given back.
func (st *enterStore) drop(s *enterSlot) {
	s.live = false
	if cap(s.buf) > keptEnterBytes {
		st.bytes -= cap(s.buf)
		s.buf = nil
	}
}

// clear forgets everything.
func (st *enterStore) clear() { *st = enterStore{} }
