// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
)

// index finds the conditions that an event can make true without evaluating
// them one by one. Sets of conditions are bit sets by id.
type index struct {
	words  int
	byType []*plan // by event type; types above have their conditions in other
	other  *plan
}

// plan is how the conditions of some event types are found.
type plan struct {
	all   []uint64
	keys  []*keyIndex // that decide about some of all
	gates []*gate
}

// gate is a check that many conditions need.
type gate struct {
	check ref
	all   []uint64
}

const (
	minGated  = 3  // fewer conditions find out by themselves
	maxGates  = 64 // gates that are asked for an event
	gateLimit = 100
)

func (b *Builder) newIndex(p *Program) index {
	x := index{words: (len(b.rules) + 63) / 64}
	needs := make([][]ref, len(b.rules))
	for i, r := range b.rules {
		needs[i] = conjuncts(p.nodes, r.root, nil)
	}
	gates := x.indexGates(b.parts, needs)
	for _, g := range gates {
		p.nodes[g.check.node()].memo = true // the conditions ask again
	}
	x.indexTypes(b.rules, x.indexKeys(b.parts, needs), gates)
	return x
}

// indexTypes makes a plan for each event type; types with the same conditions
// share it.
func (x *index) indexTypes(rules []rule, keys []*keyIndex, gates []*gate) {
	groups := map[evtset.Types][]uint64{} // most conditions share their types with others
	for id, r := range rules {
		if r.root == never {
			continue
		}
		if groups[r.types] == nil {
			groups[r.types] = make([]uint64, x.words)
		}
		groups[r.types][id/64] |= 1 << (id % 64)
	}
	shared := map[string]*plan{}
	planFor := func(wanted func(evtset.Types) bool) *plan {
		s := make([]uint64, x.words)
		for types, members := range groups {
			if wanted(types) {
				unite(s, members)
			}
		}
		key := string(wordBytes(s))
		if shared[key] == nil {
			shared[key] = newPlan(s, keys, gates)
		}
		return shared[key]
	}
	for t := range scap.EventType(len(scap.Events)) {
		x.byType = append(x.byType, planFor(func(types evtset.Types) bool { return types.Has(t) }))
	}
	x.other = planFor(evtset.Types.All)
}

func newPlan(all []uint64, keys []*keyIndex, gates []*gate) *plan {
	p := &plan{all: all}
	for _, k := range keys {
		if meet(all, k.all) {
			p.keys = append(p.keys, k)
		}
	}
	for _, g := range gates {
		if meet(all, g.all) {
			p.gates = append(p.gates, g)
		}
	}
	return p
}

func wordBytes(s []uint64) []byte {
	var b []byte
	for _, w := range s {
		for i := range 8 {
			b = append(b, byte(w>>(8*i)))
		}
	}
	return b
}

// conjuncts appends everything that must hold for r to hold.
func conjuncts(nodes []node, r ref, list []ref) []ref {
	list = append(list, r)
	if n := &nodes[r.node()]; n.kind == kindAnd && !r.inv() {
		for _, k := range n.kids {
			list = conjuncts(nodes, k, list)
		}
	}
	return list
}

// indexGates chooses the cheap checks that most conditions need.
func (x *index) indexGates(parts []part, needs [][]ref) []*gate {
	byRef := map[ref]*gate{}
	for id, list := range needs {
		for _, r := range list {
			if r == always || r == never || parts[r.node()].cost > gateLimit {
				continue
			}
			g := byRef[r]
			if g == nil {
				g = &gate{check: r, all: make([]uint64, x.words)}
				byRef[r] = g
			}
			g.all[id/64] |= 1 << (id % 64)
		}
	}
	var gates []*gate
	for _, g := range byRef {
		if size(g.all) >= minGated {
			gates = append(gates, g)
		}
	}
	slices.SortFunc(gates, func(a, b *gate) int {
		return cmp.Or(size(b.all)-size(a.all), int(parts[a.check.node()].cost-parts[b.check.node()].cost), int(a.check-b.check))
	})
	return gates[:min(len(gates), maxGates)]
}

func size(s []uint64) int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// candidates fills r.cand with the conditions that are worth evaluating and
// reports whether there are any.
func (x *index) candidates(r *Run) bool {
	plan := x.other
	if t := int(r.ev.Type()); t < len(x.byType) {
		plan = x.byType[t]
	}
	if copy(r.cand, plan.all); empty(r.cand) {
		return false
	}
	for _, k := range plan.keys {
		if meet(r.cand, k.all) {
			k.restrict(r)
		}
	}
	for _, g := range plan.gates {
		if meet(r.cand, g.all) && !r.eval(g.check) {
			for w := range r.cand {
				r.cand[w] &^= g.all[w]
			}
		}
	}
	return !empty(r.cand)
}

// each calls visit with the candidates in ascending order until it returns
// false.
func (x *index) each(r *Run, visit func(id int32) bool) {
	for w, word := range r.cand {
		for ; word != 0; word &= word - 1 {
			if !visit(int32(64*w + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

func empty(s []uint64) bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// meet reports whether two sets have a member in common.
func meet(a, b []uint64) bool {
	for i, w := range a {
		if w&b[i] != 0 {
			return true
		}
	}
	return false
}
