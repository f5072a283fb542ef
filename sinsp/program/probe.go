// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// probe finds conditions by a value of the event.
type probe struct {
	value    int32
	multi    *fields.Ref // the value is any of several
	list     bool        // the value is any element
	text     bool        // elements are texts
	ids      *numTable   // by number of the text
	words    *textTable  // numbers the texts, when the value has more than one
	nums     *numTable
	ranges   *rangeTable
	nets     *netTable
	prefix   *affixTree
	paths    []int32 // what is in prefix for values without repeated slashes only
	suffix   *affixTree
	inside   *gramTable
	fold     *gramTable
	postings []posting // the first one is empty
}

// posting is what one atom finds.
type posting struct {
	rules []entry
	sub   *group
}

// entry is a condition and what is left of it for the events of a plan.
type entry struct {
	id   int32
	root ref
}

// look wakes what the value of the event at hand finds.
func (p *probe) look(r *Run) {
	switch {
	case p.multi != nil:
		for i := 0; p.multi.Each(r.ev, i, &r.multi); i++ {
			p.lookAt(r, &r.multi, p.words.find(r.multi.S))
		}
	case p.list:
		v, ok := r.value(p.value)
		if !ok {
			return
		}
		var one fields.Value
		if p.text {
			for _, s := range v.Strs {
				one.S = s
				p.lookAt(r, &one, p.words.find(s))
			}
			return
		}
		for _, n := range v.Nums {
			one.N = n
			p.lookAt(r, &one, noText)
		}
	default:
		v, ok := r.value(p.value)
		if !ok {
			return
		}
		id := noText
		if p.ids != nil {
			id = r.textID(p.value, v.S)
		}
		p.lookAt(r, v, id)
	}
}

// lookAt wakes what one value finds, a text of that number or without.
func (p *probe) lookAt(r *Run, v *fields.Value, id int32) {
	if id != noText && p.ids != nil {
		if post := p.ids.get(uint64(id)); post != 0 {
			r.wake(&p.postings[post])
		}
	}
	if p.nums != nil {
		if post := p.nums.get(v.N); post != 0 {
			r.wake(&p.postings[post])
		}
	}
	if p.ranges != nil {
		p.ranges.find(v.N, r, p)
	}
	if p.nets != nil {
		p.nets.find(v.S, r, p)
	}
	if p.prefix != nil {
		p.prefix.find(v.S, r, p)
		if len(p.paths) > 0 && !isPlainPath(v.S) {
			for _, post := range p.paths {
				r.wake(&p.postings[post])
			}
		}
	}
	if p.suffix != nil {
		p.suffix.find(v.S, r, p)
	}
	if p.inside != nil {
		p.inside.find(v.S, r, p)
	}
	if p.fold != nil {
		p.fold.find(v.S, r, p)
	}
}

// bytes is about what the probe takes in memory, without what its postings
// lead to.
func (p *probe) bytes() int {
	n := 160 + 32*len(p.postings)
	for i := range p.postings {
		n += 8 * cap(p.postings[i].rules)
	}
	for _, t := range []*numTable{p.ids, p.nums} {
		if t != nil {
			n += t.bytes()
		}
	}
	if p.words != nil {
		n += p.words.bytes()
	}
	if p.ranges != nil {
		n += 12 * len(p.ranges.starts)
	}
	if p.nets != nil {
		n += p.nets.nets.bytes()
	}
	for _, t := range []*affixTree{p.prefix, p.suffix} {
		if t != nil {
			n += t.bytes()
		}
	}
	for _, t := range []*gramTable{p.inside, p.fold} {
		if t != nil {
			n += t.bytes()
		}
	}
	return n
}

// isPlainPath reports whether a path can be compared with others as text.
func isPlainPath(s string) bool { return strings.HasPrefix(s, "/") && !strings.Contains(s, "//") }
