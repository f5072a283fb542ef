// SPDX-License-Identifier: Apache-2.0

package program

import "hash/maphash"

// dict numbers the texts that a value is compared with, while a program is
// built.
type dict struct {
	ids   map[string]int32
	texts []string
}

func (d *dict) add(texts []string) {
	for _, s := range texts {
		if _, ok := d.ids[s]; !ok {
			d.ids[s] = int32(len(d.texts))
			d.texts = append(d.texts, s)
		}
	}
}

// textTable finds the number of a text: one lookup answers every comparison
// of a value with constants. Most values are not in it, so the lengths of its
// texts are asked first.
type textTable struct {
	lengths uint64 // bit n: a text of n bytes, bit 63 for longer ones
	mask    uint32
	slots   []textSlot
	texts   []string
}

// textSlot is empty when id is 0; else the number is one less.
type textSlot struct {
	hash uint32
	id   int32
}

// noText is the number of texts that are not in a table.
const noText int32 = -1

var hashSeed = maphash.MakeSeed()

func newTextTable(texts []string) *textTable {
	size := 4
	for size < 2*len(texts) {
		size *= 2
	}
	t := &textTable{mask: uint32(size - 1), slots: make([]textSlot, size), texts: texts}
	for id, s := range texts {
		t.lengths |= 1 << min(len(s), 63)
		h := uint32(maphash.String(hashSeed, s))
		i := h & t.mask
		for t.slots[i].id != 0 {
			i = (i + 1) & t.mask
		}
		t.slots[i] = textSlot{h, int32(id) + 1}
	}
	return t
}

// find returns the number of s, or noText.
func (t *textTable) find(s string) int32 {
	if t == nil || t.lengths&(1<<min(len(s), 63)) == 0 {
		return noText
	}
	h := uint32(maphash.String(hashSeed, s))
	for i := h & t.mask; ; i = (i + 1) & t.mask {
		slot := t.slots[i]
		if slot.id == 0 {
			return noText
		}
		if slot.hash == h && t.texts[slot.id-1] == s {
			return slot.id - 1
		}
	}
}

func (t *textTable) bytes() int {
	n := 8*len(t.slots) + 16*len(t.texts)
	for _, s := range t.texts {
		n += len(s)
	}
	return n
}

// idSet is a set of numbers of texts: a bit set from its least member on.
type idSet struct {
	first int32 // a multiple of 64
	bits  []uint64
}

func newIDSet(ids []int32) idSet {
	lo, hi := ids[0], ids[0]
	for _, id := range ids {
		lo, hi = min(lo, id), max(hi, id)
	}
	s := idSet{first: lo &^ 63}
	s.bits = make([]uint64, (hi-s.first)/64+1)
	for _, id := range ids {
		s.bits[(id-s.first)/64] |= 1 << (id % 64)
	}
	return s
}

func (s *idSet) has(id int32) bool {
	w := uint32(id-s.first) / 64
	return w < uint32(len(s.bits)) && s.bits[w]&(1<<(uint32(id)%64)) != 0
}
