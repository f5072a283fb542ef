// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math/bits"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

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
	ids     []uint32 // by value: stamp of texts
	texts   []int32  // by value: the number of its text
	out     []int32

	// The conditions worth evaluating, found by the index.
	found bool
	cand  []uint64 // bit set of conditions
	words []uint64 // bit set of the words of cand that are not 0
	root  []ref    // by condition

	cost costs
}

// NewRun returns a Run for p.
func (p *Program) NewRun() *Run {
	return &Run{
		p:       p,
		known:   make([]uint32, len(p.nodes)),
		have:    make([]uint32, len(p.values)),
		vals:    make([]fields.Value, len(p.values)),
		scratch: make([][]byte, len(p.values)),
		ids:     make([]uint32, len(p.values)),
		texts:   make([]int32, len(p.values)),
		cand:    make([]uint64, (len(p.roots)+63)/64),
		words:   make([]uint64, (len(p.roots)+4095)/4096),
		root:    make([]ref, len(p.roots)),
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
		clear(r.ids)
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
	if timed {
		r.cost.start()
	}
	some := p.index.candidates(r)
	if timed {
		r.cost.found()
	}
	if some {
		for i := range r.words {
			for w := r.words[i]; w != 0; w &= w - 1 {
				r.evalWord(64*i+bits.TrailingZeros64(w), timed, first)
			}
			r.words[i] = 0
		}
	}
	r.ev = nil
	return r.out
}

// evalWord evaluates the candidates of one word and forgets them.
func (r *Run) evalWord(at int, timed, first bool) {
	for w := r.cand[at]; w != 0 && !(first && len(r.out) > 0); w &= w - 1 {
		id := int32(64*at + bits.TrailingZeros64(w))
		yes := r.eval(r.root[id])
		r.cost.count(id, timed)
		if yes {
			r.out = append(r.out, id)
		}
	}
	r.cand[at] = 0
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
		for _, k := range r.p.kids[n.left:n.right] {
			if !r.eval(k) {
				yes = false
				break
			}
		}
	case kindIs:
		v, ok := r.value(n.left)
		yes = ok && (r.textID(n.left, v.S) == n.right) != n.flip
	case kindIn:
		v, ok := r.value(n.left)
		yes = ok && r.p.sets[n.right].has(r.textID(n.left, v.S)) != n.flip
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
		yes = ok && r.p.pairs[n.pair].match(a, b)
	case kindType:
		yes = r.p.types[n.right].Has(r.ev.Type())
	}
	if n.memo {
		r.known[i] = r.gen<<1 | bit(yes)
	}
	return yes != at.inv()
}

// evalMulti tries the values that a field stands for.
func (r *Run) evalMulti(n *node) bool {
	multi := r.p.multis[n.right]
	i := 0
	for ; multi.Each(r.ev, i, &r.multi); i++ {
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
	var ok bool
	if src := &r.p.values[i]; src.field != nil {
		ok = src.field.Extract(r.ev, v)
	} else {
		ok = src.eval(r, i, v)
	}
	r.have[i] = r.gen<<1 | bit(ok)
	return v, ok
}

// textID returns the number of the text s of a value, noText when nothing is
// compared with it.
func (r *Run) textID(i int32, s string) int32 {
	if r.ids[i] != r.gen {
		r.ids[i] = r.gen
		r.texts[i] = r.p.dicts[i].find(s)
	}
	return r.texts[i]
}

// Bytes is what r takes in memory, without the texts that it builds.
func (r *Run) Bytes() int {
	return 4*len(r.known) + 120*len(r.vals) + 8*len(r.cand) + 28*len(r.root)
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
