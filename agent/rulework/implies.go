// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// prover finds out whether one condition implies another. It knows only what
// can be told from the texts of checks: a yes is certain, a no is not.
type prover struct {
	texts map[filter.Node]string
	steps int
}

// maxSteps bounds the proofs about one set of rules.
const maxProof = 5_000_000

func newProver() *prover { return &prover{texts: map[filter.Node]string{}} }

func (p *prover) text(n filter.Node) string {
	s, ok := p.texts[n]
	if !ok {
		s = n.String()
		p.texts[n] = s
	}
	return s
}

// implies reports whether b is true whenever a is. A check is either true or
// false of an event, one of a missing value being false, so the laws of plain
// logic hold.
func (p *prover) implies(a, b filter.Node) bool {
	if p.steps++; p.steps > maxProof {
		return false
	}
	if p.text(a) == p.text(b) {
		return true
	}
	switch b := b.(type) {
	case *filter.And:
		for _, x := range b.Operands {
			if !p.implies(a, x) {
				return false
			}
		}
		return true
	}
	switch a := a.(type) {
	case *filter.Or:
		for _, x := range a.Operands {
			if !p.implies(x, b) {
				return false
			}
		}
		return true
	case *filter.And:
		for _, x := range a.Operands {
			if p.implies(x, b) {
				return true
			}
		}
	case *filter.Not:
		if nb, ok := b.(*filter.Not); ok && p.implies(nb.Operand, a.Operand) {
			return true
		}
	}
	if or, ok := b.(*filter.Or); ok {
		for _, x := range or.Operands {
			if p.implies(a, x) {
				return true
			}
		}
		return false
	}
	return p.check(a, b)
}

// check is implies for two checks on the same field.
func (p *prover) check(a, b filter.Node) bool {
	x, ok := a.(*filter.Binary)
	if !ok || x.Modifier != "" {
		return false
	}
	if y, ok := b.(*filter.Unary); ok {
		return y.Op == "exists" && p.text(x.Left) == p.text(y.Left)
	}
	y, ok := b.(*filter.Binary)
	if !ok || y.Modifier != "" || p.text(x.Left) != p.text(y.Left) {
		return false
	}
	v, single := literal(x.Right)
	w, _ := literal(y.Right)
	switch {
	case x.Op == "in" && y.Op == "in":
		return subset(x.Right, y.Right)
	case !single || !equals(x.Op) && x.Op != y.Op:
		return false
	}
	switch y.Op {
	case "in":
		return equals(x.Op) && subset(x.Right, y.Right)
	case "startswith":
		return strings.HasPrefix(v, w)
	case "endswith":
		return strings.HasSuffix(v, w)
	case "contains":
		return strings.Contains(v, w)
	}
	return equals(x.Op) && equals(y.Op) && v == w
}

func equals(op string) bool { return op == "=" || op == "==" }

// literal returns a right side that is one plain value.
func literal(n filter.Node) (string, bool) {
	if v, ok := n.(*filter.Value); ok {
		return v.Text, true
	}
	return "", false
}

// values returns the plain values of a right side; nil when there is anything
// else.
func values(n filter.Node) []string {
	switch n := n.(type) {
	case *filter.Value:
		return []string{n.Text}
	case *filter.List:
		if n.Placeholder {
			return nil
		}
		var out []string
		for _, item := range n.Elems {
			v, ok := literal(item)
			if !ok {
				return nil
			}
			out = append(out, v)
		}
		return out
	}
	return nil
}

func subset(a, b filter.Node) bool {
	small, large := values(a), values(b)
	if len(small) == 0 {
		return false
	}
	for _, v := range small {
		if !slices.Contains(large, v) {
			return false
		}
	}
	return true
}

// conjuncts returns what must all hold for n.
func conjuncts(n filter.Node) []filter.Node {
	and, ok := n.(*filter.And)
	if !ok {
		return []filter.Node{n}
	}
	var out []filter.Node
	for _, x := range and.Operands {
		out = append(out, conjuncts(x)...)
	}
	return out
}

// contradiction returns two parts of a condition that cannot both hold.
func (p *prover) contradiction(n filter.Node) (a, b filter.Node, found bool) {
	all := conjuncts(n)
	for _, x := range all {
		for _, y := range all {
			if not, ok := y.(*filter.Not); ok && p.implies(x, not.Operand) {
				return x, y, true
			}
			if p.differ(x, y) {
				return x, y, true
			}
		}
	}
	return nil, nil, false
}

// single are fields that have one value, as a text, whatever the event: two
// checks for different values cannot both hold. Fields such as fd.ip are true
// of either end of a connection.
var single = []string{
	"evt.type", "evt.category", "proc.name", "proc.pname", "proc.exe", "proc.exepath", "proc.cmdline", "proc.cwd",
	"user.name", "group.name", "fd.name", "fd.filename", "fd.directory", "fd.type", "fd.typechar",
	"container.name", "container.image", "container.image.repository",
}

// differ reports whether two checks want different values of one field.
func (p *prover) differ(a, b filter.Node) bool {
	x, ok1 := a.(*filter.Binary)
	y, ok2 := b.(*filter.Binary)
	if !ok1 || !ok2 || x.Modifier != "" || y.Modifier != "" || p.text(x.Left) != p.text(y.Left) {
		return false
	}
	if f, ok := x.Left.(*filter.Field); !ok || f.HasArg || !slices.Contains(single, f.Name) {
		return false
	}
	if !(equals(x.Op) || x.Op == "in") || !(equals(y.Op) || y.Op == "in") {
		return false
	}
	vs, ws := values(x.Right), values(y.Right)
	if len(vs) == 0 || len(ws) == 0 {
		return false
	}
	return !slices.ContainsFunc(vs, func(v string) bool { return slices.Contains(ws, v) })
}
