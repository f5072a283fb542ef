// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strings"
)

// affixTree finds which of many texts a value starts with, or ends with, in
// one walk along the value: a radix tree. A value that leaves all texts early
// is done early.
type affixTree struct {
	backward bool // for ends: texts and labels are reversed
	nodes    []affixNode
}

type affixNode struct {
	label string // from the parent; of a child its first byte is in first
	first string // the first bytes of the children's labels
	child int32  // the first child; the others follow
	post  int32  // what is found here, 0 for nothing
}

// newAffixTree makes a tree of texts, with what each finds.
func newAffixTree(finds map[string]int32, backward bool) *affixTree {
	t := &affixTree{backward: backward}
	type entry struct {
		text string
		post int32
	}
	var list []entry
	for s, post := range finds {
		if backward {
			s = reversed(s)
		}
		list = append(list, entry{s, post})
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	t.nodes = append(t.nodes, affixNode{})
	// fill makes the children of node at for sorted texts that share their
	// first depth bytes.
	var fill func(at int32, list []entry, depth int)
	fill = func(at int32, list []entry, depth int) {
		if len(list) > 0 && len(list[0].text) == depth {
			t.nodes[at].post = list[0].post
			list = list[1:]
		}
		var groups [][]entry
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && list[to].text[depth] == list[from].text[depth] {
				to++
			}
			groups = append(groups, list[from:to])
			from = to
		}
		child := int32(len(t.nodes))
		t.nodes[at].child = child
		first := make([]byte, len(groups))
		for i, g := range groups {
			end := commonLength(g[0].text, g[len(g)-1].text)
			t.nodes = append(t.nodes, affixNode{label: strings.Clone(g[0].text[depth:end])})
			first[i] = g[0].text[depth]
		}
		t.nodes[at].first = string(first)
		for i, g := range groups {
			fill(child+int32(i), g, depth+len(t.nodes[child+int32(i)].label))
		}
	}
	fill(0, list, 0)
	return t
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func commonLength(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// find wakes what the texts find that s starts (or ends) with.
func (t *affixTree) find(s string, r *Run, p *probe) {
	at := &t.nodes[0]
	for depth := 0; depth < len(s); {
		c := s[depth]
		if t.backward {
			c = s[len(s)-1-depth]
		}
		i := strings.IndexByte(at.first, c)
		if i < 0 {
			return
		}
		at = &t.nodes[at.child+int32(i)]
		n := len(at.label)
		switch {
		case len(s)-depth < n:
			return
		case n == 1:
		case t.backward:
			for j := 1; j < n; j++ {
				if s[len(s)-1-depth-j] != at.label[j] {
					return
				}
			}
		case s[depth:depth+n] != at.label:
			return
		}
		depth += n
		if at.post != 0 {
			r.wake(&p.postings[at.post])
		}
	}
}

func (t *affixTree) bytes() int {
	n := 0
	for i := range t.nodes {
		n += 40 + len(t.nodes[i].label) + len(t.nodes[i].first)
	}
	return n
}
