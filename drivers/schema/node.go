// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// node is a YAML node that knows its file.
type node struct {
	*yaml.Node
	file string
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	value node
}

func (n node) pos() Pos { return Pos{n.file, n.Line} }

func (n node) errorf(format string, args ...any) error { return n.pos().Errorf(format, args...) }

// readFile returns the top node of a file.
func readFile(fsys fs.FS, file string) (node, error) {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return node{}, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return node{}, fmt.Errorf("%s: %w", file, err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return node{}, Pos{file, 1}.Errorf("the file is empty")
	}
	return node{doc.Content[0], file}, nil
}

// entries returns the pairs of a mapping in file order; keys are unique.
func (n node) entries() ([]entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, n.errorf("want a mapping")
	}
	out := make([]entry, 0, len(n.Content)/2)
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		if seen[k.Value] {
			return nil, Pos{n.file, k.Line}.Errorf("%q is given twice", k.Value)
		}
		seen[k.Value] = true
		out = append(out, entry{k.Value, node{n.Content[i+1], n.file}})
	}
	return out, nil
}

// keys is a list of keys of a mapping, separated by blanks.
type keys string

func (k keys) list() []string { return strings.Fields(string(k)) }

// fields returns the values of a mapping that must have some keys and may have
// others.
func (n node) fields(required, optional keys) (map[string]node, error) {
	es, err := n.entries()
	if err != nil {
		return nil, err
	}
	known := append(required.list(), optional.list()...)
	m := make(map[string]node, len(es))
	for _, e := range es {
		if !slices.Contains(known, e.key) {
			return nil, e.value.errorf("unknown key %q (known: %s)", e.key, strings.Join(known, ", "))
		}
		m[e.key] = e.value
	}
	for _, k := range required.list() {
		if _, ok := m[k]; !ok {
			return nil, n.errorf("the entry has no %s", k)
		}
	}
	return m, nil
}

// items returns the elements of a list.
func (n node) items() ([]node, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, n.errorf("want a list")
	}
	out := make([]node, len(n.Content))
	for i, c := range n.Content {
		out[i] = node{c, n.file}
	}
	return out, nil
}

// text returns a scalar.
func (n node) text() (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", n.errorf("want a word")
	}
	return n.Value, nil
}

// texts returns a list of scalars.
func (n node) texts() ([]string, error) {
	ns, err := n.items()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(ns))
	for i, c := range ns {
		if out[i], err = c.text(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// number returns an integer (decimal or 0x) from lo to hi.
func (n node) number(lo, hi int64) (int64, error) {
	t, err := n.text()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(t, 0, 64)
	if err != nil {
		return 0, n.errorf("%q is not a number", t)
	}
	if v < lo || v > hi {
		return 0, n.errorf("%d is out of range (%d to %d)", v, lo, hi)
	}
	return v, nil
}

// numbers returns a number or a list of numbers.
func (n node) numbers(lo, hi int64) ([]int, error) {
	ns := []node{n}
	if n.Kind == yaml.SequenceNode {
		ns, _ = n.items()
	}
	var out []int
	for _, c := range ns {
		v, err := c.number(lo, hi)
		if err != nil {
			return nil, err
		}
		out = append(out, int(v))
	}
	return out, nil
}

// oneOf returns a scalar that must be one of the words.
func (n node) oneOf(words ...string) (string, error) {
	t, err := n.text()
	if err != nil {
		return "", err
	}
	if !slices.Contains(words, t) {
		return "", n.errorf("%q is not one of %s", t, strings.Join(words, ", "))
	}
	return t, nil
}
