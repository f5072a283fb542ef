// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strconv"
)

// shape is what a value of a rules file should look like: the part of JSON
// schema that describes such files. Scalars are typed loosely: any is a
// string, digits are an integer.
type shape struct {
	kind     string // array, object, string, integer, boolean; "" for anything
	words    []string
	items    *shape
	keys     map[string]*shape // no others are allowed
	required []string
}

var (
	shapeText  = &shape{kind: "string"}
	shapeFlag  = &shape{kind: "boolean"}
	shapeTexts = &shape{kind: "array", items: shapeText}
	shapeHow   = &shape{kind: "string", words: []string{"append", "replace"}}

	fileShape = &shape{kind: "array", items: &shape{kind: "object", keys: map[string]*shape{
		"required_engine_version": shapeText,
		"required_plugin_versions": {kind: "array", items: &shape{
			kind: "object", required: []string{"name", "version"},
			keys: map[string]*shape{
				"name": shapeText, "version": shapeText,
				"alternatives": {kind: "array", items: &shape{
					kind: "object", required: []string{"name", "version"},
					keys: map[string]*shape{"name": shapeText, "version": shapeText},
				}},
			},
		}},
		"list": shapeText, "items": shapeTexts,
		"macro": shapeText, "rule": shapeText,
		"condition": shapeText, "desc": shapeText, "output": shapeText, "source": shapeText,
		"priority": {kind: "string", words: []string{
			"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG",
		}},
		"enabled": shapeFlag, "append": shapeFlag, "warn_evttypes": shapeFlag,
		"skip-if-unknown-filter": shapeFlag, "capture": shapeFlag,
		"capture_duration": {kind: "integer"},
		"tags":             shapeTexts,
		"exceptions": {kind: "array", items: &shape{kind: "object", keys: map[string]*shape{
			"name": shapeText, "fields": {}, "comps": {}, "values": {kind: "array"},
		}}},
		"override": {kind: "object", keys: overrideShapes()},
	}}}
)

func overrideShapes() map[string]*shape {
	m := map[string]*shape{"items": shapeHow}
	for _, k := range ruleReplaceKeys {
		m[k] = shapeHow
	}
	return m
}

// checkSchema compares the first document of a file with the shape of rules
// files. Only the first difference is told.
func checkSchema(doc node) (SchemaStatus, []string) {
	if !doc.defined() || doc.isNull() {
		return SchemaNone, nil
	}
	if why := fileShape.check(doc, "<root>", 0); why != "" {
		return SchemaFailed, []string{"failed for " + why}
	}
	return SchemaOK, nil
}

// check returns where and how n differs from the shape; "" when it does not.
func (s *shape) check(n node, at string, depth int) string {
	if depth > maxDepth || !s.typeOK(n) {
		return at + ": Value type not permitted by 'type' constraint."
	}
	if s.words != nil && !slices.Contains(s.words, n.scalar()) {
		return at + ": Failed to match against any enum values."
	}
	if s.items != nil {
		for i, item := range n.items() {
			if why := s.items.check(item, at+"["+strconv.Itoa(i)+"]", depth+1); why != "" {
				return why
			}
		}
	}
	if s.keys != nil {
		if why := s.checkKeys(n, at, depth); why != "" {
			return why
		}
	}
	for _, k := range s.required {
		if !n.get(k).defined() {
			return at + ": Missing required property '" + k + "'."
		}
	}
	return ""
}

func (s *shape) checkKeys(n node, at string, depth int) string {
	why, extra := "", ""
	n.pairs(func(k, v node) {
		sub, ok := s.keys[k.scalar()]
		switch {
		case !ok && extra == "":
			extra = at + ": Object contains a property that could not be validated using 'properties' " +
				"or 'additionalProperties' constraints: '" + k.scalar() + "'."
		case ok && why == "":
			why = sub.check(v, at+"["+k.scalar()+"]", depth+1)
		}
	})
	if why == "" {
		why = extra
	}
	return why
}

func (s *shape) typeOK(n node) bool {
	switch s.kind {
	case "array":
		return n.isSequence()
	case "object":
		return n.isMap()
	case "string":
		return n.isScalar()
	case "boolean":
		return n.isScalar() && (n.scalar() == "true" || n.scalar() == "false")
	case "integer":
		_, err := strconv.ParseInt(n.scalar(), 10, 64)
		return n.isScalar() && err == nil
	}
	return true
}
