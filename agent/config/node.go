// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/tiercel/tiercel/rules"
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
	twice   *Node // of a map: a value that does not count, because its key is there before
	// KeyOrigin is where the key stands that the value is of, in a file.
	KeyOrigin Origin
}

// Limits against files that are made to exhaust memory or the stack. They are
// far above what configurations need.
const (
	maxFileSize = 8 << 20
	maxScalar   = 1 << 20
	maxDepth    = 64      // of nested collections in the text
	maxNodes    = 100_000 // with aliases counted each time that they stand for something
)

// parse reads the first document of a YAML text, expanding ${NAME} in every
// scalar by env (nil: no expansion). An empty text gives nothing. Of
// repeated keys the first counts, as in the reference; the warnings name them.
func parse(text []byte, file string, env func(string) (string, bool)) (n *Node, warnings []string, err error) {
	if len(text) > maxFileSize {
		return nil, nil, fmt.Errorf("the file is larger than %d MiB", maxFileSize>>20)
	}
	// The builder counts what aliases stand for: the parser need not.
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())
	loader, err := yaml.NewLoader(bytes.NewReader(withoutVersion(text)), yaml.WithUniqueKeys(false), yaml.WithPlugin(limits))
	if err != nil {
		return nil, nil, err
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, syntaxError(text, err)
	}
	b := builder{file: file, env: env}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return &Node{Origin: Origin{File: file, Line: 1, Col: 1}}, nil, nil
	}
	n, err = b.build(doc.Content[0])
	return n, b.warnings, err
}

// syntaxError puts an error of the parser into one line with its place.
func syntaxError(text []byte, err error) error {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return err
	}
	msg := le.Message
	if le.ContextMsg != "" {
		msg += " (" + le.ContextMsg + ")"
	}
	line, col := le.Mark.Line, le.Mark.Column
	if line == 0 { // the parser's reader counts no lines
		line, col = rules.Unreadable(text)
	}
	return fmt.Errorf("yaml: line %d, column %d: %s", max(1, line), max(1, col), msg)
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

	warnings []string
}

func (b *builder) build(y *yaml.Node) (*Node, error) {
	if b.nodes++; b.nodes > maxNodes {
		return nil, fmt.Errorf("yaml: line %d: the file expands to more than %d values (aliases?)", y.Line, maxNodes)
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
		if err := b.buildMap(y, n); err != nil {
			return nil, err
		}
	default:
		if len(y.Value) > maxScalar {
			return nil, fmt.Errorf("yaml: line %d: a text is longer than %d MiB", y.Line, maxScalar>>20)
		}
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

func (b *builder) buildMap(y *yaml.Node, n *Node) error {
	first := make(map[string]int, len(y.Content)/2) // line of each key
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		item, err := b.build(y.Content[i+1])
		if err != nil {
			return err
		}
		item.KeyOrigin = Origin{File: b.file, Line: k.Line, Col: k.Column}
		if line, seen := first[k.Value]; seen {
			n.twice = item
			if len(b.warnings) < maxStray {
				b.warnings = append(b.warnings, fmt.Sprintf("configuration key %q (%s) is there twice: the first one, on line %d, counts", k.Value, item.KeyOrigin, line))
			}
			continue
		}
		first[k.Value] = k.Line
		n.Keys = append(n.Keys, k.Value)
		n.Items = append(n.Items, item)
	}
	return nil
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
