// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"iter"
	"math/bits"
)

const setWords = 10

// SyscallSet is a set of SC codes (system calls and tracepoints; room for 640
// members). It is a value: assignment copies it, == compares it, the zero
// value is the empty set.
type SyscallSet struct {
	w [setWords]uint64
}

// NewSyscallSet returns the set of the given codes.
func NewSyscallSet(codes ...SC) SyscallSet {
	var s SyscallSet
	for _, c := range codes {
		s.Add(c)
	}
	return s
}

// Add puts c into the set; a code beyond the set's range is ignored (the
// tables end far below it, as a test holds).
func (s *SyscallSet) Add(c SC) {
	if int(c) < setWords*64 {
		s.w[c/64] |= 1 << (c % 64)
	}
}

// Remove takes c out of the set.
func (s *SyscallSet) Remove(c SC) {
	if int(c) < setWords*64 {
		s.w[c/64] &^= 1 << (c % 64)
	}
}

// Has reports whether c is in the set.
func (s SyscallSet) Has(c SC) bool {
	return int(c) < setWords*64 && s.w[c/64]&(1<<(c%64)) != 0
}

// Len returns the number of members.
func (s SyscallSet) Len() int {
	n := 0
	for _, w := range s.w {
		n += bits.OnesCount64(w)
	}
	return n
}

// IsEmpty reports whether the set has no member.
func (s SyscallSet) IsEmpty() bool { return s == SyscallSet{} }

// Union returns the codes in s or t.
func (s SyscallSet) Union(t SyscallSet) SyscallSet {
	for i := range s.w {
		s.w[i] |= t.w[i]
	}
	return s
}

// Intersect returns the codes in s and t.
func (s SyscallSet) Intersect(t SyscallSet) SyscallSet {
	for i := range s.w {
		s.w[i] &= t.w[i]
	}
	return s
}

// Minus returns the codes in s but not in t.
func (s SyscallSet) Minus(t SyscallSet) SyscallSet {
	for i := range s.w {
		s.w[i] &^= t.w[i]
	}
	return s
}

// Equal reports whether s and t have the same members; it is ==.
func (s SyscallSet) Equal(t SyscallSet) bool { return s == t }

// ContainsAll reports whether every member of t is in s.
func (s SyscallSet) ContainsAll(t SyscallSet) bool { return t.Minus(s).IsEmpty() }

// Intersects reports whether s and t have a member in common.
func (s SyscallSet) Intersects(t SyscallSet) bool { return !s.Intersect(t).IsEmpty() }

// Words returns the set as a bitmap: bit c%64 of word c/64 is code c. It is
// what a driver copies to the kernel.
func (s SyscallSet) Words() [setWords]uint64 { return s.w }

// All ranges over the members in ascending order.
func (s SyscallSet) All() iter.Seq[SC] {
	return func(yield func(SC) bool) {
		for i, w := range s.w {
			for w != 0 {
				b := bits.TrailingZeros64(w)
				if !yield(SC(i*64 + b)) {
					return
				}
				w &= w - 1
			}
		}
	}
}
