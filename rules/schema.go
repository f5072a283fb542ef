// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// shape is what a value of a rules file should look like: the part of JSON
// schema that describes such files. Scalars are typed loosely: any is a
// string, digits are an integer.
type shape struct {
	kind     string // array, object, string, integer, boolean; "" for anything
	words    []string
	anyOf    []*shape
	items    *shape
	keys     map[string]*shape // no others are allowed
	required []string
	notEmpty bool // an object must have a key
	numbers  bool // the printed schema allows a number, too: validators type strictly
}

var (
	shapeText  = &shape{kind: "string"}
	shapeFlag  = &shape{kind: "boolean"}
	shapeTexts = &shape{kind: "array", items: shapeText}
	shapeItems = &shape{kind: "array", items: &shape{anyOf: []*shape{{kind: "integer"}, {kind: "string"}}}}
	shapeHow   = &shape{kind: "string", words: []string{"append", "replace"}}

	fileShape = &shape{kind: "array", items: &shape{kind: "object", keys: map[string]*shape{
		"required_engine_version": {kind: "string", numbers: true},
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
		"list": shapeText, "items": shapeItems,
		"macro": shapeText, "rule": shapeText,
		"condition": shapeText, "desc": shapeText, "output": shapeText, "source": shapeText,
		"priority": {kind: "string", words: []string{
			"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG",
		}},
		"enabled": shapeFlag, "append": shapeFlag, "warn_evttypes": shapeFlag,
		"skip-if-unknown-filter": shapeFlag, "capture": shapeFlag,
		"capture_duration": {kind: "integer"},
		"tags":             shapeTexts,
		"exceptions": {kind: "array", items: &shape{
			kind: "object", required: []string{"name"},
			keys: map[string]*shape{"name": shapeText, "fields": {}, "comps": {}, "values": {}},
		}},
		"override": {kind: "object", keys: overrideShapes(), notEmpty: true},
	}}}
)

func overrideShapes() map[string]*shape {
	m := map[string]*shape{"items": shapeHow}
	for _, k := range ruleReplaceKeys {
		m[k] = shapeHow
	}
	return m
}

// Most that a schema check looks at and reports: aliases multiply a file.
const (
	maxSchemaNodes    = 1 << 20
	maxSchemaWarnings = 1000
)

// checkSchema compares the documents of a file with the shape of rules files.
// The first document alone decides. When it is wrong, the reasons of all
// documents are told, of each the innermost first and then what it is in.
func checkSchema(docs []node) (SchemaStatus, []string) {
	if len(docs) == 0 || !docs[0].defined() || docs[0].isNull() {
		return SchemaNone, nil
	}
	c := shapeCheck{}
	for i, doc := range docs {
		if !doc.defined() || doc.isNull() {
			break
		}
		if !c.check(fileShape, doc, "<root>") {
			continue
		}
		if i == 0 {
			return SchemaOK, nil
		}
		c.why = append(c.why, "ok")
	}
	return SchemaFailed, c.why
}

// shapeCheck collects how a file differs from its shape.
type shapeCheck struct {
	why   []string
	nodes int
}

func (c *shapeCheck) fail(at, why string) {
	if len(c.why) < maxSchemaWarnings {
		c.why = append(c.why, "failed for "+at+": "+why)
	}
}

// check reports whether n has the shape s.
func (c *shapeCheck) check(s *shape, n node, at string) bool {
	if c.nodes++; c.nodes > maxSchemaNodes {
		return true
	}
	ok := true
	fail := func(why string) {
		c.fail(at, why)
		ok = false
	}
	if !s.typeOK(n) {
		fail("Value type not permitted by 'type' constraint.")
	}
	if !c.checkAny(s, n, at) {
		ok = false
	}
	if s.words != nil && !slices.Contains(s.words, n.scalar()) {
		fail("Failed to match against any enum values.")
	}
	if s.items != nil {
		for i, item := range n.items() {
			if !c.check(s.items, item, at+"["+strconv.Itoa(i)+"]") {
				fail("Failed to validate item #" + strconv.Itoa(i) + " in array.")
			}
		}
	}
	if s.keys != nil && n.isMap() && !c.checkKeys(s, n, at) {
		ok = false
	}
	return ok
}

// checkAny tells what keeps n from each of the shapes that it may have, when
// it has none of them.
func (c *shapeCheck) checkAny(s *shape, n node, at string) bool {
	if s.anyOf == nil {
		return true
	}
	before := len(c.why)
	for i, sub := range s.anyOf {
		if c.check(sub, n, at) {
			c.why = c.why[:before]
			return true
		}
		c.fail(at, "Failed to validate against child schema #"+strconv.Itoa(i)+".")
	}
	c.fail(at, "Failed to validate against any schemas allowed by anyOf constraint.")
	return false
}

func (c *shapeCheck) checkKeys(s *shape, n node, at string) bool {
	ok, size, matched, extra := true, 0, 0, ""
	fail := func(why string) {
		c.fail(at, why)
		ok = false
	}
	for _, k := range slices.Sorted(maps.Keys(s.keys)) {
		v := n.get(k)
		if !v.defined() {
			continue
		}
		if matched++; !c.check(s.keys[k], v, at+"["+k+"]") {
			fail("Failed to validate against schema associated with property name '" + k + "'.")
		}
	}
	n.pairs(func(k, _ node) {
		size++
		if s.keys[k.key()] == nil && extra == "" {
			extra = k.key()
		}
	})
	if matched != size { // a key is unknown or there twice
		fail("Object contains a property that could not be validated using 'properties' " +
			"or 'additionalProperties' constraints: '" + extra + "'.")
	}
	if s.notEmpty && size == 0 {
		fail("Object should have no fewer than 1 properties.")
	}
	for _, k := range s.required {
		if !n.get(k).defined() {
			fail("Missing required property '" + k + "'.")
		}
	}
	return ok
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
		_, err := strconv.ParseInt(strings.TrimLeft(n.scalar(), " \t\n"), 10, 64)
		return n.isScalar() && err == nil
	}
	return true
}
