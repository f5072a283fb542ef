// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// attrs are the attributes of a step. What nobody has taken at its end is a
// mistake in the script.
type attrs struct {
	line   int
	values map[string]*yaml.Node
	order  []string
}

func newAttrs(n *yaml.Node) (*attrs, error) {
	a := &attrs{line: n.Line, values: map[string]*yaml.Node{}}
	if n.Kind == yaml.ScalarNode && (n.Value == "" || n.ShortTag() == "!!null") {
		return a, nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: what belongs to an event is a map", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if a.values[key] != nil {
			return nil, fmt.Errorf("line %d: %q is there twice", n.Content[i].Line, key)
		}
		v := n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		a.values[key] = v
		a.order = append(a.order, key)
	}
	return a, nil
}

func (a *attrs) take(key string) *yaml.Node {
	n := a.values[key]
	delete(a.values, key)
	return n
}

// text takes a single value, or the fallback when it is not there.
func (a *attrs) text(key, fallback string) (string, error) {
	n := a.take(key)
	if n == nil {
		return fallback, nil
	}
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: %s is a single value", n.Line, key)
	}
	return n.Value, nil
}

func (a *attrs) number(key string, fallback int64) (int64, error) {
	s, err := a.text(key, "")
	if err != nil || s == "" {
		return fallback, err
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("line %d: %s is a number, not %q", a.line, key, s)
	}
	return v, nil
}

// list takes a list of texts, or a single one.
func (a *attrs) list(key string) ([]string, error) {
	n := a.take(key)
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode:
		return textList(n)
	}
	return nil, fmt.Errorf("line %d: %s is a text or a list of texts", n.Line, key)
}

// left is the error of what nobody took.
func (a *attrs) left(what string, known []string) error {
	for _, key := range a.order {
		if n := a.values[key]; n != nil {
			return fmt.Errorf("line %d: %s has no %q; it has %s", n.Line, what, key, strings.Join(known, ", "))
		}
	}
	return nil
}
