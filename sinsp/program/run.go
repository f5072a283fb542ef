// SPDX-License-Identifier: Apache-2.0

package program

import (
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Program is a set of compiled conditions. It is never changed, so any number
// of goroutines may use it, each with a Run of its own.
type Program struct {
	nodes  []node
	values []value
	roots  []ref
	index  index
}

// Len returns the number of conditions.
func (p *Program) Len() int { return len(p.roots) }

// Nodes returns how many distinct parts the conditions have; it tells how
// well they share.
func (p *Program) Nodes() int { return len(p.nodes) }

// Run is the memory of one goroutine that evaluates a Program: what is known
// of the event at hand, and scratch space that is reused.
type Run struct {
	p  *Program
	ev *state.Event

	// gen stamps what was found for the event at hand: an entry of known or
	// have counts only when its upper bits are gen; its lowest bit is the
	// answer.
	gen     uint32
	known   []uint32 // by node
	have    []uint32 // by value: whether it exists
	vals    []fields.Value
	scratch [][]byte
	multi   fields.Value
	cand    []uint64 // conditions worth evaluating
	hit     []uint64 // conditions that a value finds
	out     []int32
	cost    costs
}

// NewRun returns a Run for p.
func (p *Program) NewRun() *Run {
	return &Run{
		p:       p,
		known:   make([]uint32, len(p.nodes)),
		have:    make([]uint32, len(p.values)),
		vals:    make([]fields.Value, len(p.values)),
		scratch: make([][]byte, len(p.values)),
		cand:    make([]uint64, p.index.words),
		hit:     make([]uint64, p.index.words),
		out:     make([]int32, 0, len(p.roots)),
		cost:    newCosts(len(p.roots)),
	}
}

// begin forgets everything about the former event.
func (r *Run) begin(ev *state.Event) {
	r.ev = ev
	r.gen++
	if r.gen == 1<<31 {
		clear(r.known)
		clear(r.have)
		r.gen = 1
	}
}

// Match returns the ids of the conditions that hold for ev, in ascending
// order; only the first one when first is set. The slice is r's and lives
// until the next call.
func (p *Program) Match(ev *state.Event, r *Run, first bool) []int32 {
	r.begin(ev)
	r.out = r.out[:0]
	timed := r.cost.sample()
	if p.index.candidates(r) {
		if timed {
			r.cost.start()
		}
		p.index.each(r, func(id int32) bool {
			yes := r.eval(p.roots[id])
			r.cost.count(id, timed)
			if yes {
				r.out = append(r.out, id)
				return !first
			}
			return true
		})
	}
	r.ev = nil
	return r.out
}

// Holds reports whether one condition holds for ev, whatever its event types.
func (p *Program) Holds(id int32, ev *state.Event, r *Run) bool {
	r.begin(ev)
	ok := r.eval(p.roots[id])
	r.ev = nil
	return ok
}

// eval returns what a node yields for the event at hand.
func (r *Run) eval(at ref) bool {
	i := at.node()
	n := &r.p.nodes[i]
	if n.memo {
		if k := r.known[i]; k>>1 == r.gen {
			return (k&1 != 0) != at.inv()
		}
	}
	yes := true
	switch n.kind {
	case kindAnd:
		for _, k := range n.kids {
			if !r.eval(k) {
				yes = false
				break
			}
		}
	case kindCheck:
		v, ok := r.value(n.left)
		yes = ok && n.m.match(v)
	case kindMulti:
		yes = r.evalMulti(n)
	case kindPair:
		var b *fields.Value
		a, ok := r.value(n.left)
		if ok {
			b, ok = r.value(n.right)
		}
		yes = ok && n.pair.match(a, b)
	}
	if n.memo {
		r.known[i] = r.gen<<1 | bit(yes)
	}
	return yes != at.inv()
}

// evalMulti tries the values that a field stands for.
func (r *Run) evalMulti(n *node) bool {
	i := 0
	for ; n.multi.Each(r.ev, i, &r.multi); i++ {
		if n.m.match(&r.multi) != n.every {
			return !n.every
		}
	}
	return n.every && i > 0
}

// value returns a value of the event at hand; false when there is none.
func (r *Run) value(i int32) (*fields.Value, bool) {
	v := &r.vals[i]
	if h := r.have[i]; h>>1 == r.gen {
		return v, h&1 != 0
	}
	ok := r.p.values[i].eval(r, i, v)
	r.have[i] = r.gen<<1 | bit(ok)
	return v, ok
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
