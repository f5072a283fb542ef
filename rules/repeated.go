// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Repetition is something of a file that is there twice, which YAML forbids or
// which hides something, although it loads.
type Repetition struct {
	Line, Column int // from 1
	Message      string
}

// maxRepeated bounds what Repeated returns.
const maxRepeated = 1000

// Repeated finds keys that a map has twice, of which the first counts, names
// that are defined twice in the file, of which the last counts, and items that
// a list has twice. It returns nothing for a file that is not YAML.
func Repeated(f File) []Repetition {
	docs, err := newSource(f).documents()
	if err != nil {
		return nil
	}
	r := repeats{defined: map[string]int{}}
	for _, d := range docs {
		r.keys(d.y)
		for _, item := range d.items() {
			r.item(item)
		}
	}
	return r.found
}

type repeats struct {
	found   []Repetition
	defined map[string]int // line of what was defined
}

func (r *repeats) add(y *yaml.Node, format string, args ...any) {
	if len(r.found) < maxRepeated {
		r.found = append(r.found, Repetition{y.Line, y.Column, fmt.Sprintf(format, args...)})
	}
}

// keys looks at the text as it is: what an alias stands for is seen once.
func (r *repeats) keys(y *yaml.Node) {
	if y == nil {
		return
	}
	if y.Kind == yaml.MappingNode {
		seen := map[string]int{}
		for i := 0; i+1 < len(y.Content); i += 2 {
			k := y.Content[i]
			if line, twice := seen[k.Value]; twice {
				r.add(k, "key '%s' is there twice: the first one, on line %d, counts", k.Value, line)
			} else {
				seen[k.Value] = k.Line
			}
		}
	}
	for _, c := range y.Content {
		r.keys(c)
	}
}

func (r *repeats) item(item node) {
	if !item.isMap() || item.get("append").defined() || item.get("override").defined() {
		return
	}
	for _, kind := range []string{"list", "macro", "rule"} {
		name := item.get(kind)
		if !name.isScalar() {
			continue
		}
		whole := kind != "rule" || item.get("condition").defined()
		what := kind + " '" + name.scalar() + "'"
		if line, twice := r.defined[what]; twice && whole {
			r.add(name.target(), "%s is defined a second time: the definition on line %d is lost", what, line)
		}
		if whole {
			r.defined[what] = name.target().Line
		}
		if kind == "list" {
			r.members(item, what)
		}
		return
	}
}

func (r *repeats) members(item node, what string) {
	seen := map[string]bool{}
	for _, m := range item.get("items").items() {
		if m.isScalar() && seen[m.scalar()] {
			r.add(m.target(), "%s has the item '%s' twice", what, m.scalar())
		}
		seen[m.scalar()] = true
	}
}

// UnmetPlugins says which required plugin is missing, "" when none is. Nil
// stands for BuiltinPlugins.
func UnmetPlugins(rs *Ruleset, loaded []Plugin) string {
	if loaded == nil {
		loaded = BuiltinPlugins()
	}
	return unmet(rs.plugins, loaded)
}

func unmet(required []PluginRequirement, loaded []Plugin) string {
	for _, p := range required {
		if why := p.unmet(loaded); why != "" {
			return why
		}
	}
	return ""
}
