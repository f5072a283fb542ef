// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// opCost orders the operators by what a comparison costs; the unit is about a
// nanosecond.
var opCost = map[string]int{
	"=": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "startswith": 3, "bstartswith": 3, "endswith": 3,
	"in": 8, "intersects": 10, "contains": 12, "bcontains": 12, "icontains": 30, "glob": 40, "iglob": 50,
	"pmatch": 60, "regex": 300,
}

// binary compiles a check with a right side.
func (b *Builder) binary(n *filter.Binary) (ref, error) {
	op := n.Op
	if op == "==" {
		op = "="
	}
	left, err := b.value(n.Left)
	if err != nil {
		return never, err
	}
	v := &b.values[left]
	if msg := checkOperator(op, v.typ, v.list); msg != "" {
		return never, &Error{Pos: n.OpPos, Msg: msg, Hint: operatorHint(v, n.Left)}
	}
	if v.within {
		if op != "=" || n.Modifier != "" {
			return never, &Error{Pos: n.OpPos, Msg: fmt.Sprintf("%s supports only '=' comparison operator", fieldName(n.Left))}
		}
		op = "<="
	}
	switch right := n.Right.(type) {
	case *filter.Field, *filter.Transform:
		return b.comparison(n, left, op)
	case *filter.Value:
		return b.constants(n, left, op, []filter.Node{right})
	case *filter.List:
		return b.constants(n, left, op, right.Elems)
	}
	return never, errorAt(n.Right, "unexpected value '%s'", n.Right)
}

// fieldName is the name of a field without its argument.
func fieldName(n filter.Node) string {
	if f, ok := n.(*filter.Field); ok {
		return f.Name
	}
	return n.String()
}

// constants compiles a check against literals.
func (b *Builder) constants(n *filter.Binary, left int32, op string, elems []filter.Node) (ref, error) {
	v := b.values[left]
	list := make([]literal, len(elems))
	texts := make([]string, len(elems))
	keys := make([]string, len(elems))
	for i, e := range elems {
		lit, ok := e.(*filter.Value)
		if !ok {
			return never, errorAt(e, "unexpected list element '%s'", e)
		}
		b.warnAbout(op, lit)
		texts[i] = lit.Text
		var err error
		if list[i], err = parseLiteral(v.typ, op, lit.Text); err != nil {
			return never, &Error{Pos: e.Pos(), Msg: err.Error(), Hint: literalHint(&v, op, n.Left, lit.Text), Err: err}
		}
		keys[i] = list[i].key()
	}
	modifier := n.Modifier
	if modifier != "" && len(list) == 0 {
		return never, nil
	}
	if op == "=" && modifier == "anyof" {
		op, modifier = "in", ""
	}
	cost := opCost[op]
	if modifier != "" {
		m, err := modified(&v, op, modifier, list, texts, n.Right)
		if err != nil {
			return never, err
		}
		slices.Sort(keys) // oneof counts doubles, so they stay
		return b.check(n, left, op, modifier+strings.Join(keys, ","), m, cost*len(list),
			guardsOf(&v, left, op, list)), nil
	}
	m, err := newMatcher(&v, op, list, texts, n.Right)
	if err != nil {
		return never, err
	}
	if !v.list && op == "intersects" {
		op = "in"
	}
	if op == "in" {
		if len(list) == 0 && !v.list {
			return never, nil
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		if len(keys) == 1 && !v.list {
			op = "="
		}
	}
	return b.check(n, left, op, strings.Join(keys, ","), m, cost, guardsOf(&v, left, op, list)), nil
}

// modified returns the matcher of an operator with a modifier.
func modified(v *value, op, modifier string, list []literal, texts []string, at filter.Node) (matcher, error) {
	if c := v.class(); op == "!=" && modifier == "allof" && c != classNet && c != classDouble {
		if c.isText() {
			return &textIn{newTextSet(list), true}, nil
		}
		return &numIn{newNumSet(list), true}, nil
	}
	each := make([]matcher, len(list))
	for i := range list {
		m, err := newMatcher(v, op, list[i:i+1], texts[i:i+1], at)
		if err != nil {
			return nil, err
		}
		each[i] = m
	}
	switch modifier {
	case "anyof":
		return anyOf(each), nil
	case "allof":
		return allOf(each), nil
	}
	return oneOf(each), nil
}

// newMatcher returns the matcher of an operator that fits the type of v.
func newMatcher(v *value, op string, list []literal, texts []string, at filter.Node) (matcher, error) {
	c := v.class()
	switch op {
	case "in", "intersects":
		m := newSetMatcher(c, list)
		if v.list {
			m = &listIn{elem: m, text: c.isText(), all: op == "in"}
		}
		return m, nil
	case "pmatch":
		return &pathMatch{newPathTree(texts)}, nil
	case "regex":
		re, err := compileRegex(texts[0])
		if err != nil {
			return nil, &Error{Pos: at.Pos(), Msg: err.Error(), Hint: regexHint(err.Error()), Err: err}
		}
		return &regexMatch{re}, nil
	case "=", "!=":
		return newEqual(c, list[0], op == "!="), nil
	}
	if !c.isText() {
		return &numOrder{class: c, op: op, n: list[0].n}, nil
	}
	return &textOp{textOps[op], list[0].s}, nil
}

func newEqual(c class, l literal, invert bool) matcher {
	switch {
	case c == classNet:
		return &netEqual{l.net, invert}
	case c == classDouble:
		return &doubleEqual{asDouble(l.n), invert}
	case c.isText():
		return &textEqual{l.s, invert}
	}
	return &numEqual{l.n, invert}
}

func newSetMatcher(c class, list []literal) matcher {
	if c != classNet && len(list) == 1 {
		return newEqual(c, list[0], false)
	}
	switch {
	case c == classNet:
		return newNetSet(list)
	case c == classDouble:
		var m anyOf
		for _, l := range list {
			m = append(m, newEqual(c, l, false))
		}
		return m
	case c.isText():
		return &textIn{newTextSet(list), false}
	}
	return &numIn{newNumSet(list), false}
}

// comparison compiles a check of one value of the event against another.
func (b *Builder) comparison(n *filter.Binary, left int32, op string) (ref, error) {
	right, err := b.value(n.Right)
	if err != nil {
		return never, err
	}
	l, r := &b.values[left], &b.values[right]
	switch {
	case n.Modifier != "":
		return never, errorAt(n.Right, "'%s %s' needs a list of values", op, n.Modifier)
	case op == "regex" || op == "pmatch":
		return never, errorAt(n.Right, "operator '%s' does not support a field on the right-hand side", op)
	case l.class() == classNet:
		return never, errorAt(n.Right, "fields of type IPNET do not support a field on the right-hand side")
	case l.noRHS || l.multi != nil:
		return never, errorAt(n.Right, "%s does not support a field on the right-hand side", n.Left)
	case r.noRHS || r.multi != nil:
		return never, errorAt(n.Right, "%s cannot stand on the right-hand side", n.Right)
	case l.typ != r.typ || l.list != r.list:
		return never, errorAt(n.Right, "'%s' and '%s' cannot be compared: one is %s, the other %s",
			n.Left, n.Right, describe(l), describe(r))
	}
	p := newPair(l.class(), op, l.list)
	key := fmt.Sprintf("~%d %s %d", left, p.op, right)
	return b.intern(key, part{node: node{kind: kindPair, left: left, right: right}, cmp: p, src: n,
		cost: float32(l.cost + r.cost + opCost[op]), chance: 0.3}), nil
}

func describe(v *value) string {
	if v.list {
		return "a list of " + typeName(v.typ)
	}
	return "of type " + typeName(v.typ)
}

// warnAbout notes literals that were probably not meant as such.
func (b *Builder) warnAbout(op string, lit *filter.Value) {
	warn := func(format string) {
		b.warnings = append(b.warnings, Warning{lit.At, fmt.Sprintf(format, lit.Text)})
	}
	if op == "regex" && isPlainRegex(lit.Text) {
		warn("regex check with '%s' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'")
	}
	if !strings.ContainsAny(lit.Text, ".(") {
		return
	}
	text := strings.Join(strings.Fields(lit.Text), "")
	if strings.Contains(text, ".") && isField(b.cat, text) {
		warn("'%s' may be a valid field misused as a const string value")
	}
	name, _, call := strings.Cut(text, "(")
	if call && strings.HasSuffix(text, ")") && (name == "val" || slices.Contains(filter.Transformers(), name)) {
		warn("'%s' may be a valid field transformer misused as a const string value")
	}
}

func isField(cat fields.Catalog, text string) bool {
	n, length, err := filter.ParseField(text)
	f, ok := n.(*filter.Field)
	if err != nil || !ok || length < len(text) {
		return false
	}
	_, err = fields.Resolve(cat, f.Name, f.Arg, f.HasArg)
	return err == nil
}
