// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// numTable maps numbers to what they find, 0 for nothing.
type numTable struct {
	shift uint8
	keys  []uint64
	vals  []int32
}

func newNumTable(size int) *numTable {
	n := max(4, bits.Len(uint(2*size)))
	return &numTable{shift: uint8(64 - n), keys: make([]uint64, 1<<n), vals: make([]int32, 1<<n)}
}

const numHash = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio

func (t *numTable) get(key uint64) int32 {
	for i := key * numHash >> t.shift; ; i = (i + 1) & uint64(len(t.keys)-1) {
		if t.vals[i] == 0 {
			return 0
		}
		if t.keys[i] == key {
			return t.vals[i]
		}
	}
}

// set gives key a value that is not 0. There must be room: at most the size
// that the table was made for.
func (t *numTable) set(key uint64, val int32) {
	i := key * numHash >> t.shift
	for t.vals[i] != 0 && t.keys[i] != key {
		i = (i + 1) & uint64(len(t.keys)-1)
	}
	t.keys[i], t.vals[i] = key, val
}

func (t *numTable) bytes() int { return 12 * len(t.keys) }

// netTable finds the networks that an address lies in: one lookup for each
// length of a prefix. Different networks of IPv6 may find each other's
// conditions, because only a hash is kept; that costs a look and nothing else.
type netTable struct {
	lengths4, lengths6 []int
	nets               *numTable
}

func newNetTable(list []*atom) *netTable {
	t := &netTable{nets: newNumTable(len(list))}
	for _, a := range list {
		lengths := &t.lengths4
		if len(a.text) == 16 {
			lengths = &t.lengths6
		}
		if n := int(a.lo); !slices.Contains(*lengths, n) {
			*lengths = append(*lengths, n)
		}
	}
	slices.Sort(t.lengths4)
	slices.Sort(t.lengths6)
	return t
}

// netKey identifies the first n bits of an address.
func netKey(a []byte, n int) uint64 {
	if len(a) == 4 {
		return uint64(binary.BigEndian.Uint32(a))>>(32-n)<<8 | uint64(n)
	}
	hi, lo := binary.BigEndian.Uint64(a), binary.BigEndian.Uint64(a[8:])
	if n <= 64 {
		return (hi>>(64-n))*numHash ^ uint64(n)<<56
	}
	return hi*numHash ^ bits.RotateLeft64((lo>>(128-n))*numHash, 32) ^ uint64(n)<<56
}

func (t *netTable) find(addr string, r *Run, p *probe) {
	a := unsafeBytes(addr)
	var lengths []int
	switch len(a) {
	case 4:
		lengths = t.lengths4
	case 16:
		lengths = t.lengths6
	}
	for _, n := range lengths {
		if post := t.nets.get(netKey(a, n)); post != 0 {
			r.wake(&p.postings[post])
		}
	}
}

// rangeTable finds the ranges that a number lies in: between two starts the
// answer is the same.
type rangeTable struct {
	flip   uint64   // what makes the numbers of the class ascend
	starts []uint64 // ascending; the first is 0
	posts  []int32
}

func (t *rangeTable) find(n uint64, r *Run, p *probe) {
	i, found := slices.BinarySearch(t.starts, n^t.flip)
	if !found {
		i--
	}
	if post := t.posts[i]; post != 0 {
		r.wake(&p.postings[post])
	}
}
