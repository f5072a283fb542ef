// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"slices"
	"strings"
)

// keyed describes which values a check can hold for: those that equal, start
// or end with one of some texts, or one of some numbers. It may describe more
// values than the check holds for, never fewer.
type keyed struct {
	value int32
	how   keyKind
	texts []string
	nums  []uint64
}

type keyKind uint8

const (
	keyNum keyKind = iota
	keyText
	keySuffix
	keyPrefix
	keyPath // keyPrefix for values without repeated slashes
)

// newKeyed returns nil for a check that holds for more values than can be
// listed, and for the event's type, by which conditions are found anyway.
func newKeyed(v *value, left int32, op string, list []literal) *keyed {
	f, ok := v.source.(*fieldSource)
	if v.list || v.multi != nil || ok && (f.ref.Field.Name == "evt.type" || f.ref.Field.Name == "syscall.type") {
		return nil
	}
	equal := op == "=" || op == "in" || op == "intersects"
	k := &keyed{value: left}
	switch c := v.class(); {
	case equal && (c == classSigned || c == classUnsigned):
		for _, l := range list {
			k.nums = append(k.nums, l.n)
		}
		return k
	case c != classString:
		return nil
	case equal:
		k.how = keyText
	case op == "startswith" || op == "glob":
		k.how = keyPrefix
	case op == "endswith":
		k.how = keySuffix
	case op == "pmatch":
		k.how = keyPath
	default:
		return nil
	}
	for _, l := range list {
		text := l.s
		switch op {
		case "glob":
			if i := strings.IndexAny(text, `*?[\`); i >= 0 {
				text = text[:i]
			}
		case "pmatch":
			text = plainPath(text)
		}
		if text == "" && k.how != keyText {
			return nil
		}
		k.texts = append(k.texts, text)
	}
	return k
}

// plainPath returns the components of a path before its first glob.
func plainPath(path string) string {
	plain := ""
	for {
		var name string
		if name, path = component(path); name == "" || strings.ContainsAny(name, "?*[") {
			return plain
		}
		plain += "/" + name
	}
}

// keyIndex finds conditions by a value of the event. Sets of conditions are
// bit sets by id.
type keyIndex struct {
	value    int32
	all      []uint64 // conditions that it decides about
	paths    []uint64 // those of them that need a path without repeated slashes
	hasPaths bool
	byNum    map[uint64][]uint64
	byText   map[string][]uint64
	prefix   affixIndex
	suffix   affixIndex
}

// affixIndex finds conditions by how a text starts or ends.
type affixIndex struct {
	lengths []int // of the texts, ascending
	byText  map[string][]uint64
}

// minKeyed is how many conditions a value must find: for fewer a look into a
// map is not worth it.
const minKeyed = 4

// indexKeys chooses for each condition the value that finds most conditions,
// an exact one before a part.
func (x *index) indexKeys(parts []part, needs [][]ref) []*keyIndex {
	count := map[int32]int{}
	for _, list := range needs {
		seen := map[int32]bool{}
		for _, r := range list {
			if k := parts[r.node()].index; k != nil && !r.inv() && !seen[k.value] {
				seen[k.value] = true
				count[k.value]++
			}
		}
	}
	byValue := map[int32]*keyIndex{}
	for id, list := range needs {
		var best *keyed
		for _, r := range list {
			k := parts[r.node()].index
			if k != nil && !r.inv() && count[k.value] >= minKeyed && (best == nil || better(k, best, count)) {
				best = k
			}
		}
		if best == nil {
			continue
		}
		ki := byValue[best.value]
		if ki == nil {
			ki = newKeyIndex(best.value, x.words)
			byValue[best.value] = ki
		}
		ki.add(id, best)
	}
	var keys []*keyIndex
	for _, ki := range byValue {
		slices.Sort(ki.prefix.lengths)
		slices.Sort(ki.suffix.lengths)
		keys = append(keys, ki)
	}
	slices.SortFunc(keys, func(a, b *keyIndex) int { return cmp.Compare(a.value, b.value) })
	return keys
}

// better prefers equality, then the value that finds more conditions, then
// the shorter list.
func better(k, than *keyed, count map[int32]int) bool {
	partly := func(k *keyed) int {
		if k.how > keyText {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(partly(k), partly(than)),
		cmp.Compare(count[than.value], count[k.value]),
		cmp.Compare(len(k.texts)+len(k.nums), len(than.texts)+len(than.nums)),
	) < 0
}

func newKeyIndex(value int32, words int) *keyIndex {
	return &keyIndex{
		value: value, all: make([]uint64, words), paths: make([]uint64, words),
		byNum: map[uint64][]uint64{}, byText: map[string][]uint64{},
		prefix: affixIndex{byText: map[string][]uint64{}}, suffix: affixIndex{byText: map[string][]uint64{}},
	}
}

func (x *keyIndex) add(id int, k *keyed) {
	bit := uint64(1) << (id % 64)
	x.all[id/64] |= bit
	for _, n := range k.nums {
		if x.byNum[n] == nil {
			x.byNum[n] = make([]uint64, len(x.all))
		}
		x.byNum[n][id/64] |= bit
	}
	m := x.byText
	switch k.how {
	case keyPath:
		x.paths[id/64] |= bit
		x.hasPaths = true
		m = x.prefix.byText
	case keyPrefix:
		m = x.prefix.byText
	case keySuffix:
		m = x.suffix.byText
	}
	for _, s := range k.texts {
		if m[s] == nil {
			m[s] = make([]uint64, len(x.all))
		}
		m[s][id/64] |= bit
		switch k.how {
		case keyPath, keyPrefix:
			x.prefix.addLength(len(s))
		case keySuffix:
			x.suffix.addLength(len(s))
		}
	}
}

func (x *affixIndex) addLength(n int) {
	if !slices.Contains(x.lengths, n) {
		x.lengths = append(x.lengths, n)
	}
}

// restrict takes out of r.cand the conditions that the value rules out.
func (x *keyIndex) restrict(r *Run) {
	clear(r.hit)
	if v, ok := r.value(x.value); ok {
		if len(x.byNum) > 0 {
			unite(r.hit, x.byNum[v.N])
		}
		if len(x.byText) > 0 {
			unite(r.hit, x.byText[v.S])
		}
		for _, n := range x.prefix.lengths {
			if n > len(v.S) {
				break
			}
			unite(r.hit, x.prefix.byText[v.S[:n]])
		}
		for _, n := range x.suffix.lengths {
			if n > len(v.S) {
				break
			}
			unite(r.hit, x.suffix.byText[v.S[len(v.S)-n:]])
		}
		if x.hasPaths && !isPlainPath(v.S) {
			unite(r.hit, x.paths)
		}
	}
	for w := range r.cand {
		r.cand[w] &= r.hit[w] | ^x.all[w]
	}
}

// isPlainPath reports whether a path can be compared with others as text.
func isPlainPath(s string) bool { return strings.HasPrefix(s, "/") && !strings.Contains(s, "//") }

// unite puts the members of add, which may be nil, into s.
func unite(s, add []uint64) {
	for i, w := range add {
		s[i] |= w
	}
}
