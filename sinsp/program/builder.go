// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
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
	kindAnd            // all kids
	kindCheck          // the value exists and m matches it
	kindIs             // the value exists and is a text, or is not when flipped
	kindIn             // the value exists and is one of some texts, or is not
	kindMulti          // one of a field's values matches, or all when every is set
	kindPair           // left and right have values that a pair matches
	kindType           // the event is of one of some types
)

// node is one distinct part of the conditions, as a Program keeps it.
type node struct {
	kind  nodeKind
	memo  bool // more than one place asks for it
	flip  bool
	every bool
	left  int32 // value; of kindAnd the first of its kids
	// right is a value of kindPair, a text's id of kindIs, a place in the
	// Program's tables of kindIn, kindMulti and kindType, and of kindAnd where
	// the kids end.
	right int32
	pair  int32 // a place in the Program's table of kindPair
	m     matcher
}

// part is a node while a program is built.
type part struct {
	node
	kids  []ref
	cmp   *pair
	multi *fields.Ref
	texts []string // of kindIs and kindIn
	src   filter.Node

	cost   float32 // expected, in about a nanosecond
	chance float32 // that it holds, a guess
	guards []guard // what must hold of values when it does
}

// Builder collects conditions for a Program.
type Builder struct {
	cat      fields.Catalog
	parts    []part
	byKey    map[string]ref
	values   []value
	valueKey map[string]int32
	resolved map[written]int32
	dicts    map[int32]*dict // by value: the texts that it is compared with
	done     map[filter.Node]compiled
	types    []evtset.Types
	rules    []rule

	warnings []Warning // of the condition at hand
}

type rule struct {
	root  ref
	types evtset.Types
}

// NewBuilder returns an empty Builder over the fields of cat.
func NewBuilder(cat fields.Catalog) *Builder {
	b := &Builder{cat: cat, byKey: map[string]ref{}, valueKey: map[string]int32{}, dicts: map[int32]*dict{},
		resolved: map[written]int32{}, done: map[filter.Node]compiled{}}
	b.parts = append(b.parts, part{node: node{kind: kindTrue}, chance: 1})
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

// compiled is what became of a part of a syntax tree.
type compiled struct {
	root     ref
	warnings []Warning
}

// condition compiles a tree. Rules share the trees of macros, which are
// compiled once.
func (b *Builder) condition(n filter.Node) (ref, error) {
	if c, ok := b.done[n]; ok {
		b.warnings = append(b.warnings, c.warnings...)
		return c.root, nil
	}
	before := len(b.warnings)
	r, err := b.expression(n)
	if err != nil {
		return never, err
	}
	b.done[n] = compiled{r, slices.Clone(b.warnings[before:])}
	return r, nil
}

func (b *Builder) expression(n filter.Node) (ref, error) {
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
		r, err := b.unary(n)
		return r, inCheck(n.At, err)
	case *filter.Binary:
		r, err := b.binary(n)
		return r, inCheck(n.At, err)
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
// those first that fail soonest for what they cost.
func (b *Builder) and(kids []ref) ref {
	kids = slices.Clone(kids)
	slices.Sort(kids)
	kids = slices.Compact(kids)
	kids = slices.DeleteFunc(kids, func(r ref) bool { return r == always })
	key := make([]byte, 1, 64)
	key[0] = '&'
	for i, k := range kids {
		if k == never || i > 0 && kids[i-1] == k.not() {
			return never
		}
		key = strconv.AppendInt(key, int64(k), 36)
		key = append(key, ',')
	}
	switch len(kids) {
	case 0:
		return always
	case 1:
		return kids[0]
	}
	if r, ok := b.byKey[string(key)]; ok {
		return r
	}
	slices.SortStableFunc(kids, func(x, y ref) int { return cmp.Compare(b.rank(x), b.rank(y)) })
	n := part{node: node{kind: kindAnd}, kids: kids, cost: 1, chance: 1}
	for _, k := range kids {
		n.cost += n.chance * b.parts[k.node()].cost
		n.chance *= b.chance(k)
	}
	return b.intern(string(key), n)
}

// rank orders the members of an "and": what they cost by how likely they end
// it.
func (b *Builder) rank(r ref) float32 {
	return b.parts[r.node()].cost / (1.001 - b.chance(r))
}

// chance guesses how likely r holds.
func (b *Builder) chance(r ref) float32 {
	c := b.parts[r.node()].chance
	if r.inv() {
		return 1 - c
	}
	return c
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
	return b.check(n, left, "exists", "", present{}, 1, nil), nil
}

// check adds a node for a check with constants. what identifies the operator
// and the constants, guards is nil for a check that no value can find.
func (b *Builder) check(src filter.Node, left int32, op, what string, m matcher, cost int, guards []guard) ref {
	key := "?" + strconv.Itoa(int(left)) + " " + op + " " + what
	if r, ok := b.byKey[key]; ok {
		return r
	}
	v := &b.values[left]
	n := part{node: node{kind: kindCheck, left: left, m: m}, src: src, guards: guards,
		cost: float32(v.cost + cost), chance: chanceOf(op, m)}
	switch m := m.(type) {
	case *textEqual:
		n.kind, n.texts, n.flip = kindIs, []string{m.s}, m.invert
	case *textIn:
		n.kind, n.texts, n.flip = kindIn, m.set.list, m.invert
	}
	switch {
	case v.multi != nil:
		n.kind, n.multi, n.cost = kindMulti, v.multi, 4*n.cost
		n.every = v.multi.Field.NEAll && strings.HasPrefix(op, "!=")
	case v.list:
		n.kind = kindCheck
	}
	if n.kind == kindIs || n.kind == kindIn {
		b.dict(left).add(n.texts)
		n.m = nil
	}
	return b.intern(key, n)
}

// dict returns the dictionary of a value.
func (b *Builder) dict(value int32) *dict {
	d := b.dicts[value]
	if d == nil {
		d = &dict{ids: map[string]int32{}}
		b.dicts[value] = d
	}
	return d
}

// chanceOf guesses how likely a check holds. Only the order of evaluation
// depends on it.
func chanceOf(op string, m matcher) float32 {
	if e, ok := m.(*numEqual); ok && e.n > 1 && !e.invert {
		return 0.1
	}
	op, _, _ = strings.Cut(op, " ")
	switch op {
	case "exists":
		return 0.9
	case "!=":
		return 0.8
	case ">", ">=":
		return 0.7
	case "<", "<=":
		return 0.3
	case "=":
		if _, ok := m.(*numEqual); ok {
			return 0.3
		}
		return 0.05
	}
	return 0.1
}
