// SPDX-License-Identifier: Apache-2.0

package program

import (
	"unsafe"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// unsafeBytes returns the bytes of s without copying. Nobody may write to
// them.
func unsafeBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// textSet is a set of texts. Most values that are looked up are not in it, so
// the lengths of its members are asked first.
type textSet struct {
	lengths uint64 // bit n: a member of n bytes, bit 63 for longer ones
	members map[string]struct{}
	list    []string
}

func newTextSet(list []literal) *textSet {
	s := &textSet{members: make(map[string]struct{}, len(list))}
	for _, l := range list {
		s.lengths |= 1 << min(len(l.s), 63)
		if _, ok := s.members[l.s]; !ok {
			s.list = append(s.list, l.s)
		}
		s.members[l.s] = struct{}{}
	}
	return s
}

func (s *textSet) has(v string) bool {
	if s.lengths&(1<<min(len(v), 63)) == 0 {
		return false
	}
	_, ok := s.members[v]
	return ok
}

// numSet is a set of numbers.
type numSet map[uint64]struct{}

func newNumSet(list []literal) numSet {
	s := make(numSet, len(list))
	for _, l := range list {
		s[l.n] = struct{}{}
	}
	return s
}

func (s numSet) has(n uint64) bool {
	_, ok := s[n]
	return ok
}

// textIn is in and intersects on text, bytes and addresses.
type textIn struct {
	set    *textSet
	invert bool // != allof
}

func (m *textIn) match(v *fields.Value) bool { return m.set.has(v.S) != m.invert }

// numIn is in and intersects on numbers and booleans.
type numIn struct {
	set    numSet
	invert bool // != allof
}

func (m *numIn) match(v *fields.Value) bool { return m.set.has(v.N) != m.invert }

// listIn is in and intersects on list fields: every element is in the set (so
// the empty list is), or some element is.
type listIn struct {
	elem matcher // of one element
	text bool
	all  bool
}

func (m *listIn) match(v *fields.Value) bool {
	var one fields.Value
	if m.text {
		for _, s := range v.Strs {
			one.S = s
			if m.elem.match(&one) != m.all {
				return !m.all
			}
		}
		return m.all
	}
	for _, n := range v.Nums {
		one.N = n
		if m.elem.match(&one) != m.all {
			return !m.all
		}
	}
	return m.all
}
