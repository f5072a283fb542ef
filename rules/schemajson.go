// SPDX-License-Identifier: Apache-2.0

package rules

import "encoding/json"

// Schema returns the JSON schema (draft 6) of rules files.
func Schema() []byte {
	root := map[string]any{
		"$schema":     "http://json-schema.org/draft-06/schema#",
		"title":       "TiercelRules",
		"type":        "array",
		"items":       map[string]any{"$ref": "#/definitions/TiercelRule"},
		"definitions": map[string]any{"TiercelRule": fileShape.items.schema()},
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil
	}
	return b
}

func (s *shape) schema() map[string]any {
	m := map[string]any{}
	switch {
	case s.numbers:
		m["type"] = []string{s.kind, "number"}
	case s.kind != "":
		m["type"] = s.kind
	}
	if s.words != nil {
		m["enum"] = s.words
	}
	for _, sub := range s.anyOf {
		list, _ := m["anyOf"].([]any)
		m["anyOf"] = append(list, sub.schema())
	}
	if s.notEmpty {
		m["minProperties"] = 1
	}
	if s.items != nil {
		m["items"] = s.items.schema()
	}
	if s.keys != nil {
		props := map[string]any{}
		for k, v := range s.keys {
			props[k] = v.schema()
		}
		m["properties"] = props
		m["additionalProperties"] = false
	}
	if s.required != nil {
		m["required"] = s.required
	}
	return m
}
