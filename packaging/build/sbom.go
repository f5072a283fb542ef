// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// sbom writes what the binary is made of, as it says itself, in CycloneDX' form,
// with the licences that the copyright file names.
func (s *stage) sbom(ctx context.Context, bin string) error {
	raw := s.path("sbom.json")
	if err := command(ctx, s.options, ".", nil, s.tools["cyclonedx-gomod"], "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", "v"+s.version.Agent, "-output", raw, bin); err != nil {
		return err
	}
	text, err := os.ReadFile(raw)
	if err != nil {
		return err
	}
	if text, err = s.withLicences(text); err != nil {
		return err
	}
	return s.put("tree/usr/share/doc/tiercel/sbom.cdx.json", text)
}

// withLicences adds licences to the parts of a CycloneDX document.
func (s *stage) withLicences(text []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("the list of parts: %w", err)
	}
	licences := map[string]string{}
	for _, m := range s.modules {
		licences[m.path] = strings.Join(m.ids, " AND ")
	}
	meta, _ := doc["metadata"].(map[string]any)
	self, ok := meta["component"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the list of parts does not say what it is about")
	}
	self["licenses"] = expression("Apache-2.0 AND (GPL-2.0-only OR MIT)")
	parts, _ := doc["components"].([]any)
	for _, p := range parts {
		part, ok := p.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the list of parts has %v in it", p)
		}
		name, _ := part["name"].(string)
		id := licences[name]
		if id == "" {
			return nil, fmt.Errorf("%s is in the binary, but go list does not say so: its licence is not known", name)
		}
		part["licenses"] = expression(id)
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}

// expression is how CycloneDX writes one.
func expression(spdx string) []any { return []any{map[string]any{"expression": spdx}} }
