// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// naive evaluates a condition by walking its tree, slowly and with as little
// in common with the compiler as can be: numbers are big, globs become regular
// expressions, lists are scanned. It expects a condition that compiles.
type naive struct{ cat *catalog }

// operand is a value with its type. Lists have elems.
type operand struct {
	typ   scap.ParamType
	list  bool
	text  string
	num   *big.Float
	elems []operand
}

func (v naive) eval(n filter.Node) bool {
	switch n := n.(type) {
	case *filter.And:
		return !slices.ContainsFunc(n.Operands, func(m filter.Node) bool { return !v.eval(m) })
	case *filter.Or:
		return slices.ContainsFunc(n.Operands, v.eval)
	case *filter.Not:
		return !v.eval(n.Operand)
	case *filter.Unary:
		return len(v.values(n.Left)) > 0
	case *filter.Binary:
		return v.check(n)
	}
	panic(fmt.Sprintf("naive: %T", n))
}

// values returns what an operand stands for: nothing when it is missing,
// several for a field like fd.ip.
func (v naive) values(n filter.Node) []operand {
	switch n := n.(type) {
	case *filter.Field:
		f := v.cat.fields[n.Name]
		val := v.cat.values[n.Name].byArg[n.Arg]
		if val == nil {
			return nil
		}
		if f.Each != nil && !n.HasArg {
			var all []operand
			for _, s := range val.Strs {
				all = append(all, scalar(f.Type, fields.Value{S: s}))
			}
			return all
		}
		if !f.List {
			return []operand{scalar(f.Type, *val)}
		}
		l := operand{typ: f.Type, list: true}
		for i := range val.Strs {
			l.elems = append(l.elems, scalar(f.Type, fields.Value{S: val.Strs[i], N: val.Nums[i]}))
		}
		return []operand{l}
	case *filter.Transform:
		return v.transform(n)
	case *filter.Value:
		return []operand{{typ: scap.PTCharbuf, text: n.Text}}
	}
	panic(fmt.Sprintf("naive: %T", n))
}

func scalar(t scap.ParamType, val fields.Value) operand {
	o := operand{typ: t, text: val.S, num: new(big.Float)}
	switch t {
	case scap.PTDouble:
		o.num.SetFloat64(math.Float64frombits(val.N))
	case scap.PTInt16, scap.PTInt64:
		o.num.SetInt64(int64(val.N))
	default:
		o.num.SetUint64(val.N)
	}
	return o
}

func (v naive) transform(n *filter.Transform) []operand {
	args := v.values(n.Args[0])
	if len(args) == 0 {
		return nil
	}
	if n.Name == "concat" {
		s := ""
		for _, a := range n.Args {
			part := v.values(a)
			if len(part) == 0 {
				return nil
			}
			s += part[0].text
		}
		return []operand{{typ: scap.PTCharbuf, text: s}}
	}
	in := args[0]
	if n.Name == "len" {
		count := len(in.text)
		if in.list {
			count = len(in.elems)
		}
		return []operand{scalar(scap.PTUint64, fields.Value{N: uint64(count)})}
	}
	if !in.list {
		return one(n.Name, in)
	}
	out := operand{typ: in.typ, list: true}
	for _, e := range in.elems {
		m := one(n.Name, e)
		if m == nil {
			return nil
		}
		out.elems = append(out.elems, m[0])
	}
	return []operand{out}
}

func one(name string, in operand) []operand {
	switch name {
	case "tolower":
		in.text = strings.ToLower(in.text)
	case "toupper":
		in.text = strings.ToUpper(in.text)
	case "basename":
		parts := strings.Split(in.text, "/")
		in.text = parts[len(parts)-1]
	case "b64":
		b, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(in.text, "="))
		if err != nil {
			return nil
		}
		in.text = string(b)
	}
	return []operand{in}
}

func (v naive) check(n *filter.Binary) bool {
	left := v.values(n.Left)
	every := false
	if f, ok := n.Left.(*filter.Field); ok && v.cat.fields[f.Name].NEAll {
		every = n.Op == "!="
	}
	holds := func(l operand) bool { return v.holds(l, n) }
	if every {
		return len(left) > 0 && !slices.ContainsFunc(left, func(l operand) bool { return !holds(l) })
	}
	return slices.ContainsFunc(left, holds)
}

// holds compares one left value with the right side.
func (v naive) holds(l operand, n *filter.Binary) bool {
	var right []operand
	switch r := n.Right.(type) {
	case *filter.List:
		for _, e := range r.Elems {
			right = append(right, constant(l.typ, n.Op, e.(*filter.Value).Text))
		}
	case *filter.Value:
		right = []operand{constant(l.typ, n.Op, r.Text)}
	default:
		if right = v.values(r); len(right) == 0 {
			return false
		}
		if right[0].list {
			right = right[0].elems
		}
	}
	if n.Modifier != "" {
		count := 0
		for _, r := range right {
			if compare(n.Op, l, r) {
				count++
			}
		}
		return map[string]bool{"oneof": count == 1, "anyof": count > 0, "allof": count > 0 && count == len(right)}[n.Modifier]
	}
	in := func(e operand) bool {
		return slices.ContainsFunc(right, func(r operand) bool { return compare("=", e, r) })
	}
	switch {
	case l.list && n.Op == "in":
		return !slices.ContainsFunc(l.elems, func(e operand) bool { return !in(e) })
	case l.list:
		return slices.ContainsFunc(l.elems, in)
	case n.Op == "in" || n.Op == "intersects":
		return in(l)
	case n.Op == "pmatch":
		return slices.ContainsFunc(right, func(r operand) bool { return underPath(l.text, r.text) })
	}
	return compare(n.Op, l, right[0])
}

// constant reads a literal; a network keeps its text.
func constant(t scap.ParamType, op, text string) operand {
	o := operand{typ: t, text: text, num: new(big.Float)}
	switch t {
	case scap.PTIPAddr:
		o.text = string(netip.MustParseAddr(text).AsSlice())
	case scap.PTBytebuf:
		if strings.HasPrefix(op, "b") {
			b, _ := hex.DecodeString(text)
			o.text = string(b)
		}
	case scap.PTBool:
		if text == "true" {
			o.num.SetInt64(1)
		}
	default:
		o.num.SetString(text)
	}
	return o
}

func compare(op string, l, r operand) bool {
	switch l.typ {
	case scap.PTIPNet:
		p := netip.MustParsePrefix(r.text)
		a, _ := netip.AddrFromSlice([]byte(l.text))
		return p.Contains(a) == (op != "!=")
	case scap.PTCharbuf, scap.PTBytebuf, scap.PTIPAddr:
		return compareText(op, l.text, r.text)
	}
	c := l.num.Cmp(r.num)
	return map[string]bool{"=": c == 0, "==": c == 0, "!=": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
}

func compareText(op, l, r string) bool {
	c := strings.Compare(l, r)
	switch op {
	case "=", "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "contains", "bcontains":
		return strings.Contains(l, r)
	case "icontains":
		return strings.Contains(strings.ToLower(l), strings.ToLower(r))
	case "startswith", "bstartswith":
		return strings.HasPrefix(l, r)
	case "endswith":
		return strings.HasSuffix(l, r)
	case "glob":
		return globRegexp("", r).MatchString(l)
	case "iglob":
		return globRegexp("i", r).MatchString(l)
	case "regex":
		return regexp.MustCompile("^(?:" + r + ")$").MatchString(l)
	}
	panic("naive: " + op)
}

// globRegexp knows stars, question marks and classes without specials.
func globRegexp(flags, pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s" + flags + ")^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := i + strings.IndexByte(pattern[i:], ']')
			b.WriteString(strings.Replace(pattern[i:end+1], "[!", "[^", 1))
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

// underPath is pmatch with one path; several globs at one level, where the
// reference is peculiar, are for the scripts.
func underPath(path, prefix string) bool {
	split := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == '/' }) }
	have, want := split(path), split(prefix)
	if len(have) < len(want) {
		return false
	}
	for i, w := range want {
		if !globRegexp("", w).MatchString(have[i]) {
			return false
		}
	}
	return true
}
