// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// Kind is the shape of a Node.
type Kind uint8

// Shapes.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// String returns the shape's name as error texts use it.
func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a map"}[k]
}

// Origin is where a value was written. Line and Col count from 1; they are 0
// for a value from the command line, whose File is the option as given.
type Origin struct {
	File      string
	Line, Col int
}

// String returns file:line:column, or the option.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Col)
}

// Node is one value of a configuration tree. It is a tree of our own and not
// YAML's, because overrides and included files rewrite it and every value must
// still know where it came from.
type Node struct {
	Kind    Kind
	Text    string // of a scalar
	Quoted  bool   // the scalar was quoted: never null
	written bool   // a null that stands in a file
	Keys    []string
	Items   []*Node // of a list, or the values of Keys
	Origin  Origin
}

// maxNodes bounds what aliases can blow a file up to.
const maxNodes = 100_000

var errTooBig = errors.New("the file expands to more than 100000 values (aliases?)")

// parse reads the first document of a YAML text, expanding ${NAME} in every
// scalar by env (nil: no expansion). An empty text gives an empty map.
func parse(text []byte, file string, env func(string) (string, bool)) (*Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(withoutVersion(text), &doc); err != nil {
		return nil, err
	}
	b := builder{file: file, env: env}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return &Node{Kind: Map, Origin: Origin{File: file, Line: 1, Col: 1}}, nil
	}
	return b.build(doc.Content[0])
}

// withoutVersion makes a comment of a %YAML directive at the beginning: the
// parser knows no version but 1.1, and nothing here depends on it.
func withoutVersion(text []byte) []byte {
	at := 0
	for line := range bytes.Lines(text) {
		switch {
		case bytes.HasPrefix(line, []byte("%YAML 1.")):
			text = bytes.Clone(text)
			text[at] = '#'
			return text
		case line[0] != '%' && line[0] != '#' && len(bytes.TrimSpace(line)) > 0:
			return text
		}
		at += len(line)
	}
	return text
}

type builder struct {
	file  string
	env   func(string) (string, bool)
	nodes int
}

func (b *builder) build(y *yaml.Node) (*Node, error) {
	if b.nodes++; b.nodes > maxNodes {
		return nil, errTooBig
	}
	n := &Node{Origin: Origin{File: b.file, Line: y.Line, Col: y.Column}}
	switch y.Kind {
	case yaml.AliasNode:
		if y.Alias == nil {
			return nil, fmt.Errorf("yaml: line %d: unknown alias", y.Line)
		}
		return b.build(y.Alias)
	case yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			item, err := b.build(c)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, item)
		}
	case yaml.MappingNode:
		n.Kind = Map
		for i := 0; i+1 < len(y.Content); i += 2 {
			item, err := b.build(y.Content[i+1])
			if err != nil {
				return nil, err
			}
			if n.Get(y.Content[i].Value) == nil { // the first of equal keys counts
				n.Keys = append(n.Keys, y.Content[i].Value)
				n.Items = append(n.Items, item)
			}
		}
	default:
		n.Kind = Scalar
		n.Text = y.Value
		n.Quoted = y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
		if !n.Quoted && isNullText(n.Text) {
			n.Kind = Null
			n.Text, n.written = "", true
		} else if b.env != nil {
			n.Text = Expand(n.Text, b.env)
		}
	}
	return n, nil
}

func isNullText(s string) bool {
	return s == "" || s == "~" || s == "null" || s == "Null" || s == "NULL"
}

// Get returns the value of key in a map, nil when n is no map or lacks it.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i, k := range n.Keys {
		if k == key {
			return n.Items[i]
		}
	}
	return nil
}

// set puts v under key, replacing what was there.
func (n *Node) set(key string, v *Node) {
	for i, k := range n.Keys {
		if k == key {
			n.Items[i] = v
			return
		}
	}
	n.Keys = append(n.Keys, key)
	n.Items = append(n.Items, v)
}

// becomeMap turns a list into a map with the keys 0, 1, ... and nothing into
// an empty map.
func (n *Node) becomeMap() {
	n.Keys = make([]string, len(n.Items))
	for i := range n.Items {
		n.Keys[i] = strconv.Itoa(i)
	}
	n.Kind = Map
}

// Clone returns a deep copy.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Keys = append([]string(nil), n.Keys...)
	c.Items = make([]*Node, len(n.Items))
	for i, item := range n.Items {
		c.Items[i] = item.Clone()
	}
	return &c
}
