// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const authors = "the Tiercel authors"

// ours is how they stand in copyright files.
const ours = "2026 " + authors

// debianNames are the licences whose names in copyright files differ from SPDX'.
var debianNames = map[string]string{"MIT": "Expat", "BSD-3-Clause": "BSD-3-clause", "BSD-2-Clause": "BSD-2-clause"}

// copyright returns the copyright file in Debian's machine-readable form. What is
// linked in stands there as if its sources were below vendor/.
func copyright(o *options, homepage string, modules []linked) (string, error) {
	kernel, err := kernelLicences(o)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Tiercel
Source: %s

Files: *
Copyright: %s
License: Apache-2.0

Files: bpf/probe/*
 drivers/probe/*
 kmod/module/*
 modern_bpf/probe/*
Copyright: %s
License: GPL-2 or Expat
Comment: The programs that run in the kernel, and the module's sources.
`, homepage, ours, ours)
	for _, m := range modules {
		where := "vendor/" + m.path + "/*"
		if m.path == "std" {
			where = "vendor/go/src/*"
		}
		fmt.Fprintf(&b, "\nFiles: %s\nCopyright: %s\n", where, strings.Join(m.owners(), "\n "))
		m.debianLicence(&b)
	}
	b.WriteString(`
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.

`)
	b.WriteString(kernel)
	return b.String(), nil
}

// copyrightModule returns the same of the package that holds the module's sources only.
func copyrightModule(o *options, homepage string) (string, error) {
	kernel, err := kernelLicences(o)
	return fmt.Sprintf(`Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Tiercel
Source: %s

Files: *
Copyright: %s
License: GPL-2 or Expat

`, homepage, ours) + kernel, err
}

// kernelLicences returns the texts of the two licences of kernel code.
func kernelLicences(o *options) (string, error) {
	mit, err := os.ReadFile(filepath.Join(o.sources, "LICENSES/MIT.txt"))
	if err != nil {
		return "", err
	}
	_, text, ok := strings.Cut(string(mit), authors+"\n")
	if !ok {
		return "", fmt.Errorf("LICENSES/MIT.txt does not name %s", authors)
	}
	return `License: GPL-2
 This program is free software; you can redistribute it and/or modify it under
 the terms of version 2 of the GNU General Public License, and of no later one.
 .
 On Debian systems its full text is in /usr/share/common-licenses/GPL-2.

License: Expat
` + indent(text), nil
}

func (m *linked) owners() []string {
	if len(m.holders) > 0 {
		return m.holders
	}
	return []string{"the authors of " + m.path}
}

// debianLicence writes the licence of a module with its text, and its notices.
func (m *linked) debianLicence(b *strings.Builder) {
	var names, texts, notices []string
	for _, l := range m.texts {
		switch {
		case l.id == "":
			notices = append(notices, l.text)
		case l.id != "Apache-2.0":
			texts = append(texts, l.text)
		}
	}
	for _, id := range m.ids {
		for _, one := range strings.Split(id, " AND ") {
			if n := debianNames[one]; n != "" {
				one = n
			}
			names = append(names, one)
		}
	}
	// Short names have to be unlike where texts are; only Apache's is the same for all.
	if len(texts) > 0 {
		fmt.Fprintf(b, "License: %s~%s\n%s", strings.Join(names, "-and-"), strings.ReplaceAll(m.path, "/", "-"), indent(strings.Join(texts, "\n\n")))
	} else {
		fmt.Fprintf(b, "License: %s\n", strings.Join(names, " and "))
	}
	if len(notices) > 0 {
		fmt.Fprintf(b, "Comment: Its notice:\n%s", indent(strings.Join(notices, "\n\n")))
	}
}

// indent writes a text as the lines below a field.
func indent(text string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimRight(line, " \t\f")
		if strings.TrimSpace(line) == "" {
			line = "."
		}
		b.WriteString(" " + line + "\n")
	}
	return b.String()
}

// thirdParty returns all licences and notices of what is linked in, each text once.
func thirdParty(modules []linked) string {
	var b strings.Builder
	b.WriteString("Tiercel contains parts of the following works, under the licences below.\n\n")
	type where struct {
		text  string
		parts []string
	}
	var order []*where
	at := map[string]*where{}
	for _, m := range modules {
		name := strings.TrimSpace(m.path + " " + m.version)
		if m.path == "std" {
			name = "the Go standard library"
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, strings.Join(m.ids, ", "))
		for _, l := range m.texts {
			w := at[l.text]
			if w == nil {
				w = &where{text: l.text}
				at[l.text] = w
				order = append(order, w)
			}
			w.parts = append(w.parts, name+", "+l.name)
		}
	}
	for _, w := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("-", 78), strings.Join(w.parts, "\n"), w.text)
	}
	return b.String()
}
