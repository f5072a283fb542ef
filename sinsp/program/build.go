// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// Program is a set of compiled conditions. It is never changed, so any number
// of goroutines may use it, each with a Run of its own.
type Program struct {
	nodes  []node
	kids   []ref
	values []value
	dicts  []*textTable // by value, nil for most
	sets   []idSet
	multis []*fields.Ref
	pairs  []*pair
	types  []evtset.Types
	roots  []ref
	index  index
}

// Build returns the program of everything that was added.
func (b *Builder) Build() *Program {
	return b.build(newPlanner(b))
}

func (b *Builder) build(pl *planner) *Program {
	p := &Program{index: pl.newIndex()} // it adds parts
	p.values, p.types = slices.Clone(b.values), slices.Clone(b.types)
	p.dicts = make([]*textTable, len(p.values))
	for v, d := range b.dicts {
		p.dicts[v] = newTextTable(slices.Clone(d.texts))
	}
	p.nodes = make([]node, len(b.parts))
	for i := range b.parts {
		p.nodes[i] = p.link(b, &b.parts[i])
	}
	uses := make([]int32, len(p.nodes))
	for _, r := range b.rules {
		p.roots = append(p.roots, r.root)
	}
	seen := make([]bool, len(b.rules))
	p.index.groups(func(g *group) {
		p.countUses(g.gate, uses)
		uses[g.gate.node()]++ // those behind the gate ask again
		for _, list := range g.entries() {
			for _, e := range list {
				p.countUses(e.root, uses)
				seen[e.id] = true
			}
		}
	})
	for id, r := range p.roots {
		if !seen[id] {
			p.countUses(r, uses)
		}
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		// To compare a number is no dearer than to remember the outcome.
		n.memo = uses[i] > 1 && n.kind != kindIs && n.kind != kindIn && n.kind != kindTrue && n.kind != kindType
	}
	return p
}

// entries returns the lists of conditions that a group finds itself.
func (g *group) entries() [][]entry {
	lists := [][]entry{g.rest}
	for _, p := range g.probes {
		for i := range p.postings {
			lists = append(lists, p.postings[i].rules)
		}
	}
	return lists
}

// link makes a node of a part.
func (p *Program) link(b *Builder, from *part) node {
	n := from.node
	switch n.kind {
	case kindAnd:
		n.left = int32(len(p.kids))
		p.kids = append(p.kids, from.kids...)
		n.right = int32(len(p.kids))
	case kindIs:
		n.right = b.dicts[n.left].ids[from.texts[0]]
	case kindIn:
		ids := make([]int32, len(from.texts))
		for i, s := range from.texts {
			ids[i] = b.dicts[n.left].ids[s]
		}
		n.right = int32(len(p.sets))
		p.sets = append(p.sets, newIDSet(ids))
	case kindMulti:
		n.right = int32(len(p.multis))
		p.multis = append(p.multis, from.multi)
	case kindPair:
		n.pair = int32(len(p.pairs))
		p.pairs = append(p.pairs, from.cmp)
	}
	return n
}

// countUses counts for each node the places that ask for it.
func (p *Program) countUses(r ref, uses []int32) {
	i := r.node()
	uses[i]++
	if uses[i] > 1 || p.nodes[i].kind != kindAnd {
		return
	}
	for _, k := range p.kids[p.nodes[i].left:p.nodes[i].right] {
		p.countUses(k, uses)
	}
}

// Len returns the number of conditions.
func (p *Program) Len() int { return len(p.roots) }

// Nodes returns how many distinct parts the conditions have; it tells how
// well they share.
func (p *Program) Nodes() int { return len(p.nodes) }

// Bytes is about what the program takes in memory, without patterns of regex
// and without what each Run needs (see Run.Bytes).
func (p *Program) Bytes() int {
	n := 40*len(p.nodes) + 4*len(p.kids) + 8*len(p.roots) + 96*len(p.values)
	for _, d := range p.dicts {
		if d != nil {
			n += d.bytes()
		}
	}
	for i := range p.sets {
		n += 32 + 8*len(p.sets[i].bits)
	}
	p.index.groups(func(g *group) {
		n += 80 + 8*cap(g.rest)
		for _, pr := range g.probes {
			n += pr.bytes()
		}
	})
	return n
}
