// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"math"
	"slices"
)

// newProbe makes a probe of one value from what each atom finds.
func (p *planner) newProbe(value int32, finds map[atom][]entry) *probe {
	v := &p.b.values[value]
	pr := &probe{value: value, multi: v.multi, list: v.list && v.multi == nil, text: v.class().isText(),
		postings: make([]posting, 1)}
	atoms := make([]atom, 0, len(finds))
	for a := range finds {
		atoms = append(atoms, a)
	}
	slices.SortFunc(atoms, compareAtoms)
	byKind := map[atomKind][]*atom{}
	for i := range atoms {
		a := &atoms[i]
		byKind[a.how] = append(byKind[a.how], a)
	}
	texts := func(kind atomKind) map[string]int32 {
		if len(byKind[kind]) == 0 {
			return nil
		}
		m := map[string]int32{}
		for _, a := range byKind[kind] {
			m[a.text] = p.post(pr, a, finds[*a])
		}
		return m
	}
	p.addWords(pr, byKind[atomText], finds)
	if list := byKind[atomNum]; list != nil {
		pr.nums = newNumTable(len(list))
		for _, a := range list {
			pr.nums.set(a.lo, p.post(pr, a, finds[*a]))
		}
	}
	if list := byKind[atomRange]; list != nil {
		pr.ranges = p.newRangeTable(pr, list, finds)
	}
	p.addNets(pr, byKind[atomNet], finds)
	p.addPrefixes(pr, byKind[atomPrefix], byKind[atomPath], finds)
	if m := texts(atomSuffix); m != nil {
		pr.suffix = newAffixTree(m, true)
	}
	if m := texts(atomInside); m != nil {
		pr.inside = newGramTable(m, false)
	}
	if m := texts(atomInsideFold); m != nil {
		pr.fold = newGramTable(m, true)
	}
	return pr
}

// post adds a posting of what an atom finds.
func (p *planner) post(pr *probe, a *atom, rules []entry) int32 {
	pr.postings = append(pr.postings, posting{rules: rules})
	post := int32(len(pr.postings) - 1)
	p.note(pr, a, post)
	return post
}

// note keeps for explanations what an atom leads to.
func (p *planner) note(pr *probe, a *atom, post int32) {
	if p.notes != nil {
		p.notes[pr] = append(p.notes[pr], note{a, post})
	}
}

// note is an atom and the posting that it leads to.
type note struct {
	atom *atom
	post int32
}

func (p *planner) addWords(pr *probe, list []*atom, finds map[atom][]entry) {
	if list == nil {
		return
	}
	d := p.b.dict(pr.value)
	if pr.multi != nil || pr.list {
		d = &dict{ids: map[string]int32{}}
	}
	pr.ids = newNumTable(len(list))
	for _, a := range list {
		d.add([]string{a.text})
		pr.ids.set(uint64(d.ids[a.text]), p.post(pr, a, finds[*a]))
	}
	if pr.multi != nil || pr.list {
		pr.words = newTextTable(d.texts)
	}
}

func (p *planner) addNets(pr *probe, list []*atom, finds map[atom][]entry) {
	if list == nil {
		return
	}
	pr.nets = newNetTable(list)
	for _, a := range list {
		key := netKey(unsafeBytes(a.text), int(a.lo))
		if post := pr.nets.nets.get(key); post != 0 {
			p.note(pr, a, post)
			pr.postings[post].rules = append(slices.Clip(pr.postings[post].rules), finds[*a]...)
			continue
		}
		pr.nets.nets.set(key, p.post(pr, a, finds[*a]))
	}
}

// addPrefixes puts texts and paths into one tree; a text may be both.
func (p *planner) addPrefixes(pr *probe, texts, paths []*atom, finds map[atom][]entry) {
	if texts == nil && paths == nil {
		return
	}
	m := map[string]int32{}
	for _, a := range texts {
		m[a.text] = p.post(pr, a, finds[*a])
	}
	for _, a := range paths {
		post := p.post(pr, a, finds[*a])
		pr.paths = append(pr.paths, post)
		if both := m[a.text]; both != 0 {
			pr.postings[both].rules = append(slices.Clip(pr.postings[both].rules), finds[*a]...)
		} else {
			m[a.text] = post
		}
	}
	pr.prefix = newAffixTree(m, false)
}

// newRangeTable cuts the numbers where a range starts or ends.
func (p *planner) newRangeTable(pr *probe, list []*atom, finds map[atom][]entry) *rangeTable {
	c := p.b.values[pr.value].class()
	starts := []uint64{0}
	for _, a := range list {
		starts = append(starts, a.lo)
		if a.hi < math.MaxUint64 {
			starts = append(starts, a.hi+1)
		}
	}
	slices.Sort(starts)
	starts = coarsened(slices.Compact(starts))
	t := &rangeTable{flip: ordinal(c, 0), starts: starts, posts: make([]int32, len(starts))}
	for i, n := range starts {
		hi := uint64(math.MaxUint64)
		if i+1 < len(starts) {
			hi = starts[i+1] - 1
		}
		var rules []entry
		for _, a := range list {
			if a.lo <= hi && n <= a.hi {
				rules = append(rules, finds[*a]...)
			}
		}
		if len(rules) > 0 {
			t.posts[i] = p.post(pr, &atom{value: pr.value, how: atomRange, lo: n, hi: hi}, rules)
		}
	}
	return t
}

// maxRanges bounds the pieces of a range table: each lists all ranges that
// meet it.
const maxRanges = 512

// coarsened leaves out starts, evenly, when they are too many.
func coarsened(starts []uint64) []uint64 {
	step := (len(starts) + maxRanges - 1) / maxRanges
	if step <= 1 {
		return starts
	}
	var out []uint64
	for i := 0; i < len(starts); i += step {
		out = append(out, starts[i])
	}
	return out
}

func compareAtoms(a, b atom) int {
	return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.how, b.how), cmp.Compare(a.text, b.text),
		cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi))
}
