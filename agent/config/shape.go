// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Shape describes what a value must look like: the schema that Check holds
// files against and that JSONSchema prints. Types are weak: every scalar is
// text, and a text that reads as a number or as true or false is one.
type Shape struct {
	typ      string // object, array, string, boolean, integer, number, null; "" is anything
	props    []prop
	items    *Shape
	oneOf    []*Shape
	enum     []string
	min, max float64
	limited  bool
	open     bool // an object with keys of the user's choice
	loose    bool // an object that may have other keys, too
	empty    bool // an object that may have no key
	hidden   bool // known to the reader, unknown to the schema
	doc      string
	def      string
}

type prop struct {
	name     string
	shape    *Shape
	required bool
}

var (
	str     = &Shape{typ: "string"}
	boolean = &Shape{typ: "boolean"}
	openMap = &Shape{typ: "object", open: true}
	textMap = &Shape{typ: "object", open: true, items: str}
	null    = &Shape{typ: "null"}
	hidden  = &Shape{hidden: true}

	ruleSelector = object(opt("rule", str), opt("tag", str))
)

func listOf(items *Shape) *Shape     { return &Shape{typ: "array", items: items} }
func oneOf(shapes ...*Shape) *Shape  { return &Shape{oneOf: shapes} }
func enum(values ...string) *Shape   { return &Shape{typ: "string", enum: values} }
func object(props ...prop) *Shape    { return &Shape{typ: "object", props: props} }
func maybeEmpty(s *Shape) *Shape     { s.empty = true; return s }
func req(name string, s *Shape) prop { return prop{name, s, true} }
func opt(name string, s *Shape) prop { return prop{name, s, false} }
func (s *Shape) child(name string) *Shape {
	for _, p := range s.props {
		if p.name == name {
			return p.shape
		}
	}
	return nil
}

// root is the shape of a whole file, built from the table of keys.
var root = buildRoot()

// mayBeEmpty are the blocks that may have no key.
var mayBeEmpty = map[string]bool{"capture": true, "engine.modern_ebpf": true}

// obsolete are keys that the reference's schema allows and nothing reads.
func obsolete() []prop {
	engine := func(more ...prop) *Shape { return maybeEmpty(object(append(more, opt("enabled", boolean))...)) }
	engines := maybeEmpty(object(
		opt("docker", engine()), opt("podman", engine()), opt("lxc", engine()), opt("libvirt_lxc", engine()),
		opt("bpm", engine()), opt("cri", engine(opt("sockets", listOf(str)), opt("disable_async", boolean)))))
	return []prop{opt("rule_files", listOf(str)), opt("container_engines", engines)}
}

// requiredKeys must be there when their block is.
var requiredKeys = map[string]bool{
	"engine.kind": true, "engine.replay.capture_file": true, "program_output.program": true,
}

func buildRoot() *Shape {
	top := object()
	for i := range Keys {
		k := &Keys[i]
		parts := strings.Split(k.Path, ".")
		at := top
		for depth, part := range parts[:len(parts)-1] {
			next := at.child(part)
			if next == nil {
				next = object()
				next.empty = mayBeEmpty[strings.Join(parts[:depth+1], ".")]
				at.props = append(at.props, opt(part, next))
			}
			at = next
		}
		at.props = append(at.props, prop{parts[len(parts)-1], k.leaf(), requiredKeys[k.Path]})
	}
	top.props = append(top.props, obsolete()...)
	return top
}

// leaf is the shape of a key's value.
func (k *Key) leaf() *Shape {
	s := Shape{}
	switch {
	case k.shape != nil:
		s = *k.shape
	default:
		switch k.dst(new(Config)).(type) {
		case *bool:
			s.typ = "boolean"
		case *string:
			s.typ = "string"
		case *float64:
			s.typ = "number"
		case *[]string:
			s = *listOf(str)
		default:
			s.typ = "integer"
		}
	}
	s.limited = k.Max != 0
	s.min, s.max = k.Min, k.Max
	s.doc, s.def = k.Doc, k.Default
	return &s
}

// Check holds a file's tree against the schema. It returns "" or the topmost
// reason, which begins with the place: <root>[key][...]: text.
func Check(n *Node) string { return root.check(n, "<root>") }

func (s *Shape) check(n *Node, at string) string {
	if s.oneOf != nil {
		for _, alt := range s.oneOf {
			if alt.check(n, at) == "" {
				return ""
			}
		}
		return n.faulty(at, "the value has none of the allowed shapes.")
	}
	switch s.typ {
	case "":
		return ""
	case "null":
		if n.Kind != Null {
			return n.faulty(at, "must be nothing, is %s.", n.Kind)
		}
		return ""
	case "object":
		return s.checkObject(n, at)
	case "array":
		if n.Kind != List {
			return n.faulty(at, "must be a list, is %s.", n.Kind)
		}
		for i, item := range n.Items {
			if r := s.items.check(item, fmt.Sprintf("%s[%d]", at, i)); r != "" {
				return r
			}
		}
		return ""
	}
	if n.Kind != Scalar {
		return n.faulty(at, "must be a %s, is %s.", s.typ, n.Kind)
	}
	return s.checkScalar(n, at)
}

func (s *Shape) checkObject(n *Node, at string) string {
	if n.Kind != Map {
		return n.faulty(at, "must be a map, is %s.", n.Kind)
	}
	if s.open {
		for i, key := range n.Keys {
			if s.items == nil {
				break
			}
			if r := s.items.check(n.Items[i], at+"["+key+"]"); r != "" {
				return r
			}
		}
		return ""
	}
	if len(n.Keys) == 0 && !s.empty && at != "<root>" {
		return n.faulty(at, "must have at least one key.")
	}
	for i, key := range n.Keys {
		child := s.child(key)
		if child == nil && s.loose {
			continue
		}
		if child == nil || child.hidden {
			return (&Node{Origin: n.Items[i].KeyOrigin}).faulty(at, "unknown key %q.%s", key, s.hint(key))
		}
		if r := child.check(n.Items[i], at+"["+key+"]"); r != "" {
			return r
		}
	}
	if n.twice != nil {
		return (&Node{Origin: n.twice.KeyOrigin}).faulty(at, "has a key twice.")
	}
	for _, p := range s.props {
		if p.required && n.Get(p.name) == nil {
			return n.faulty(at, "lacks the required key %q.", p.name)
		}
	}
	return ""
}

// faulty words a reason: the place by keys, what is wrong, and where it stands.
func (n *Node) faulty(at, format string, args ...any) string {
	reason := at + ": " + fmt.Sprintf(format, args...)
	if n.Origin.Line > 0 {
		reason += fmt.Sprintf(" (line %d, column %d)", n.Origin.Line, n.Origin.Col)
	}
	return reason
}

func (s *Shape) checkScalar(n *Node, at string) string {
	text := strings.TrimLeft(n.Text, " \t\n\v\f\r")
	var v float64
	var err error
	switch s.typ {
	case "boolean":
		if n.Text != "true" && n.Text != "false" {
			return n.faulty(at, "must be true or false, is %q.", text)
		}
	case "integer":
		var i int64
		i, err = strconv.ParseInt(text, 10, 64)
		v = float64(i)
	case "number":
		digits := strings.ReplaceAll(text, "_", "?") // Go takes 1_000 for a number
		if v, err = strconv.ParseFloat(digits, 64); err != nil {
			var i int64
			i, err = strconv.ParseInt(digits, 0, 64) // hexadecimal
			v = float64(i)
		}
	}
	switch {
	case err != nil:
		return n.faulty(at, "must be a number, is %q.", text)
	case s.limited && (v < s.min || v > s.max):
		return n.faulty(at, "must lie between %s and %s, is %s.", plain(s.min), plain(s.max), text)
	case s.enum != nil && !contains(s.enum, n.Text):
		return n.faulty(at, "must be one of %s, is %q.", strings.Join(s.enum, ", "), text)
	}
	return ""
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// JSONSchema returns the schema of a configuration file (draft 6).
func JSONSchema() []byte {
	top := root.json()
	top["title"] = "TiercelConfig"
	doc := map[string]any{
		"$schema":     "http://json-schema.org/draft-06/schema#",
		"$ref":        "#/definitions/TiercelConfig",
		"definitions": map[string]any{"TiercelConfig": top},
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers always marshal
	}
	return out
}

func (s *Shape) json() map[string]any {
	m := map[string]any{}
	if s.typ != "" {
		m["type"] = s.typ
	}
	if s.doc != "" {
		m["description"] = s.doc
	}
	if s.def != "" {
		m["default"] = s.def
	}
	if s.enum != nil {
		m["enum"] = s.enum
	}
	if s.limited {
		m["minimum"], m["maximum"] = s.min, s.max
	}
	switch {
	case s.items != nil && s.open:
		m["additionalProperties"] = s.items.json()
	case s.items != nil:
		m["items"] = s.items.json()
	}
	for _, alt := range s.oneOf {
		list, _ := m["anyOf"].([]any)
		m["anyOf"] = append(list, alt.json())
	}
	if s.typ != "object" || s.open {
		return m
	}
	props, required := map[string]any{}, []string{}
	for _, p := range s.props {
		if p.shape.hidden {
			continue
		}
		props[p.name] = p.shape.json()
		if p.required {
			required = append(required, p.name)
		}
	}
	m["properties"] = props
	if !s.loose {
		m["additionalProperties"] = false
	}
	if !s.empty {
		m["minProperties"] = 1
	}
	if len(required) > 0 {
		m["required"] = required
	}
	return m
}
