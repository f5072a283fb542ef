// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"math"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

func asDouble(bits uint64) float64 { return math.Float64frombits(bits) }

// value returns the number of the value that a field or transformer yields.
func (b *Builder) value(n filter.Node) (int32, error) {
	switch n := n.(type) {
	case *filter.Field:
		return b.field(n)
	case *filter.Transform:
		return b.transform(n)
	}
	return -1, errorAt(n, "expected a field, got '%s'", n)
}

func (b *Builder) internValue(key string, v value) int32 {
	if i, ok := b.valueKey[key]; ok {
		return i
	}
	b.values = append(b.values, v)
	i := int32(len(b.values) - 1)
	b.valueKey[key] = i
	return i
}

// written is a field as a condition names it.
type written struct {
	name, arg string
	hasArg    bool
}

func (b *Builder) field(n *filter.Field) (int32, error) {
	if n.HasValArg {
		return -1, errorAt(n, "transformer 'val' takes nothing in brackets")
	}
	as := written{n.Name, n.Arg, n.HasArg}
	if i, ok := b.resolved[as]; ok {
		return i, nil
	}
	r, err := fields.Resolve(b.cat, n.Name, n.Arg, n.HasArg)
	if err != nil {
		return -1, fieldError(b.cat, n, err)
	}
	if r.Field.OutputOnly {
		return -1, errorAt(n, "field '%s' is for outputs only", r.Text)
	}
	v := value{typ: r.Type, format: r.Format, flags: r.Flags, list: r.List,
		noRHS: r.Field.NoRHS, noTr: r.Field.NoTransform, within: r.Field.Within, cost: 10}
	v.source, v.field = &fieldSource{&r}, &r
	if r.Multi() {
		v.multi = &r
	}
	i := b.internValue("f"+r.Text, v)
	b.resolved[as] = i
	return i, nil
}

// constant returns the number of a literal inside of a transformer.
func (b *Builder) constant(text string) int32 {
	v := value{typ: scap.PTCharbuf, source: &constSource{fields.Value{S: text}}}
	return b.internValue("c"+text, v)
}

// arity is how many arguments a transformer takes; max 0 stands for any
// number.
var arity = map[string]struct{ min, max int }{
	"tolower": {1, 1}, "toupper": {1, 1}, "b64": {1, 1}, "basename": {1, 1}, "len": {1, 1},
	"join": {2, 2}, "concat": {2, 0}, "getopt": {2, 2},
}

func (b *Builder) transform(n *filter.Transform) (int32, error) {
	want, ok := arity[n.Name]
	if !ok {
		return -1, errorAt(n, "unknown transformer '%s'", n.Name)
	}
	if len(n.Args) < want.min || want.max > 0 && len(n.Args) > want.max {
		return -1, errorAt(n, "transformer '%s' takes %s, got %d", n.Name, countText(want.min, want.max), len(n.Args))
	}
	if n.HasArg && n.Name != "getopt" {
		return -1, errorAt(n, "transformer '%s' takes nothing in brackets", n.Name)
	}
	args := make([]int32, len(n.Args))
	for i, a := range n.Args {
		var err error
		if args[i], err = b.argument(n, a); err != nil {
			return -1, err
		}
	}
	v, msg := b.newTransform(n, args)
	if msg != "" {
		return -1, errorAt(n, "%s", msg)
	}
	key := fmt.Sprintf("t%s%v", n.Name, args)
	if n.HasArg {
		key += n.Arg
	}
	return b.internValue(key, v), nil
}

func countText(least, most int) string {
	switch {
	case most == 1:
		return "one argument"
	case most == 0:
		return fmt.Sprintf("at least %d arguments", least)
	}
	return fmt.Sprintf("%d arguments", least)
}

// argument compiles one argument of a transformer.
func (b *Builder) argument(of *filter.Transform, n filter.Node) (int32, error) {
	var i int32
	var err error
	switch a := n.(type) {
	case *filter.Value:
		i = b.constant(a.Text)
	case *filter.List:
		i, err = b.list(of, a)
	default:
		i, err = b.value(n)
	}
	if err != nil {
		return -1, err
	}
	if b.values[i].noTr {
		return -1, errorAt(n, "field '%s' does not support transformers", n)
	}
	return i, nil
}

// list compiles a list of scalars inside of a transformer. Its elements are
// text; what is something else is converted, for join alone.
func (b *Builder) list(of *filter.Transform, n *filter.List) (int32, error) {
	s := &listSource{}
	v := value{typ: scap.PTCharbuf, list: true, cost: 2}
	for _, e := range n.Elems {
		i, err := b.argument(of, e)
		if err != nil {
			return -1, err
		}
		el := &b.values[i]
		if el.list || el.class() == classNone {
			return -1, errorAt(e, "'%s' cannot be an element of a list", e)
		}
		if el.class() != classString && of.Name != "join" {
			return -1, errorAt(e, "transformer '%s' takes a list of text, '%s' is %s", of.Name, e, describe(el))
		}
		s.args = append(s.args, i)
		s.kinds = append(s.kinds, kindOfText{el.typ, el.format})
		v.cost += el.cost
	}
	v.source = s
	return b.internValue(fmt.Sprintf("l%v", s.args), v), nil
}

// newTransform checks the types of the arguments and returns the value that
// the transformer makes of them, or what is wrong.
func (b *Builder) newTransform(n *filter.Transform, args []int32) (v value, problem string) {
	arg := &b.values[args[0]]
	v = value{typ: scap.PTCharbuf, format: arg.format, noRHS: arg.noRHS, cost: 20}
	for _, a := range args {
		v.cost += b.values[a].cost
	}
	refused := fmt.Sprintf("transformer '%s' does not take '%s', which is %s", n.Name, n.Args[0], describe(arg))
	c := arg.class()
	switch n.Name {
	case "tolower", "toupper", "basename", "b64":
		if c != classString && (c != classBuffer || n.Name != "b64") {
			return v, refused
		}
		v.typ, v.list = arg.typ, arg.list
		v.source = &mapSource{arg: args[0], list: arg.list, fn: mapFuncs[n.Name]}
	case "len":
		if c != classString && c != classBuffer && !arg.list {
			return v, refused
		}
		v.typ, v.format = scap.PTUint64, scap.PFDec
		v.source = &lenSource{arg: args[0], of: c, list: arg.list}
	case "concat":
		for i, a := range args {
			if el := &b.values[a]; el.list || el.class() != classString {
				return v, fmt.Sprintf("transformer 'concat' takes text, '%s' is %s", n.Args[i], describe(el))
			}
		}
		v.noRHS = false
		v.source = &concatSource{args}
	case "join":
		list := &b.values[args[1]]
		if arg.list || c != classString {
			return v, refused
		}
		if !list.list {
			return v, fmt.Sprintf("transformer 'join' takes a list as second argument, '%s' is %s", n.Args[1], describe(list))
		}
		v.noRHS = false
		v.source = &joinSource{sep: args[0], list: args[1], elem: kindOfText{list.typ, list.format}}
	case "getopt":
		return b.newGetopt(n, v, args)
	}
	return v, ""
}

var mapFuncs = map[string]func([]byte, string) ([]byte, string, bool){
	"tolower": appendLower, "toupper": appendUpper, "basename": baseName, "b64": appendDecoded,
}

func (b *Builder) newGetopt(n *filter.Transform, v value, args []int32) (value, string) {
	list, spec := &b.values[args[0]], &b.values[args[1]]
	if !list.list || list.class() != classString {
		return v, fmt.Sprintf("transformer 'getopt' takes a list of text, '%s' is %s", n.Args[0], describe(list))
	}
	if spec.list || spec.class() != classString {
		return v, fmt.Sprintf("transformer 'getopt' takes the options as text, '%s' is %s", n.Args[1], describe(spec))
	}
	s := &getoptSource{list: args[0], spec: args[1]}
	if n.HasArg {
		if len(n.Arg) != 1 {
			return v, fmt.Sprintf("'%s' is not one option letter", n.Arg)
		}
		s.option = n.Arg[0]
	}
	v.noRHS, v.list, v.source = false, !n.HasArg, s
	return v, ""
}
