// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// pair compares two values of the same type that an event yields.
type pair struct {
	class class
	op    string
	text  func(s, operand string) bool // the operator, for text
	list  bool
}

func newPair(c class, op string, list bool) *pair {
	if !list && (op == "in" || op == "intersects") {
		op = "=" // a scalar is a list of one
	}
	p := &pair{class: c, op: op, list: list}
	if c.isText() {
		p.text = textOps[op]
	}
	return p
}

func (p *pair) match(a, b *fields.Value) bool {
	switch {
	case p.list:
		return p.matchLists(a, b)
	case p.text != nil:
		return p.text(a.S, b.S)
	case p.op == "=":
		return compareNum(p.class, a.N, b.N) == 0
	case p.op == "!=":
		return compareNum(p.class, a.N, b.N) != 0
	}
	return ordered(p.op, compareNum(p.class, a.N, b.N))
}

// matchLists tells whether all (in) or some (intersects) elements of a are in
// b.
func (p *pair) matchLists(a, b *fields.Value) bool {
	all := p.op == "in"
	if p.class.isText() {
		for _, s := range a.Strs {
			if slices.Contains(b.Strs, s) != all {
				return !all
			}
		}
		return all
	}
	for _, n := range a.Nums {
		if slices.Contains(b.Nums, n) != all {
			return !all
		}
	}
	return all
}
