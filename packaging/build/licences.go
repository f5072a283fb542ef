// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// linked is a module of which the binary holds something, or the language's own
// library, with the licences that its authors put beside the sources.
type linked struct {
	path    string // of the module
	version string
	ids     []string // of SPDX
	holders []string // lines about copyright
	texts   []licenceText
}

type licenceText struct {
	name string // of the file, from the root of the module
	id   string // of SPDX, "" for a notice
	text string
}

// A licence of the documentation only (LICENSE.docs) is none of what is passed on.
var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([-._].*)?$`)
	noLicence   = regexp.MustCompile(`(?i)\.(go|docs)$`)
)

// linkedModules returns what is compiled into the agent, in the order of names.
func linkedModules(ctx context.Context, o *options, arch string) ([]linked, error) {
	c := exec.CommandContext(ctx, "go", "list", "-deps", "-tags", o.tags, "-f",
		"{{if .Standard}}std\t\t\t{{.Root}}\t{{.Root}}{{else}}{{.Module.Path}}\t{{.Module.Version}}\t{{.Module.Main}}\t{{.Module.Dir}}\t{{.Dir}}{{end}}",
		"./agent/cmd/tiercel")
	c.Dir = o.sources
	env, err := o.environ(ctx)
	if err != nil {
		return nil, err
	}
	c.Env = append(slices.Clip(env), "GOOS=linux", "GOARCH="+arch)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	modules := map[string]*linked{}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("go list says %q", line)
		}
		path, version, main, root, dir := f[0], f[1], f[2], f[3], f[4]
		if main == "true" {
			continue
		}
		m := modules[path]
		if m == nil {
			m = &linked{path: path, version: version}
			modules[path] = m
		}
		// A package may have another licence than the module that it is in.
		for d := dir; strings.HasPrefix(d, root) && !seen[d]; d = filepath.Dir(d) {
			seen[d] = true
			if err := m.read(root, d); err != nil {
				return nil, err
			}
		}
	}
	var all []linked
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		if len(m.ids) == 0 {
			return nil, fmt.Errorf("%s %s has no licence file: it cannot be passed on", m.path, m.version)
		}
		slices.Sort(m.ids)
		slices.SortFunc(m.texts, func(a, b licenceText) int { return strings.Compare(a.name, b.name) })
		all = append(all, *m)
	}
	return all, nil
}

// read adds the licences of one folder.
func (m *linked) read(root, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || noLicence.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		l := licenceText{name: name, text: strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n")}
		if !strings.HasPrefix(strings.ToLower(e.Name()), "notice") {
			if l.id = classify(l.text); l.id == "" {
				return fmt.Errorf("%s %s: the licence in %s is none that is known here; look at it, and add it to classify", m.path, m.version, name)
			}
			if !slices.Contains(m.ids, l.id) {
				m.ids = append(m.ids, l.id)
			}
		}
		m.texts = append(m.texts, l)
		for _, h := range holders(l) {
			if !slices.Contains(m.holders, h) {
				m.holders = append(m.holders, h)
			}
		}
	}
	return nil
}

// classify names a licence by the words that only its text has.
func classify(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(flat, s) }
	switch {
	case has("Apache License Version 2.0") && has("MIT License"), has("Apache License, Version 2.0") && has("Permission is hereby granted, free of charge"):
		return "Apache-2.0 AND MIT"
	case has("Apache License Version 2.0"), has("Apache License, Version 2.0"):
		return "Apache-2.0"
	case has("Redistribution and use in source and binary forms"):
		if has("Neither the name") || has("names of its contributors") || has("name of the copyright holder") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("Permission is hereby granted, free of charge"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software"):
		return "ISC"
	}
	return ""
}

var holder = regexp.MustCompile(`(?i)^\W{0,4}copyright\s+(\(c\)|©|[12][0-9]{3})`)

// holders returns the lines that say whose the work is. Apache's own text has
// a form to fill in, which is none.
func holders(l licenceText) []string {
	var lines []string
	for _, line := range strings.Split(l.text, "\n") {
		line = strings.TrimSpace(line)
		if holder.MatchString(line) && !strings.Contains(line, "[yyyy]") && !strings.Contains(line, "{yyyy}") {
			lines = append(lines, strings.Trim(line, "#*/ "))
		}
	}
	return lines
}

// licenceExpression says in SPDX' words under what the binary may be passed on.
func licenceExpression(modules []linked) string {
	ids := map[string]bool{"Apache-2.0": true}
	for _, m := range modules {
		for _, id := range m.ids {
			for _, one := range strings.Split(id, " AND ") {
				ids[one] = true
			}
		}
	}
	return strings.Join(append(slices.Sorted(maps.Keys(ids)), "(GPL-2.0-only OR MIT)"), " AND ")
}
