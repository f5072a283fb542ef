// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/binary"
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
)

// index finds the conditions that an event can make true without evaluating
// them one by one.
//
// Conditions on few event types are planned for type by type: what they say
// about the type is decided while the program is built. The others share one
// plan for all events.
type index struct {
	byType []*group // by event type, nil without conditions
	wild   *group   // for every event, nil without conditions
	wilder *group   // for events beyond the tables: conditions on all types
}

// isWild reports whether a condition is asked for so many types that a plan
// for each would be a waste.
func isWild(t evtset.Types) bool { return 2*t.Len() > len(scap.Events) }

func (p *planner) newIndex() index {
	b := p.b
	x := index{byType: make([]*group, len(scap.Events))}
	var wild, all []entry
	var few []int32 // conditions on few types
	for id, r := range b.rules {
		e := entry{int32(id), r.root}
		switch {
		case r.root == never || r.types.IsEmpty():
		case r.types.All():
			wild, all = append(wild, e), append(all, e)
		case isWild(r.types):
			e.root = b.and([]ref{b.onTypes(r.types), r.root})
			wild = append(wild, e)
		default:
			few = append(few, int32(id))
		}
	}
	x.wild = p.plan(wild)
	x.wilder = x.wild
	if len(all) < len(wild) {
		x.wilder = p.plan(all)
	}
	p.planTypes(&x, few)
	return x
}

func (p *planner) plan(list []entry) *group {
	if len(list) == 0 {
		return nil
	}
	return p.group(always, list, path{})
}

// planTypes plans for each event type; types for which the same is left of the
// same conditions share a plan.
func (p *planner) planTypes(x *index, few []int32) {
	byType := make([][]int32, len(scap.Events))
	for _, id := range few {
		for t := range p.b.rules[id].types.Each {
			if int(t) < len(byType) {
				byType[t] = append(byType[t], id)
			}
		}
	}
	f := p.b.newFolder()
	shared := map[string]*group{}
	for t, ids := range byType {
		if len(ids) == 0 {
			continue
		}
		f.begin(scap.EventType(t))
		list := make([]entry, 0, len(ids))
		key := make([]byte, 0, 8*len(ids))
		for _, id := range ids {
			root := f.fold(p.b.rules[id].root)
			if root == never {
				continue
			}
			list = append(list, entry{id, root})
			key = binary.LittleEndian.AppendUint32(key, uint32(id))
			key = binary.LittleEndian.AppendUint32(key, uint32(root))
		}
		g, ok := shared[string(key)]
		if !ok {
			g = p.plan(list)
			shared[string(key)] = g
		}
		x.byType[t] = g
	}
}

// onTypes adds a check that the event is of one of some types, as the index
// makes them.
func (b *Builder) onTypes(t evtset.Types) ref {
	n := part{node: node{kind: kindType, right: int32(len(b.types))}, cost: 1, chance: 0.9}
	b.types = append(b.types, t)
	key := []byte("@")
	for e := range t.Each {
		key = binary.LittleEndian.AppendUint16(key, uint16(e))
	}
	return b.intern(string(key), n)
}

// candidates marks the conditions that are worth evaluating and reports
// whether there are any.
func (x *index) candidates(r *Run) bool {
	r.found = false
	if t := int(r.ev.Type()); t >= len(x.byType) {
		r.visit(x.wilder)
	} else {
		r.visit(x.byType[t])
		r.visit(x.wild)
	}
	return r.found
}

// visit marks the conditions of a group that the event may make true.
func (r *Run) visit(g *group) {
	if g == nil || g.gate != always && !r.eval(g.gate) {
		return
	}
	r.mark(g.rest)
	for _, p := range g.probes {
		p.look(r)
	}
	for _, sub := range g.subs {
		r.visit(sub)
	}
}

// wake marks what an atom finds.
func (r *Run) wake(p *posting) {
	r.mark(p.rules)
	if p.sub != nil {
		r.visit(p.sub)
	}
}

func (r *Run) mark(list []entry) {
	for _, e := range list {
		w := e.id / 64
		r.cand[w] |= 1 << (e.id % 64)
		r.words[w/64] |= 1 << (w % 64)
		r.root[e.id] = e.root
		r.found = true
	}
}

// groups calls visit with every group, those in groups too, each once.
func (x *index) groups(visit func(*group)) {
	seen := map[*group]bool{}
	var walk func(g *group)
	walk = func(g *group) {
		if g == nil || seen[g] {
			return
		}
		seen[g] = true
		visit(g)
		for _, s := range g.subs {
			walk(s)
		}
		for _, p := range g.probes {
			for i := range p.postings {
				walk(p.postings[i].sub)
			}
		}
	}
	for _, g := range slices.Concat(x.byType, []*group{x.wild, x.wilder}) {
		walk(g)
	}
}
