// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// values of the two fields of the small world in which conditions are tried; -
// is a missing one.
var domain = []string{"-", "a", "ab", "b", "ba", "c"}

// holds evaluates a condition over proc.name and proc.pname.
func holds(n filter.Node, name, pname string) bool {
	switch n := n.(type) {
	case *filter.And:
		for _, x := range n.Operands {
			if !holds(x, name, pname) {
				return false
			}
		}
		return true
	case *filter.Or:
		for _, x := range n.Operands {
			if holds(x, name, pname) {
				return true
			}
		}
		return false
	case *filter.Not:
		return !holds(n.Operand, name, pname)
	}
	value := func(left filter.Node) string {
		if left.(*filter.Field).Name == "proc.name" {
			return name
		}
		return pname
	}
	if u, ok := n.(*filter.Unary); ok {
		return value(u.Left) != "-"
	}
	b := n.(*filter.Binary)
	v := value(b.Left)
	if v == "-" {
		return false
	}
	w := values(b.Right)
	switch b.Op {
	case "=":
		return v == w[0]
	case "!=":
		return v != w[0]
	case "in":
		return strings.Contains(" "+strings.Join(w, " ")+" ", " "+v+" ")
	case "startswith":
		return strings.HasPrefix(v, w[0])
	case "endswith":
		return strings.HasSuffix(v, w[0])
	case "contains":
		return strings.Contains(v, w[0])
	}
	panic(b.Op)
}

func randomCondition(r *rand.Rand, depth int) string {
	word := func() string { return domain[1+r.IntN(len(domain)-1)] }
	if depth == 0 || r.IntN(3) == 0 {
		field := []string{"proc.name", "proc.pname"}[r.IntN(2)]
		switch op := r.IntN(7); op {
		case 0:
			return field + " exists"
		case 1:
			return fmt.Sprintf("%s in (%s, %s)", field, word(), word())
		default:
			return field + []string{"", "", " = ", " != ", " startswith ", " endswith ", " contains "}[op] + word()
		}
	}
	a, b := randomCondition(r, depth-1), randomCondition(r, depth-1)
	switch r.IntN(4) {
	case 0:
		return "not (" + a + ")"
	case 1:
		return "(" + a + " or " + b + ")"
	}
	return "(" + a + " and " + b + ")"
}

// What is said to be implied or contradictory is so for every event.
func TestProofsAreSound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	implied, contradicted := 0, 0
	for range 20_000 {
		a, err := filter.Parse(randomCondition(r, 2))
		if err != nil {
			t.Fatal(err)
		}
		b, err := filter.Parse(randomCondition(r, 2))
		if err != nil {
			t.Fatal(err)
		}
		p := newProver()
		yes := p.implies(a, b)
		_, _, never := p.contradiction(a)
		if yes {
			implied++
		}
		if never {
			contradicted++
		}
		for _, x := range domain {
			for _, y := range domain {
				if yes && holds(a, x, y) && !holds(b, x, y) {
					t.Fatalf("%s is said to imply %s, but not for %s, %s", a, b, x, y)
				}
				if never && holds(a, x, y) {
					t.Fatalf("%s is said never to hold, but does for %s, %s", a, x, y)
				}
			}
		}
	}
	if implied < 100 || contradicted < 100 {
		t.Errorf("only %d implications and %d contradictions were found: the test says little", implied, contradicted)
	}
}
