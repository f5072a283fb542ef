// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	defaultrules "github.com/tiercel/tiercel/rules/default"
)

// compiledSchema is our schema as somebody else's validator reads it.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestTheSchemaAcceptsTheDefaultRules(t *testing.T) {
	if err := validate(t, compiledSchema(t), defaultrules.Content()); err != nil {
		t.Error(err)
	}
}

func TestTheSchemaAcceptsTheStockRules(t *testing.T) {
	s := compiledSchema(t)
	for _, f := range stockFiles(t) {
		if err := validate(t, s, f.Content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// Both judge alike; only the types of scalars are looser with us, as they are
// with the reference.
func TestTheSchemaAndOurCheckAgree(t *testing.T) {
	s := compiledSchema(t)
	for _, text := range []string{
		"- required_engine_version: 0.31.0\n", "- required_engine_version: 31\n", "- required_engine_version: [1]\n",
		"- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: [{name: b, version: 1.0.0}]}]\n",
		"- required_plugin_versions: [{name: a}]\n", "- required_plugin_versions: {name: a}\n",
		"- {list: l, items: [a, 1]}\n", "- {list: l, items: [[a]]}\n", "- {list: l, items: a}\n",
		"- {macro: m, condition: c, append: true}\n", "- {macro: m, condition: c, append: [x]}\n",
		"- {rule: r, condition: c, desc: d, output: o, priority: WARNING}\n", "- {rule: r, priority: warning}\n", "- {rule: r, frob: x}\n",
		"- {rule: r, exceptions: [{name: a, fields: [x], comps: [=], values: [[1]]}]}\n", "- {rule: r, exceptions: [{fields: [x]}]}\n",
		"- {rule: r, exceptions: [{name: a, valeus: x}]}\n", "- {rule: r, override: {condition: append}}\n", "- {rule: r, override: {condition: prepend}}\n",
		"- {rule: r, override: {}}\n", "- {rule: r, override: {source: replace}}\n", "- {rule: r, capture_duration: 5, tags: [a], enabled: true}\n",
		"a: b\n", "- a\n",
	} {
		src := newSource(File{Name: "f", Content: []byte(text)})
		docs, err := src.documents()
		if err != nil {
			t.Fatal(err)
		}
		status, why := checkSchema(docs)
		theirs := validate(t, s, []byte(text))
		if (status == SchemaOK) != (theirs == nil) {
			t.Errorf("%s: we say %v %q, the validator %v", text, status, why, theirs)
		}
	}
}
