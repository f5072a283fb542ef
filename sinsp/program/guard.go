// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
)

// atom describes values that one lookup finds: those that equal, start with
// or contain a text, are a number or lie in a range or network.
type atom struct {
	value  int32
	how    atomKind
	text   string // atomNet: the address
	lo, hi uint64 // atomNum: lo; atomNet: bits in lo; atomRange: both ends, in the order of ordinal
}

type atomKind uint8

const (
	atomNum atomKind = iota
	atomText
	atomPrefix
	atomPath // a prefix, of values that start with a slash and repeat none
	atomSuffix
	atomInside
	atomInsideFold // without regard to the case of ASCII letters
	atomNet
	atomRange
)

// String returns the name of the lookup, for explanations.
func (k atomKind) String() string {
	return [...]string{"number", "text", "prefix", "path", "suffix", "substring", "substring ignoring case", "network", "range"}[k]
}

// guard is a set of atoms of which at least one is true whenever a condition
// is. It may be true more often than the condition, never less.
type guard []atom

const (
	maxGuards     = 8    // of a condition, to choose from
	maxGuardAtoms = 4096 // beyond that nothing is gained
	bigGuard      = 64   // so many atoms are likely enough to hold
)

// guardsOf returns the guards of a check, nil when it can hold for values that
// no lookup finds.
func guardsOf(v *value, left int32, op string, list []literal) []guard {
	if len(list) == 0 || v.list && op != "intersects" {
		return nil
	}
	c := v.class()
	equal := op == "=" || op == "in" || op == "intersects"
	switch {
	case c == classNet && equal:
		return one(list, func(l literal) []atom {
			return []atom{{value: left, how: atomNet, text: string(l.net.Addr().AsSlice()), lo: uint64(l.net.Bits())}}
		})
	case (c == classSigned || c == classUnsigned) && equal:
		return one(list, func(l literal) []atom { return []atom{{value: left, how: atomNum, lo: l.n}} })
	case (c == classSigned || c == classUnsigned) && len(list) == 1:
		return rangeGuard(c, v.typ, left, op, list[0].n)
	case c.isText() && equal:
		return one(list, func(l literal) []atom { return []atom{{value: left, how: atomText, text: l.s}} })
	case c == classString || c == classBuffer:
		return textGuards(left, op, list)
	}
	return nil
}

// one makes one guard of what each literal gives, nil when one gives nothing.
func one(list []literal, atoms func(literal) []atom) []guard {
	var g guard
	for _, l := range list {
		a := atoms(l)
		if a == nil || len(g)+len(a) > maxGuardAtoms {
			return nil
		}
		g = append(g, a...)
	}
	return []guard{g}
}

func textGuards(left int32, op string, list []literal) []guard {
	simple := map[string]atomKind{"startswith": atomPrefix, "bstartswith": atomPrefix, "endswith": atomSuffix,
		"contains": atomInside, "bcontains": atomInside, "icontains": atomInsideFold, "pmatch": atomPath}
	if how, ok := simple[op]; ok {
		return one(list, func(l literal) []atom {
			text := l.s
			if op == "pmatch" {
				text = plainPath(text)
			}
			if text == "" {
				return nil
			}
			return []atom{{value: left, how: how, text: text}}
		})
	}
	var all []guard
	switch op {
	case "glob", "iglob":
		// Each piece between wildcards is a guard; with several patterns only
		// the best piece of each.
		if len(list) == 1 {
			for _, a := range globAtoms(left, list[0].s, op == "iglob") {
				all = append(all, guard{a})
			}
			return all
		}
		return one(list, func(l literal) []atom { return longest(globAtoms(left, l.s, op == "iglob")) })
	case "regex":
		return one(list, func(l literal) []atom { return regexAtoms(left, l.s) })
	}
	return nil
}

func longest(atoms []atom) []atom {
	if len(atoms) == 0 {
		return nil
	}
	return []atom{slices.MaxFunc(atoms, func(a, b atom) int { return len(a.text) - len(b.text) })}
}

// globAtoms returns the plain pieces of a pattern; each is in every text that
// matches it. Where a bracket ends only a match can tell, so what follows the
// first one is left out.
func globAtoms(left int32, pattern string, fold bool) []atom {
	var out []atom
	start := 0
	piece := func(end int, last bool) {
		if end == start {
			return
		}
		how := atomInside
		switch {
		case fold:
			how = atomInsideFold
		case start == 0 && last:
			how = atomText
		case start == 0:
			how = atomPrefix
		case last:
			how = atomSuffix
		}
		out = append(out, atom{value: left, how: how, text: pattern[start:end]})
	}
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '[':
			piece(i, false)
			return out
		case '\\':
			piece(i, false)
			i++ // the next one is plain, but alone
			start = i + 1
		case '*', '?':
			piece(i, false)
			start = i + 1
		}
	}
	if start < len(pattern) {
		piece(len(pattern), true)
	}
	return out
}

// plainPath returns the components of a path before its first glob.
func plainPath(path string) string {
	plain := ""
	for {
		var name string
		if name, path = component(path); name == "" || strings.ContainsAny(name, "?*[\\") {
			return plain
		}
		plain += "/" + name
	}
}

// ordinal maps numbers of a class to unsigned ones of the same order.
func ordinal(c class, n uint64) uint64 {
	if c == classSigned {
		return n ^ 1<<63
	}
	return n
}

// rangeGuard is for < <= > >= on whole numbers.
func rangeGuard(c class, t scap.ParamType, left int32, op string, n uint64) []guard {
	n = ordinal(c, n)
	a := atom{value: left, how: atomRange, lo: 0, hi: math.MaxUint64}
	switch {
	case op == ">=":
		a.lo = n
	case op == "<=":
		a.hi = n
	case op == ">" && n < math.MaxUint64:
		a.lo = n + 1
	case op == "<" && n > 0:
		a.hi = n - 1
	default:
		return nil
	}
	if width, fixed := t.Width(); c == classUnsigned && fixed && width < 8 {
		a.hi = min(a.hi, 1<<(8*width)-1)
	}
	if a.lo > a.hi {
		return nil
	}
	return []guard{{a}}
}

// guards returns what must hold for r to hold: each a choice for the index,
// the most promising first.
func (p *planner) guards(r ref) []guard {
	if g, ok := p.known[r]; ok {
		return g
	}
	n := &p.b.parts[r.node()]
	var all []guard
	switch {
	case n.kind == kindAnd && !r.inv():
		for _, k := range n.kids {
			all = append(all, p.guards(k)...)
		}
		all = p.joinRanges(all)
	case n.kind == kindAnd:
		all = p.either(n.kids)
	case !r.inv():
		all = n.guards
	}
	if len(all) > 1 {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b guard) int { return cmp.Compare(p.chance(a), p.chance(b)) })
		all = all[:min(len(all), maxGuards)]
	}
	p.known[r] = all
	return all
}

// either returns the guards of an "or", whose branches are the inverted kids:
// the best of each branch together, and where every branch has a guard on the
// same value, those together.
func (p *planner) either(kids []ref) []guard {
	var best guard
	branches := make([][]guard, len(kids))
	for i, k := range kids {
		branches[i] = p.guards(k.not())
		if len(branches[i]) == 0 {
			return nil
		}
		best = append(best, branches[i][0]...)
		if len(best) > maxGuardAtoms {
			return nil
		}
	}
	if !p.afford(len(best)) {
		return nil
	}
	all := []guard{best}
	for _, g := range branches[0] {
		same := slices.Clone(g)
		ok := onOneValue(g, g[0].value)
		for _, branch := range branches[1:] {
			i := slices.IndexFunc(branch, func(h guard) bool { return onOneValue(h, g[0].value) })
			if ok = ok && i >= 0; !ok {
				break
			}
			same = append(same, branch[i]...)
		}
		if ok && len(same) <= maxGuardAtoms && !slices.Equal(same, best) && p.afford(len(same)) {
			all = append(all, same)
		}
	}
	return all
}

// afford takes a guard of so many atoms out of the room for big ones and
// reports whether there was any. Without it macros of long lists, united with
// something else in thousands of rules, would take all memory.
func (p *planner) afford(atoms int) bool {
	if atoms <= bigGuard {
		return true
	}
	if atoms > p.bigRoom {
		return false
	}
	p.bigRoom -= atoms
	return true
}

func onOneValue(g guard, value int32) bool {
	return !slices.ContainsFunc(g, func(a atom) bool { return a.value != value })
}

// joinRanges adds the ranges that two bounds of the same value make.
func (p *planner) joinRanges(all []guard) []guard {
	single := func(g guard) bool { return len(g) == 1 && g[0].how == atomRange && !p.several(g[0].value) }
	for i, g := range all {
		if !single(g) {
			continue
		}
		for _, h := range all[i+1:] {
			if !single(h) || h[0].value != g[0].value {
				continue
			}
			a := g[0]
			a.lo, a.hi = max(a.lo, h[0].lo), min(a.hi, h[0].hi)
			if a.lo <= a.hi {
				all = append(all, guard{a})
			}
		}
	}
	return all
}

// several reports whether an event has more than one value for it.
func (p *planner) several(value int32) bool {
	v := &p.b.values[value]
	return v.list || v.multi != nil
}

// chance guesses how likely a guard holds for an event.
func (p *planner) chance(g guard) float32 {
	if len(g) > bigGuard {
		return 0.5
	}
	c := float32(0)
	for i := range g {
		c += p.atomChance(&g[i])
	}
	return min(c, 0.8)
}

// coarse are the fields that have few different values on any host.
var coarse = map[string]bool{"fd.type": true, "fd.typechar": true, "fd.l4proto": true, "fd.sockfamily": true, "evt.category": true,
	"evt.dir": true, "evt.res": true, "user.name": true, "container.id": true, "container.type": true}

// atomChance takes what many rules ask for to be common: rules that differ do
// so in what is special about them.
func (p *planner) atomChance(a *atom) float32 {
	c := float32(0.01)
	n := len(a.text)
	if s, ok := p.b.values[a.value].source.(*fieldSource); ok && coarse[s.ref.Field.Name] {
		c = 0.3
	}
	switch a.how {
	case atomNum:
		if a.lo <= 1 {
			c = 0.3
		}
	case atomPrefix, atomPath, atomSuffix:
		switch {
		case n <= 1:
			c = 0.9
		case n <= 5:
			c = 0.1
		case n <= 8:
			c = 0.03
		}
	case atomInside, atomInsideFold:
		switch {
		case n <= 2:
			c = 0.3
		case n <= 4:
			c = 0.05
		default:
			c = 0.02
		}
	case atomNet:
		switch b := a.lo; {
		case b < 8:
			c = 0.5
		case b < 16:
			c = 0.2
		}
	case atomRange:
		switch width := a.hi - a.lo; {
		case width < 16:
		case width < 1024:
			c = 0.1
		default:
			c = 0.6
		}
	}
	return min(0.7, c*(1+float32(p.shares[*a])/8))
}
