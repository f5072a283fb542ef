// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"slices"
	"strings"
)

// gramLength is how many bytes of a text lead to it.
const gramLength = 4

// gramTable finds which of many texts a value contains. It looks at every four
// bytes of the value; a bit set tells for nearly all of them that no text is
// known by these. Texts of fewer bytes are looked for one by one.
type gramTable struct {
	fold   bool // ASCII letters match whatever their case
	shift  uint32
	filter []uint64
	heads  *numTable // by gram: one more than the first of its texts
	texts  []gramText
	short  []gramText
}

type gramText struct {
	text string
	off  int32 // where its gram lies in it
	next int32 // one more than the next text of that gram, or 0
	post int32
}

// newGramTable makes a table of texts, with what each finds.
func newGramTable(finds map[string]int32, fold bool) *gramTable {
	t := &gramTable{fold: fold, heads: newNumTable(len(finds))}
	var all []gramText
	for s, post := range finds {
		all = append(all, gramText{text: s, post: post})
	}
	slices.SortFunc(all, func(a, b gramText) int { return cmp.Compare(a.text, b.text) })
	// Known by the gram that fewest texts have, of those the last one: paths
	// and commands begin alike.
	often := map[uint32]int{}
	for i := range all {
		for off := 0; off+gramLength <= len(all[i].text); off++ {
			often[t.gram(all[i].text, off)]++
		}
	}
	bits := uint32(9)
	for 1<<bits < 32*len(all) && bits < 18 {
		bits++
	}
	t.shift = 32 - bits
	t.filter = make([]uint64, 1<<bits/64)
	for _, x := range all {
		if len(x.text) < gramLength {
			t.short = append(t.short, x)
			continue
		}
		for off := range int32(len(x.text) - gramLength + 1) {
			if often[t.gram(x.text, int(off))] <= often[t.gram(x.text, int(x.off))] {
				x.off = off
			}
		}
		g := t.gram(x.text, int(x.off))
		h := g * gramHash >> t.shift
		t.filter[h/64] |= 1 << (h % 64)
		x.next = t.heads.get(uint64(g))
		t.texts = append(t.texts, x)
		t.heads.set(uint64(g), int32(len(t.texts)))
	}
	return t
}

const gramHash = 2654435761 // Knuth's multiplicative hash

func (t *gramTable) gram(s string, off int) uint32 {
	g := uint32(s[off]) | uint32(s[off+1])<<8 | uint32(s[off+2])<<16 | uint32(s[off+3])<<24
	if t.fold {
		g |= foldMask
	}
	return g
}

// foldMask makes letters small. It also makes other bytes alike, which costs a
// comparison and nothing else.
const foldMask = 0x20202020

// find wakes what the texts find that s contains.
func (t *gramTable) find(s string, r *Run, p *probe) {
	for i := range t.short {
		x := &t.short[i]
		if t.fold && containsFold(s, x.text) || !t.fold && strings.Contains(s, x.text) {
			r.wake(&p.postings[x.post])
		}
	}
	if len(s) < gramLength || len(t.texts) == 0 {
		return
	}
	mask := uint32(0)
	if t.fold {
		mask = foldMask
	}
	w := uint32(s[0])<<8 | uint32(s[1])<<16 | uint32(s[2])<<24
	for i := 3; i < len(s); i++ {
		w = w>>8 | uint32(s[i])<<24
		g := w | mask
		h := g * gramHash >> t.shift
		if t.filter[h/64]&(1<<(h%64)) != 0 {
			t.at(s, i-3, g, r, p)
		}
	}
}

// at looks at the texts that are known by the gram at i.
func (t *gramTable) at(s string, i int, g uint32, r *Run, p *probe) {
	for n := t.heads.get(uint64(g)); n != 0; {
		x := &t.texts[n-1]
		from := i - int(x.off)
		if from >= 0 && from+len(x.text) <= len(s) {
			part := s[from : from+len(x.text)]
			if part == x.text || t.fold && equalFold(part, x.text) {
				r.wake(&p.postings[x.post])
			}
		}
		n = x.next
	}
}

func (t *gramTable) bytes() int {
	n := 8*len(t.filter) + t.heads.bytes()
	for _, list := range [][]gramText{t.texts, t.short} {
		for i := range list {
			n += 32 + len(list[i].text)
		}
	}
	return n
}
