// SPDX-License-Identifier: Apache-2.0

package evtset

import (
	"math/bits"

	"github.com/tiercel/tiercel/scap"
)

const typeWords = 8

// Types is a set of event types. It is a value: assignment copies it, ==
// compares it, the zero value is the empty set.
type Types struct {
	w [typeWords]uint64
}

// AllTypes returns the set of all event types of the tables.
func AllTypes() Types {
	var t Types
	for i := range scap.Events {
		t.Add(scap.EventType(i))
	}
	return t
}

// Add puts e into the set; a type beyond the set's range is ignored.
func (t *Types) Add(e scap.EventType) {
	if int(e) < typeWords*64 {
		t.w[e/64] |= 1 << (e % 64)
	}
}

// Has reports whether e is in the set.
func (t Types) Has(e scap.EventType) bool {
	return int(e) < typeWords*64 && t.w[e/64]&(1<<(e%64)) != 0
}

// Len returns the number of members.
func (t Types) Len() int {
	n := 0
	for _, w := range t.w {
		n += bits.OnesCount64(w)
	}
	return n
}

// IsEmpty reports whether the set has no member.
func (t Types) IsEmpty() bool { return t == Types{} }

// All reports whether every event type is in the set.
func (t Types) All() bool { return t.Len() >= len(scap.Events) }

// Union returns the types in t or u.
func (t Types) Union(u Types) Types {
	for i := range t.w {
		t.w[i] |= u.w[i]
	}
	return t
}

// Intersect returns the types in t and u.
func (t Types) Intersect(u Types) Types {
	for i := range t.w {
		t.w[i] &= u.w[i]
	}
	return t
}

// Minus returns the types in t but not in u.
func (t Types) Minus(u Types) Types {
	for i := range t.w {
		t.w[i] &^= u.w[i]
	}
	return t
}

// Each ranges over the members in ascending order.
func (t Types) Each(yield func(scap.EventType) bool) {
	for i, w := range t.w {
		for ; w != 0; w &= w - 1 {
			if !yield(scap.EventType(i*64 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
