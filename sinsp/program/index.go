// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/tiercel/tiercel/scap"
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

// keyIndex finds conditions by the value of a text field: those that need it
// to be one of some texts (proc.name in (a, b)).
type keyIndex struct {
	value  int32
	all    []uint64 // conditions that it decides about
	byText map[string][]uint64
}

// gate is a check that many conditions need.
type gate struct {
	check ref
	all   []uint64
}

const (
	minKeyed  = 4  // fewer conditions are not worth a look into a map
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
	shared := map[string][]uint64{}
	set := func(has func(rule) bool) []uint64 {
		s := make([]uint64, x.words)
		for id, r := range rules {
			if r.root != never && has(r) {
				s[id/64] |= 1 << (id % 64)
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
		x.byType = append(x.byType, set(func(r rule) bool { return r.types.Has(t) }))
	}
	x.other = set(func(r rule) bool { return r.types.All() })
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

// indexKeys chooses for each condition the text field that most conditions
// ask for by value.
func (x *index) indexKeys(p *Program, needs [][]ref) {
	count := map[int32]int{}
	for _, list := range needs {
		seen := map[int32]bool{}
		for _, r := range list {
			if k := p.nodes[r.node()].index; k != nil && !r.inv() && !seen[k.value] {
				seen[k.value] = true
				count[k.value]++
			}
		}
	}
	byValue := map[int32]*keyIndex{}
	for id, list := range needs {
		var best *keyed
		for _, r := range list {
			k := p.nodes[r.node()].index
			if k == nil || r.inv() || count[k.value] < minKeyed {
				continue
			}
			if best == nil || cmp.Or(cmp.Compare(count[best.value], count[k.value]), cmp.Compare(len(k.texts), len(best.texts))) < 0 {
				best = k
			}
		}
		if best == nil {
			continue
		}
		ki := byValue[best.value]
		if ki == nil {
			ki = &keyIndex{value: best.value, all: make([]uint64, x.words), byText: map[string][]uint64{}}
			byValue[best.value] = ki
		}
		ki.all[id/64] |= 1 << (id % 64)
		for _, s := range best.texts {
			if ki.byText[s] == nil {
				ki.byText[s] = make([]uint64, x.words)
			}
			ki.byText[s][id/64] |= 1 << (id % 64)
		}
	}
	for _, ki := range byValue {
		x.keys = append(x.keys, *ki)
	}
	slices.SortFunc(x.keys, func(a, b keyIndex) int { return int(a.value - b.value) })
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
		var hit []uint64
		if v, ok := r.value(k.value); ok {
			hit = k.byText[v.S]
		}
		for w := range r.cand {
			keep := ^k.all[w]
			if hit != nil {
				keep |= hit[w]
			}
			r.cand[w] &= keep
		}
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
