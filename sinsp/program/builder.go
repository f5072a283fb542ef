// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// ref points to a node; its lowest bit inverts what the node yields. So "or"
// and "not" need no nodes of their own, and a check and its negation share
// one.
type ref int32

const (
	always ref = 0 // node 0 is the constant true
	never  ref = always | 1
)

func (r ref) not() ref   { return r ^ 1 }
func (r ref) node() int  { return int(r >> 1) }
func (r ref) inv() bool  { return r&1 != 0 }
func refTo(node int) ref { return ref(node << 1) }

type nodeKind uint8

const (
	kindTrue  nodeKind = iota
	kindAnd            // all of kids
	kindCheck          // left has a value that m matches
	kindMulti          // one of multi's values matches, or all when every is set
	kindPair           // left and right have values that pair matches
)

// node is one distinct part of the conditions.
type node struct {
	kind  nodeKind
	memo  bool // more than one place asks for it
	every bool
	left  int32
	right int32
	kids  []ref
	m     matcher
	pair  *pair
	multi *fields.Ref
}

// part is a node with what counts only while a program is built.
type part struct {
	node
	cost  int32
	index *keyed // how a value finds the conditions that need the check, or nil
}

// Builder collects conditions for a Program.
type Builder struct {
	cat      fields.Catalog
	parts    []part
	byKey    map[string]ref
	values   []value
	valueKey map[string]int32
	rules    []rule

	warnings []Warning // of the condition at hand
}

type rule struct {
	root  ref
	types evtset.Types
}

// NewBuilder returns an empty Builder over the fields of cat.
func NewBuilder(cat fields.Catalog) *Builder {
	b := &Builder{cat: cat, byKey: map[string]ref{}, valueKey: map[string]int32{}}
	b.parts = append(b.parts, part{node: node{kind: kindTrue}})
	return b
}

// Add compiles a condition without macros. Ids count from 0 in the order of
// the calls. types are the event types for which the condition is asked; what
// evtset finds for the condition is the usual choice. An error, of type
// *Error, leaves the Builder as good as before.
func (b *Builder) Add(cond filter.Node, types evtset.Types) (id int32, warnings []Warning, err error) {
	b.warnings = nil
	root, err := b.condition(cond)
	if err != nil {
		return -1, nil, err
	}
	b.rules = append(b.rules, rule{root, types})
	return int32(len(b.rules) - 1), b.warnings, nil
}

// Skip takes up an id without a condition.
func (b *Builder) Skip() (id int32) {
	b.rules = append(b.rules, rule{root: never})
	return int32(len(b.rules) - 1)
}

// Build returns the program of everything that was added.
func (b *Builder) Build() *Program {
	p := &Program{nodes: make([]node, len(b.parts)), values: slices.Clone(b.values)}
	for i := range p.nodes {
		p.nodes[i] = b.parts[i].node
	}
	uses := make([]int, len(p.nodes))
	for _, r := range b.rules {
		p.roots = append(p.roots, r.root)
		countUses(p.nodes, r.root, uses)
	}
	for i := range p.nodes {
		p.nodes[i].memo = uses[i] > 1
	}
	p.index = b.newIndex(p)
	return p
}

// countUses counts for each node the places that ask for it.
func countUses(nodes []node, r ref, uses []int) {
	i := r.node()
	uses[i]++
	if uses[i] > 1 {
		return
	}
	for _, k := range nodes[i].kids {
		countUses(nodes, k, uses)
	}
}

func (b *Builder) condition(n filter.Node) (ref, error) {
	switch n := n.(type) {
	case *filter.And:
		kids, err := b.conditions(n.Operands)
		return b.and(kids), err
	case *filter.Or:
		kids, err := b.conditions(n.Operands)
		for i := range kids {
			kids[i] = kids[i].not()
		}
		return b.and(kids).not(), err
	case *filter.Not:
		r, err := b.condition(n.Operand)
		return r.not(), err
	case *filter.Identifier:
		return never, errorAt(n, "filter error: unexpected identifier '%s'", n.Name)
	case *filter.Unary:
		return b.unary(n)
	case *filter.Binary:
		return b.binary(n)
	}
	return never, errorAt(n, "unexpected expression '%s'", n)
}

func (b *Builder) conditions(list []filter.Node) ([]ref, error) {
	refs := make([]ref, len(list))
	for i, n := range list {
		var err error
		if refs[i], err = b.condition(n); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// and returns the node for all of kids: constants folded, doubles dropped,
// cheap ones first.
func (b *Builder) and(kids []ref) ref {
	kids = slices.Clone(kids)
	slices.SortFunc(kids, func(x, y ref) int {
		if c := int(b.parts[x.node()].cost) - int(b.parts[y.node()].cost); c != 0 {
			return c
		}
		return int(x - y)
	})
	kids = slices.Compact(kids)
	kids = slices.DeleteFunc(kids, func(r ref) bool { return r == always })
	key := strings.Builder{}
	key.WriteByte('&')
	cost := int32(1)
	for i, k := range kids {
		if k == never || i > 0 && kids[i-1] == k.not() {
			return never
		}
		key.WriteString(strconv.Itoa(int(k)))
		key.WriteByte(',')
		cost += b.parts[k.node()].cost
	}
	switch len(kids) {
	case 0:
		return always
	case 1:
		return kids[0]
	}
	return b.intern(key.String(), part{node: node{kind: kindAnd, kids: kids}, cost: cost})
}

// intern returns the node of that key, which it adds when it is new.
func (b *Builder) intern(key string, n part) ref {
	if r, ok := b.byKey[key]; ok {
		return r
	}
	b.parts = append(b.parts, n)
	r := refTo(len(b.parts) - 1)
	b.byKey[key] = r
	return r
}

func (b *Builder) unary(n *filter.Unary) (ref, error) {
	left, err := b.value(n.Left)
	if err != nil {
		return never, err
	}
	return b.check(left, "exists", "", present{}, 1, nil), nil
}

// check adds a node for a check with constants. what identifies the operator
// and the constants, index is nil for a check that no value can find.
func (b *Builder) check(left int32, op, what string, m matcher, cost int, index *keyed) ref {
	v := &b.values[left]
	n := part{node: node{kind: kindCheck, left: left, m: m}, cost: int32(v.cost + cost), index: index}
	if v.multi != nil {
		n.kind, n.multi, n.cost = kindMulti, v.multi, 4*n.cost
		n.every = v.multi.Field.NEAll && strings.HasPrefix(op, "!=")
	}
	return b.intern(fmt.Sprintf("?%d %s %s", left, op, what), n)
}
