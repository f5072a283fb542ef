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
	byType [][]uint64 // by event type; types above have their conditions in other
	other  []uint64
	keys   []keyIndex
	gates  []gate
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

func newIndex(p *Program, rules []rule) index {
	x := index{words: (len(rules) + 63) / 64}
	x.indexTypes(rules)
	needs := make([][]ref, len(rules))
	for i, r := range rules {
		needs[i] = conjuncts(p.nodes, r.root, nil)
	}
	x.indexKeys(p, needs)
	x.indexGates(p, needs)
	return x
}

// indexTypes makes a set for each event type; types with the same conditions
// share it.
func (x *index) indexTypes(rules []rule) {
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
	shared := map[string][]uint64{}
	set := func(wanted func(evtset.Types) bool) []uint64 {
		s := make([]uint64, x.words)
		for types, members := range groups {
			if wanted(types) {
				unite(s, members)
			}
		}
		key := string(wordBytes(s))
		if old, ok := shared[key]; ok {
			return old
		}
		shared[key] = s
		return s
	}
	for t := range scap.EventType(len(scap.Events)) {
		x.byType = append(x.byType, set(func(types evtset.Types) bool { return types.Has(t) }))
	}
	x.other = set(evtset.Types.All)
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
func (x *index) indexGates(p *Program, needs [][]ref) {
	byRef := map[ref]*gate{}
	for id, list := range needs {
		for _, r := range list {
			if r == always || r == never || p.nodes[r.node()].cost > gateLimit {
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
	for _, g := range byRef {
		if size(g.all) >= minGated {
			x.gates = append(x.gates, *g)
		}
	}
	slices.SortFunc(x.gates, func(a, b gate) int {
		return cmp.Or(size(b.all)-size(a.all), int(p.nodes[a.check.node()].cost-p.nodes[b.check.node()].cost), int(a.check-b.check))
	})
	x.gates = x.gates[:min(len(x.gates), maxGates)]
	for _, g := range x.gates {
		p.nodes[g.check.node()].memo = true // the conditions ask again
	}
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
	base := x.other
	if t := int(r.ev.Type()); t < len(x.byType) {
		base = x.byType[t]
	}
	if copy(r.cand, base); empty(r.cand) {
		return false
	}
	for i := range x.keys {
		k := &x.keys[i]
		if !meet(r.cand, k.all) {
			continue
		}
		k.restrict(r)
	}
	for i := range x.gates {
		g := &x.gates[i]
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
