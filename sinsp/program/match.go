// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math"
	"net/netip"
	"regexp"
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter/glob"
)

// matcher is the right half of a check with constants: operator and literals.
// It is asked only about values that exist.
type matcher interface {
	match(v *fields.Value) bool
}

// numEqual is = on numbers and booleans, and != when inverted.
type numEqual struct {
	n      uint64
	invert bool
}

func (m *numEqual) match(v *fields.Value) bool { return (v.N == m.n) != m.invert }

// numOrder is < <= > >= on numbers of any class.
type numOrder struct {
	class class
	op    string
	n     uint64
}

func (m *numOrder) match(v *fields.Value) bool { return ordered(m.op, compareNum(m.class, v.N, m.n)) }

// doubleEqual is = and != on doubles, where equal numbers may differ in bits.
type doubleEqual struct {
	f      float64
	invert bool
}

func (m *doubleEqual) match(v *fields.Value) bool {
	return (math.Float64frombits(v.N) == m.f) != m.invert
}

// compareNum returns a negative, zero or positive number. Doubles that cannot
// be ordered count as equal.
func compareNum(c class, a, b uint64) int {
	less, more := a < b, a > b
	switch c {
	case classSigned:
		less, more = int64(a) < int64(b), int64(a) > int64(b)
	case classDouble:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		less, more = x < y, x > y
	}
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

func ordered(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return false
}

// textEqual is = on text, bytes and addresses, and != when inverted.
type textEqual struct {
	s      string
	invert bool
}

func (m *textEqual) match(v *fields.Value) bool { return (v.S == m.s) != m.invert }

// textOp is one of the other operators on text and bytes, except regex.
type textOp struct {
	op func(s, operand string) bool
	s  string
}

func (m *textOp) match(v *fields.Value) bool { return m.op(v.S, m.s) }

// textOps are the operators whose right side may also be computed.
var textOps = map[string]func(s, operand string) bool{
	"=":           func(s, operand string) bool { return s == operand },
	"!=":          func(s, operand string) bool { return s != operand },
	"<":           func(s, operand string) bool { return s < operand },
	"<=":          func(s, operand string) bool { return s <= operand },
	">":           func(s, operand string) bool { return s > operand },
	">=":          func(s, operand string) bool { return s >= operand },
	"contains":    strings.Contains,
	"bcontains":   strings.Contains,
	"icontains":   containsFold,
	"startswith":  strings.HasPrefix,
	"bstartswith": strings.HasPrefix,
	"endswith":    strings.HasSuffix,
	"glob":        func(s, pattern string) bool { return glob.Match(pattern, s) },
	"iglob":       func(s, pattern string) bool { return glob.MatchFold(pattern, s) },
}

// regexMatch is regex on text. Go's matcher takes each byte of invalid UTF-8
// for one replacement character.
type regexMatch struct{ re *regexp.Regexp }

func (m *regexMatch) match(v *fields.Value) bool { return m.re.MatchString(v.S) }

// netEqual is = on a network field, and != when inverted: the address lies
// within the network.
type netEqual struct {
	net    netip.Prefix
	invert bool
}

func (m *netEqual) match(v *fields.Value) bool {
	a, ok := netip.AddrFromSlice(unsafeBytes(v.S))
	return (ok && m.net.Contains(a)) != m.invert
}

// netSet is in and intersects on a network field.
type netSet struct {
	lengths []int // of the networks, of both families
	nets    map[netip.Prefix]struct{}
}

func newNetSet(list []literal) *netSet {
	m := &netSet{nets: make(map[netip.Prefix]struct{})}
	var seen [129]bool
	for _, l := range list {
		m.nets[l.net] = struct{}{}
		if b := l.net.Bits(); !seen[b] {
			seen[b] = true
			m.lengths = append(m.lengths, b)
		}
	}
	return m
}

func (m *netSet) match(v *fields.Value) bool {
	a, ok := netip.AddrFromSlice(unsafeBytes(v.S))
	if !ok {
		return false
	}
	for _, n := range m.lengths {
		if p, err := a.Prefix(n); err == nil {
			if _, ok := m.nets[p]; ok {
				return true
			}
		}
	}
	return false
}

// pathMatch is pmatch.
type pathMatch struct{ tree *pathTree }

func (m *pathMatch) match(v *fields.Value) bool { return m.tree.match(v.S) }

// present is exists.
type present struct{}

func (present) match(*fields.Value) bool { return true }

// anyOf, allOf and oneOf are the modifiers over a matcher for each element.
type (
	anyOf []matcher
	allOf []matcher
	oneOf []matcher
)

func (m anyOf) match(v *fields.Value) bool {
	for _, e := range m {
		if e.match(v) {
			return true
		}
	}
	return false
}

func (m allOf) match(v *fields.Value) bool {
	for _, e := range m {
		if !e.match(v) {
			return false
		}
	}
	return len(m) > 0
}

func (m oneOf) match(v *fields.Value) bool {
	n := 0
	for _, e := range m {
		if e.match(v) {
			n++
		}
	}
	return n == 1
}
