// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// compiled is our schema as somebody else's validator reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestTheSchemaAcceptsWhatWeAccept(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string][]byte{"the example": Example(), "the built-in one": []byte(Builtin)} {
		if err := valid(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Both judge alike; only the types of scalars are looser with us, as they are
// with the reference.
func TestTheSchemaAndOurCheckAgree(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"json_output: true\n", "json_output: [1]\n", "webserver: {}\n", "webserver: {listen_prt: 1}\n", "frob: 1\n",
		"engine: {kmod: {buf_size_preset: 1}}\n", "engine: {kind: auto, replay: {}}\n", "engine: {kind: auto, replay: {capture_file: x}}\n",
		"rules_files: x\n", "rules_files: [x]\n", "rules: [{enable: {rule: x}}]\n", "rules: [{enable: {}}]\n", "rules: [{toggle: {rule: x}}]\n",
		"capture: {}\n", "capture: {max_file_size_mb: 2000000}\n", "capture: {mode: none}\n", "config_files: [a, {path: b, strategy: append}]\n",
		"config_files: [{path: b, strategy: mix}]\n", "config_files: [{strategy: append}]\n", "static_fields: {a: b}\n", "static_fields: [a]\n",
		"plugins: [{name: x, library_path: y, init_config: {a: 1}, open_params: z}]\n", "plugins: [{name: x}]\n",
		"append_output: [{match: {rule: x}, extra_fields: [a, {b: c}], extra_output: x, suggested_output: true}]\n", "append_output: [{match: x}]\n",
		"program_output: {enabled: true}\n", "unix_output: {type: seqpacket}\n", "engine: {kind: auto, modern_ebpf: {sampling_ratio: 999}}\n",
		"metrics: {namespace: x}\n", "metrics: {names: x}\n",
	} {
		n, _, err := parse([]byte(text), "f", nil)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := Check(n), valid(t, s, []byte(text))
		if (ours == "") != (theirs == nil) {
			t.Errorf("%s: we say %q, the validator %v", text, ours, theirs)
		}
	}
}
