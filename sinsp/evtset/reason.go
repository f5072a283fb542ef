// SPDX-License-Identifier: Apache-2.0

package evtset

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Reason is a part of a condition that lets the events of a call through.
type Reason struct {
	Pos  filter.Pos
	Text string
	// Named is set when the part names the call. Without it the part takes
	// the call among all others, or all others but some.
	Named bool
}

// Reasons knows why a condition asks for calls.
type Reasons struct {
	root reasonNode
}

// reasonNode is a part of the condition, with negation pushed down to the
// checks.
type reasonNode struct {
	at    filter.Node
	not   bool // the part is inverted
	all   bool // every kid has to hold, not just one
	kids  []reasonNode
	calls scap.SyscallSet
	named bool // calls are listed, not what is left of all
}

// NewReasons looks at a condition that Analyze understands.
func NewReasons(cond filter.Node) *Reasons { return &Reasons{newReason(cond, false)} }

func newReason(n filter.Node, negated bool) reasonNode {
	r := reasonNode{at: n, not: negated, all: !negated}
	var list []filter.Node
	switch n := n.(type) {
	case *filter.Not:
		return newReason(n.Operand, !negated)
	case *filter.And:
		list = n.Operands
	case *filter.Or:
		list, r.all = n.Operands, negated
	default:
		e := possible(n, anyHalf, negated)
		r.calls, r.named = e.names.syscalls(), !e.names.except
		return r
	}
	for i, n := range list {
		k := newReason(n, negated)
		r.kids = append(r.kids, k)
		switch {
		case i == 0:
			r.calls = k.calls
		case r.all:
			r.calls = r.calls.Intersect(k.calls)
		default:
			r.calls = r.calls.Union(k.calls)
		}
	}
	return r
}

// Of returns the parts because of which the condition asks for a call, in the
// order of the text; none when it does not. A part is as small as can be: a
// check, or what has none that says anything about calls.
func (r *Reasons) Of(sc scap.SC) []Reason {
	if !r.root.calls.Has(sc) {
		return nil
	}
	return r.root.of(sc, nil)
}

// of appends the reasons of a part that lets the call through.
func (n *reasonNode) of(sc scap.SC, list []Reason) []Reason {
	if n.kids == nil {
		return append(list, n.reason())
	}
	var own []Reason
	named := false
	for i := range n.kids {
		k := &n.kids[i]
		if !k.calls.Has(sc) {
			continue
		}
		for _, reason := range k.of(sc, nil) {
			named = named || reason.Named
			own = append(own, reason)
		}
	}
	if !n.all {
		return append(list, own...) // each would be enough
	}
	if !named {
		return append(list, n.reason())
	}
	for _, reason := range own {
		if reason.Named {
			list = append(list, reason)
		}
	}
	return list
}

func (n *reasonNode) reason() Reason {
	text := n.at.String()
	if n.not {
		text = "not " + text
	}
	return Reason{n.at.Pos(), text, n.named}
}
