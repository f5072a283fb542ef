// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// Example returns a configuration with every key, its default and its meaning.
// It says what no configuration says: loading it changes nothing.
func Example() []byte {
	var b strings.Builder
	b.WriteString(`# SPDX-License-Identifier: Apache-2.0
#
# Every key of the configuration with its default. Generated from the table of
# keys: make generate
#
# Keys marked with + are not known to Falco. A key that is commented out has no
# default, or no effect here.
`)
	top := &block{}
	for i := range Keys {
		top.add(strings.Split(Keys[i].Path, "."), &Keys[i])
	}
	top.write(&b, -1)
	return []byte(b.String())
}

// block is a key, or what is below a part of several keys' paths.
type block struct {
	name     string
	key      *Key
	children []*block
}

func (b *block) add(path []string, k *Key) {
	if len(path) == 0 {
		b.key = k
		return
	}
	for _, c := range b.children {
		if c.name == path[0] {
			c.add(path[1:], k)
			return
		}
	}
	c := &block{name: path[0]}
	c.add(path[1:], k)
	b.children = append(b.children, c)
}

// written reports whether anything of b is not commented out.
func (b *block) written() bool {
	if b.key != nil {
		_, ok := b.key.example()
		return ok
	}
	for _, c := range b.children {
		if c.written() {
			return true
		}
	}
	return false
}

const exampleWidth = 100

func (b *block) write(out *strings.Builder, depth int) {
	lead := strings.Repeat("  ", max(0, depth))
	if b.key != nil && b.key.leaf().hidden {
		return
	}
	if depth == 0 {
		out.WriteByte('\n')
	}
	switch {
	case b.key != nil:
		mark := "# "
		if b.key.Ours {
			mark = "# + "
		}
		comment(out, lead+mark, lead+"#   ", b.key.Doc)
		value, ok := b.key.example()
		if !ok {
			lead += "# "
		}
		fmt.Fprintf(out, "%s%s:%s\n", lead, b.name, value)
	case b.name != "":
		if !b.written() {
			lead += "# "
		}
		fmt.Fprintf(out, "%s%s:\n", lead, b.name)
	}
	for _, c := range b.children {
		c.write(out, depth+1)
	}
}

// comment writes a text in lines that begin with first and then with next.
func comment(out *strings.Builder, first, next, text string) {
	line := first
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > exampleWidth && strings.TrimSpace(line) != "#" {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = next
		}
		line += word + " "
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
}

// example returns what stands behind the key's colon; ok is false when the key
// is better left out.
func (k *Key) example() (value string, ok bool) {
	if k.dst == nil || k.Path == "load_plugins" || k.Path == "engine.replay.capture_file" || k.NoEffect != "" || k.leaf().hidden {
		return "", false
	}
	switch k.dst(new(Config)).(type) {
	case *[]string:
		return " []", true
	case *string:
		if k.Default == "" {
			return ` ""`, true
		}
		if _, isNumber := parseFloat(k.Default); isNumber {
			return fmt.Sprintf(" %q", k.Default), true
		}
		return " " + flowText(k.Default), true
	}
	return " " + k.Default, true
}

// MarkdownTable returns every key with its type, default and meaning as a table.
func MarkdownTable() string {
	var b strings.Builder
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for i := range Keys {
		k := &Keys[i]
		s := k.leaf()
		if s.hidden {
			continue
		}
		name := "`" + k.Path + "`"
		if k.Ours {
			name += " +"
		}
		def := "–"
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		doc := k.Doc
		if k.NoEffect != "" {
			doc += " (no effect: " + k.NoEffect + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, s.typeName(), def, strings.ReplaceAll(doc, "|", "\\|"))
	}
	return b.String()
}

// typeName says in a word or two what a key takes.
func (s *Shape) typeName() string {
	switch {
	case s.enum != nil:
		return strings.Join(s.enum, ", ")
	case s.limited:
		return fmt.Sprintf("%s, %s to %s", s.typ, plain(s.min), plain(s.max))
	case s.typ == "array" && s.items != nil && s.items.typ == "string":
		return "list of texts"
	case s.typ == "array":
		return "list"
	case s.typ == "object":
		return "map"
	case s.typ == "string":
		return "text"
	}
	return s.typ
}
