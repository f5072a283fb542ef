// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"cmp"
	"slices"
)

// less orders entries of one ring: by time, then as they were reserved, so
// that events with the same time keep their order.
func (e entry) less(f entry) bool {
	return e.ts < f.ts || e.ts == f.ts && int32(e.pos-f.pos) < 0
}

// sort orders the waiting entries. A ring is nearly sorted: only nested events
// and rings that several CPUs share swap neighbours. Insertion is cheapest
// then; when it turns out otherwise the general sort takes over.
func (r *Ring) sort() {
	q := r.queue[r.head:]
	moves, budget := 0, 16*len(q)
	for i := 1; i < len(q); i++ {
		if !q[i].less(q[i-1]) {
			continue
		}
		e, j := q[i], i
		for ; j > 0 && e.less(q[j-1]); j-- {
			q[j] = q[j-1]
		}
		q[j] = e
		r.unruly = r.head + i + 1
		if moves += i - j; moves > budget {
			slices.SortFunc(q, entry.compare)
			r.unruly = len(r.queue)
			return
		}
	}
}

func (e entry) compare(f entry) int {
	if c := cmp.Compare(e.ts, f.ts); c != 0 {
		return c
	}
	return cmp.Compare(int32(e.pos-f.pos), 0)
}

// compact forgets the delivered entries.
func (r *Ring) compact() {
	used := len(r.queue)
	n := copy(r.queue, r.queue[r.head:])
	r.unruly = max(0, r.unruly-r.head)
	r.head = 0
	r.queue = r.queue[:n]
	if cap(r.queue) > keepEntries && used < keepEntries/8 {
		// A flood has passed: give its memory back.
		r.queue = append(make([]entry, 0, keepEntries/4), r.queue...)
	}
}

// keepEntries bounds what a ring keeps for its queue when little waits (512
// KiB); more exist only while the ring holds that many records.
const keepEntries = 1 << 15
