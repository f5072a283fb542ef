// SPDX-License-Identifier: Apache-2.0

package list

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// FieldOptions say how fields are listed.
type FieldOptions struct {
	Format    string // text, markdown, json
	NamesOnly bool   // without deprecated fields
	Long      bool   // types and flags too
	Sources   []string
}

// Fields lists the fields, class by class. Hidden ones are left out.
func Fields(w io.Writer, classes []fields.Class, o FieldOptions) error {
	b := bufio.NewWriter(w)
	switch {
	case o.Format == "json":
		if err := fieldsJSON(b, classes, o); err != nil {
			return err
		}
	case o.NamesOnly:
		for _, name := range fieldNames(classes) {
			fmt.Fprintln(b, name)
		}
	case o.Format == "markdown":
		fieldsMarkdown(b, classes, o)
	default:
		fieldsText(b, classes, o)
	}
	return b.Flush()
}

func fieldNames(classes []fields.Class) []string {
	var names []string
	for _, c := range classes {
		for _, f := range c.Fields {
			if !f.Hidden && !f.Deprecated {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// Columns of the text form.
const (
	nameColumn = 30
	textWidth  = 120
)

func fieldsText(b *bufio.Writer, classes []fields.Class, o FieldOptions) {
	for _, c := range classes {
		fmt.Fprintf(b, "-------------------------------\n%-*s%s", nameColumn, "Field Class:", c.Name)
		if c.ShortDesc != "" {
			fmt.Fprintf(b, " (%s)", c.ShortDesc)
		}
		fmt.Fprintf(b, "\n%-*s%s\n", nameColumn, "Description:", wrap(c.Doc, nameColumn, textWidth))
		fmt.Fprintf(b, "%-*s%s\n\n", nameColumn, "Event Sources:", strings.Join(o.Sources, ", "))
		for _, f := range c.Fields {
			if f.Hidden {
				continue
			}
			doc := describe(f)
			if o.Long {
				doc = fmt.Sprintf("(Type: %s%s) %s", f.TypeName(), prefixed(" ", f.Tags()), f.Doc)
			}
			name := f.Name
			if len(name) >= nameColumn {
				name += "\n" + strings.Repeat(" ", nameColumn)
			}
			fmt.Fprintf(b, "%-*s%s\n", nameColumn, name, wrap(doc, nameColumn, textWidth))
		}
		fmt.Fprintln(b)
	}
}

// describe is the text of a field behind the marks that nobody should miss.
func describe(f *fields.Field) string {
	switch {
	case f.Deprecated:
		return "[DEPRECATED] " + f.Doc
	case f.Own:
		return "[TIERCEL ONLY] " + f.Doc
	}
	return f.Doc
}

func prefixed(prefix string, words []string) string {
	if len(words) == 0 {
		return ""
	}
	return prefix + "[" + strings.Join(words, ", ") + "]"
}

// wrap breaks text at blanks so that no line passes width; all lines but the
// first begin with indent blanks.
func wrap(text string, indent, width int) string {
	var b strings.Builder
	col := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case col+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			col = indent
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	return b.String()
}

func fieldsMarkdown(b *bufio.Writer, classes []fields.Class, o FieldOptions) {
	for _, c := range classes {
		fmt.Fprintf(b, "## Field Class: %s\n\n%s\n\nEvent Sources: %s\n\nName | Type | Description\n:----|:-----|:-----------\n",
			c.Name, c.Doc, strings.Join(o.Sources, ", "))
		for _, f := range c.Fields {
			if !f.Hidden {
				fmt.Fprintf(b, "`%s` | %s | %s\n", f.Name, f.TypeName(), strings.ReplaceAll(describe(f), "|", `\|`))
			}
		}
		fmt.Fprintln(b)
	}
}

type fieldJSON struct {
	Name string   `json:"name"`
	Desc string   `json:"desc"`
	Type string   `json:"type"`
	Tags []string `json:"tags,omitempty"`
	Arg  *argJSON `json:"argument,omitempty"`
}

// argJSON says how an argument is written: name[7], name[key], name.key.
type argJSON struct {
	Required bool `json:"required"`
	Number   bool `json:"number"`
	Key      bool `json:"key"`
	Dot      bool `json:"dot"`
}

func argOf(f *fields.Field) *argJSON {
	if f.Arg == fields.ArgNone {
		return nil
	}
	return &argJSON{Required: f.Arg == fields.ArgRequired, Number: f.ArgIndex, Key: f.ArgKey, Dot: f.ArgDot}
}

type classJSON struct {
	Name    string      `json:"name"`
	Short   string      `json:"shortdesc,omitempty"`
	Desc    string      `json:"desc"`
	Sources []string    `json:"eventsources"`
	Fields  []fieldJSON `json:"fields"`
}

func fieldsJSON(b *bufio.Writer, classes []fields.Class, o FieldOptions) error {
	doc := map[string]any{}
	if o.NamesOnly {
		doc["fieldnames"] = fieldNames(classes)
	} else {
		var list []classJSON
		for _, c := range classes {
			j := classJSON{Name: c.Name, Short: c.ShortDesc, Desc: c.Doc, Sources: o.Sources}
			for _, f := range c.Fields {
				if !f.Hidden {
					j.Fields = append(j.Fields, fieldJSON{f.Name, f.Doc, f.TypeName(), f.Tags(), argOf(f)})
				}
			}
			list = append(list, j)
		}
		doc["fieldclasses"] = list
	}
	return writeJSON(b, doc)
}

// writeJSON writes with two blanks of indent and leaves < and > as they are.
func writeJSON(b *bufio.Writer, doc any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := b.Write(buf.Bytes())
	return err
}
