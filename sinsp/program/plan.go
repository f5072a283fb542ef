// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"slices"
)

// group is a set of conditions that events of some types can make true, and
// how those are found that an event may really make true.
type group struct {
	gate   ref     // must hold for any of them to hold
	rest   []entry // without a guard: always looked at
	probes []*probe
	subs   []*group
}

const (
	minGated   = 4  // fewer conditions find out by themselves
	maxDepth   = 4  // of groups in groups
	bigPosting = 16 // more conditions than that are worth a group of their own
)

// restCost is what it costs to look at a condition, in about a nanosecond.
// Less than evaluating it alone, since others have evaluated parts of it.
func (p *planner) restCost(e entry) float32 {
	return min(40+1.5*p.b.parts[e.root.node()].cost, 300)
}

// wakeCost is what it costs to mark a condition that was found.
const wakeCost = 2

// lookCost is what a lookup of a kind costs.
var lookCost = [...]float32{atomNum: 6, atomText: 12, atomPrefix: 25, atomPath: 25, atomSuffix: 20, atomInside: 60,
	atomInsideFold: 70, atomNet: 40, atomRange: 15}

// planner finds out how to find conditions.
type planner struct {
	b      *Builder
	known  map[ref][]guard
	shares map[atom]int32    // conditions that ask for it
	notes  map[*probe][]note // for explanations, else nil
	room   int               // atoms that groups in groups may yet look at
	// bigRoom is how many atoms there may yet be in big guards.
	bigRoom int
}

// bigGuardRoom bounds the memory of big guards: about 100 bytes an atom.
const bigGuardRoom = 1_000_000

// regroupRoom bounds the time and memory that groups in groups take: about
// half a microsecond and 50 bytes for each atom.
const regroupRoom = 200_000

func newPlanner(b *Builder) *planner {
	p := &planner{b: b, known: map[ref][]guard{}, shares: map[atom]int32{}, room: regroupRoom, bigRoom: bigGuardRoom}
	users := make([]int32, len(b.parts))
	seen := make([]int32, len(b.parts))
	for i, r := range b.rules {
		p.countUsers(r.root, int32(i)+1, seen, users)
	}
	for i := range b.parts {
		for _, g := range b.parts[i].guards {
			if len(g) > bigGuard {
				continue // see chance
			}
			for _, a := range g {
				p.shares[a] += users[i]
			}
		}
	}
	return p
}

// countUsers counts for every node the conditions that it is part of.
func (p *planner) countUsers(r ref, rule int32, seen, users []int32) {
	i := r.node()
	if seen[i] == rule {
		return
	}
	seen[i] = rule
	users[i]++
	for _, k := range p.b.parts[i].kids {
		p.countUsers(k, rule, seen, users)
	}
}

// lookup is one way to ask a value.
type lookup struct {
	value int32
	how   atomKind
}

// path is what the groups around a group have made use of: checks that hold
// for every event that comes there, and values that were looked up.
type path struct {
	gates  []ref
	values []int32
	depth  int
}

// withGate adds a check and what it implies.
func (p *planner) withGate(at path, g ref) path {
	return path{p.conjuncts(g, slices.Clip(at.gates)), at.values, at.depth + 1}
}

// isImplied reports whether a guard is that of a check that holds anyway.
func (p *planner) isImplied(g guard, at path) bool {
	for _, r := range at.gates {
		if r.inv() {
			continue
		}
		for _, h := range p.b.parts[r.node()].guards {
			if len(g) == len(h) && &g[0] == &h[0] {
				return true
			}
		}
	}
	return false
}

func (p path) withValue(v int32) path {
	return path{p.gates, append(slices.Clip(p.values), v), p.depth + 1}
}

// group plans for conditions, which are in the order of their ids.
func (p *planner) group(gate ref, list []entry, at path) *group {
	g := &group{gate: gate}
	least := max(minGated, len(list)/8)
	for at.depth < maxDepth && len(list) >= minGated {
		best := p.bestGate(list, least, at)
		if best == never {
			break
		}
		var in, out []entry
		for _, e := range list {
			if slices.Contains(p.conjuncts(e.root, nil), best) {
				in = append(in, e)
			} else {
				out = append(out, e)
			}
		}
		g.subs = append(g.subs, p.group(best, in, p.withGate(at, best)))
		list = out
	}
	p.addProbes(g, list, at)
	return g
}

// maxGateCost and maxGateChance say which checks may be gates: those that are
// cheap and often do not hold.
const (
	maxGateCost   = 60
	maxGateChance = 0.5
)

// bestGate returns the check that most of the conditions need, if at least so
// many do; never without one.
func (p *planner) bestGate(list []entry, least int, at path) ref {
	count := map[ref]int{}
	var buf []ref
	for _, e := range list {
		buf = p.conjuncts(e.root, buf[:0])
		for _, r := range buf {
			count[r]++
		}
	}
	best, bestGain := never, float32(0)
	for r, n := range count {
		c := p.b.chance(r)
		if n < least || r == always || slices.Contains(at.gates, r) || c > maxGateChance || p.b.parts[r.node()].cost > maxGateCost {
			continue
		}
		if gain := float32(n) * (1 - c); gain > bestGain || gain == bestGain && r < best {
			best, bestGain = r, gain
		}
	}
	return best
}

// conjuncts appends everything that must hold for r to hold.
func (p *planner) conjuncts(r ref, list []ref) []ref {
	list = append(list, r)
	if n := &p.b.parts[r.node()]; n.kind == kindAnd && !r.inv() {
		for _, k := range n.kids {
			list = p.conjuncts(k, list)
		}
	}
	return list
}

// option is a guard that a condition may be found by.
type option struct {
	guard guard
	asks  []int // lookups, by place in chooser.open
	cost  float32
}

// chooser decides which lookups are worth being made, and by which guard each
// condition is found.
type chooser struct {
	lookups []lookup
	open    []bool
	rest    []float32  // what a condition costs without a lookup
	options [][]option // by place in the list of conditions
	chosen  []int      // option, -1 for none
}

// addProbes gives a group its probes, and the conditions that these do not
// find to rest.
func (p *planner) addProbes(g *group, list []entry, at path) {
	c := p.newChooser(list, at)
	c.prune(p.openCost)
	finds := map[int32]map[atom][]entry{}
	for i, e := range list {
		if c.chosen[i] < 0 {
			g.rest = append(g.rest, e)
			continue
		}
		for _, a := range c.options[i][c.chosen[i]].guard {
			m := finds[a.value]
			if m == nil {
				m = map[atom][]entry{}
				finds[a.value] = m
			}
			if l := m[a]; len(l) == 0 || l[len(l)-1].id != e.id {
				m[a] = append(l, e)
			}
		}
	}
	values := make([]int32, 0, len(finds))
	for v := range finds {
		values = append(values, v)
	}
	slices.SortFunc(values, func(x, y int32) int {
		return cmp.Or(cmp.Compare(p.b.values[x].cost, p.b.values[y].cost), cmp.Compare(x, y))
	})
	for _, v := range values {
		pr := p.newProbe(v, finds[v])
		g.probes = append(g.probes, pr)
		for i := range pr.postings {
			p.regroup(&pr.postings[i], at.withValue(v))
		}
	}
}

// regroup makes a group of the conditions that one atom finds, when they are
// many and the group does not just list them.
func (p *planner) regroup(post *posting, at path) {
	if len(post.rules) < bigPosting || at.depth >= maxDepth {
		return
	}
	list := slices.Clone(post.rules)
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	list = slices.CompactFunc(list, func(a, b entry) bool { return a.id == b.id })
	need := 0
	for _, e := range list {
		for _, g := range p.guards(e.root) {
			need += len(g)
		}
	}
	if need > p.room {
		return
	}
	p.room -= need
	if g := p.group(always, list, at); len(g.probes)+len(g.subs) > 0 {
		post.rules, post.sub = nil, g
	}
}

func (p *planner) newChooser(list []entry, at path) *chooser {
	c := &chooser{rest: make([]float32, len(list)), options: make([][]option, len(list)), chosen: make([]int, len(list))}
	places := map[lookup]int{}
	for i, e := range list {
		c.chosen[i], c.rest[i] = -1, p.restCost(e)
		for _, g := range p.guards(e.root) {
			o := option{guard: g, cost: (c.rest[i] + wakeCost) * p.chance(g)}
			if o.cost >= c.rest[i] || p.isImplied(g, at) || !p.afford(len(g)) {
				continue
			}
			for j := range g {
				l := lookup{g[j].value, g[j].how}
				if j > 0 && l == (lookup{g[j-1].value, g[j-1].how}) {
					continue
				}
				if slices.Contains(at.values, l.value) {
					o.asks = nil
					break
				}
				place, ok := places[l]
				if !ok {
					place = len(c.lookups)
					places[l] = place
					c.lookups = append(c.lookups, l)
					c.open = append(c.open, true)
				}
				if !slices.Contains(o.asks, place) {
					o.asks = append(o.asks, place)
				}
			}
			if o.asks != nil {
				c.options[i] = append(c.options[i], o)
			}
		}
		c.choose(i)
	}
	return c
}

// choose takes the best option of a condition and returns what the condition
// costs then.
func (c *chooser) choose(i int) float32 {
	var cost float32
	c.chosen[i], cost = c.best(i, -1)
	return cost
}

// best returns the best option without a lookup.
func (c *chooser) best(i, without int) (chosen int, cost float32) {
	chosen, cost = -1, c.rest[i]
	for j := range c.options[i] {
		o := &c.options[i][j]
		if o.cost < cost && !slices.ContainsFunc(o.asks, func(l int) bool { return !c.open[l] || l == without }) {
			chosen, cost = j, o.cost
		}
	}
	return chosen, cost
}

// prune drops the lookups that cost more than they save, the worst first.
func (c *chooser) prune(openCost func(lookup) float32) {
	for {
		loss := make([]float32, len(c.lookups))
		for i := range c.options {
			if c.chosen[i] < 0 {
				continue
			}
			o := &c.options[i][c.chosen[i]]
			for _, l := range o.asks {
				_, cost := c.best(i, l)
				loss[l] += cost - o.cost
			}
		}
		worst, most := -1, float32(0)
		for l := range loss {
			if c.open[l] {
				if gain := openCost(c.lookups[l]) - loss[l]; gain > most {
					worst, most = l, gain
				}
			}
		}
		if worst < 0 {
			return
		}
		c.open[worst] = false
		for i := range c.options {
			if c.chosen[i] >= 0 && slices.Contains(c.options[i][c.chosen[i]].asks, worst) {
				c.choose(i)
			}
		}
	}
}

// openCost is what a lookup costs each event that asks for it.
func (p *planner) openCost(l lookup) float32 {
	v := &p.b.values[l.value]
	cost := lookCost[l.how] + float32(v.cost)/2 // others ask for the value too
	if p.several(l.value) {
		cost *= 4
	}
	return cost
}
