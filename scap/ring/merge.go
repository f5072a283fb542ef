// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"github.com/tiercel/tiercel/scap"
)

// merger puts the events of many rings into one order.
//
// A round begins with a clock reading, then reads all producer positions, and
// hands out the events before those positions that are older than the clock
// reading. That keeps every thread's events in order: when B follows A on the
// same thread, but was reserved in another ring, and the round saw B but not
// A, then A was submitted after its ring's position was read, so B's time,
// taken later still, is not older than the clock reading and B has to wait.
// The same holds for A behind a busy record: the round's watermark falls to
// the oldest event that is held up.
//
// Events of different threads can still pass each other while one is between
// taking its time and being submitted. The slack makes that rare; what comes
// late all the same is handed out and counted.
type merger struct {
	rings []*Ring
	slack uint64 // ns

	watermark uint64
	heap      []ringHead // rings with an event below the watermark
	newest    uint64     // time of the newest event handed out

	stats Counters
}

// ringHead is a ring in the merge heap: the time of its first entry, copied
// so that comparing does not chase pointers.
type ringHead struct {
	ts   uint64
	ring uint32
}

// Counters are what a Reader has seen since it was made.
type Counters struct {
	Delivered uint64
	Truncated uint64 // records that were no whole event of a known type
	Late      uint64 // events older than one handed out before them
	Rounds    uint64
	Held      uint64 // rounds that waited for a busy record
}

// maxHold bounds how long a busy record may hold all other rings up. Records
// are busy for microseconds; a producer that never submits must not stop the
// whole capture.
const maxHold = 50_000_000 // ns

// begin starts a round at time now; it returns the fill of the fullest ring in
// 1/256 of its size, rounded up: 0 is nothing at all.
func (m *merger) begin(now uint64) (fill uint64) {
	m.stats.Rounds++
	m.heap = m.heap[:0]
	for _, r := range m.rings {
		r.compact()
		if !r.snapshot() {
			m.stats.Truncated++
		}
		fill = max(fill, ((r.limit-r.scanned)<<8+r.mask)/(r.mask+1))
	}
	m.watermark = now - min(now, m.slack)
	held := false
	for _, r := range m.rings {
		if r.scanned == r.limit {
			r.blockedSince = 0
			continue
		}
		res := r.scan()
		m.stats.Truncated += res.malformed
		if r.holds(res.blocked, now) {
			m.watermark = min(m.watermark, res.floor)
			held = true
		}
	}
	if held {
		m.stats.Held++
	}
	for i, r := range m.rings {
		if r.head < len(r.queue) && r.queue[r.head].ts < m.watermark {
			m.push(ringHead{ts: r.queue[r.head].ts, ring: uint32(i)})
		}
	}
	return fill
}

// holds decides whether a ring that is held up by a busy record holds the
// others up too: yes, but not for ever.
func (r *Ring) holds(blocked bool, now uint64) bool {
	if !blocked {
		r.blockedSince = 0
		return false
	}
	if r.blockedSince == 0 || r.blockedAt != r.scanned {
		r.blockedAt, r.blockedSince = r.scanned, now
	}
	return now-r.blockedSince < maxHold
}

// fill appends the next events of the round to b, up to the capacity of its
// slice. It hands out runs: as long as one ring's events are older than those
// of every other ring, the heap is not touched.
func (m *merger) fill(b *scap.Batch) {
	for len(m.heap) > 0 && len(b.Events) < cap(b.Events) {
		r := m.rings[m.heap[0].ring]
		bound := m.watermark - 1
		if len(m.heap) > 1 {
			bound = min(bound, m.heap[m.second()].ts)
		}
		m.run(r, bound, b)
		if r.head < len(r.queue) && r.queue[r.head].ts < m.watermark {
			m.heap[0].ts = r.queue[r.head].ts
		} else {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.down()
	}
}

// run hands out the events of r up to and including the time bound.
func (m *merger) run(r *Ring, bound uint64, b *scap.Batch) {
	events := b.Events
	first := len(events)
	n, late := first, uint64(0)
	i := r.head
	for ; i < len(r.queue) && n < cap(events); i++ {
		e := r.queue[i]
		if e.ts > bound {
			break
		}
		events = events[:n+1]
		ev := &events[n]
		if ev.Decode(r.payload(e)) != nil || int(ev.Type()) >= len(scap.Events) {
			m.stats.Truncated++
			continue
		}
		ev.CPU, ev.Flags = r.cpu, 0
		if e.ts < m.newest {
			late++
		} else {
			m.newest = e.ts
		}
		n++
	}
	r.head = i
	b.Events = events[:n]
	b.Late += late
	m.stats.Late += late
	m.stats.Delivered += uint64(n - first)
}

// pending reports whether the round has more to hand out.
func (m *merger) pending() bool { return len(m.heap) > 0 }

// filled reports whether a ring is filled to at least level/256 of its size.
func (m *merger) filled(level uint64) bool {
	for _, r := range m.rings {
		if r.Available()<<8 >= level*(r.mask+1) {
			return true
		}
	}
	return false
}

// release lets the producers have all that was handed out.
func (m *merger) release() {
	for _, r := range m.rings {
		r.release()
	}
}

// second returns the index of the second smallest head.
func (m *merger) second() int {
	if len(m.heap) > 2 && m.less(2, 1) {
		return 2
	}
	return 1
}

func (m *merger) less(i, j int) bool {
	a, b := m.heap[i], m.heap[j]
	return a.ts < b.ts || a.ts == b.ts && a.ring < b.ring
}

func (m *merger) push(h ringHead) {
	m.heap = append(m.heap, h)
	for i := len(m.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !m.less(i, up) {
			return
		}
		m.heap[i], m.heap[up] = m.heap[up], m.heap[i]
		i = up
	}
}

// down lets the first head sink to its place.
func (m *merger) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if child+1 < len(m.heap) && m.less(child+1, child) {
			child++
		}
		if !m.less(child, i) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
