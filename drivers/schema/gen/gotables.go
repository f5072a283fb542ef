// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

// goFile collects the text of a Go file of package scap.
type goFile struct{ bytes.Buffer }

func newGoFile() *goFile {
	f := &goFile{}
	f.p("// %s", notice)
	f.p("")
	f.p("// SPDX-License-Identifier: Apache-2.0")
	f.p("")
	f.p("package scap")
	return f
}

// p writes a line.
func (f *goFile) p(format string, args ...any) { fmt.Fprintf(f, format+"\n", args...) }

func (f *goFile) done() ([]byte, error) { return format.Source(f.Bytes()) }

var statusConst = map[string]string{
	schema.StatusUnused:      "StatusUnused",
	schema.StatusDriver:      "StatusDriver",
	schema.StatusUserspace:   "StatusUserspace",
	schema.StatusLegacy:      "StatusLegacy",
	schema.StatusLegacyEnter: "StatusLegacyEnter",
	schema.StatusCaptureOnly: "StatusCaptureOnly",
}

func goEvents(s *schema.Schema) ([]byte, error) {
	f := newGoFile()
	f.p("")
	f.p("// Event types. The constant of PPME_SYSCALL_OPENAT_2_X is EvOpenatV2X.")
	f.p("const (")
	for _, h := range s.Events {
		f.p("%s EventType = %d", eventConst(h), h.Code)
	}
	f.p(")")
	for _, group := range []struct {
		doc, prefix, typ string
		values           []schema.Value
	}{
		{"Event categories.", "Cat", "Category", schema.Categories()},
		{"Event classes.", "Class", "Class", schema.Classes()},
		{"Properties of event types.", "EF", "EventFlags", schema.EventFlags()},
	} {
		f.p("\n// %s", group.doc)
		f.p("const (")
		for _, v := range group.values {
			f.p("%s%s %s = %d", group.prefix, camel(v.Name), group.typ, v.Value)
		}
		f.p(")")
	}
	f.p("\n// Events describes every event type; the index is the code.")
	f.p("var Events = [%d]EventInfo{", len(s.Events))
	for _, h := range s.Events {
		goEvent(f, h)
	}
	f.p("}")
	return f.done()
}

func goEvent(f *goFile, h *schema.Half) {
	cat, class := h.Event.Category, h.Event.Class
	calls := h.Event.Calls
	if h.Status == schema.StatusUnused {
		cat, class, calls = "unknown", "none", nil
	}
	f.p("{")
	f.p("Code: %s, Enum: %q, Name: %q,", eventConst(h), h.Enum, h.Name())
	f.p("Category: Cat%s, Class: Class%s, Dir: %s, Flags: %s,", camel(cat), camel(class),
		map[bool]string{false: "Enter", true: "Exit"}[h.Exit()], flagExpr(h.Flags))
	f.p("Status: %s, FDParam: %d,", statusConst[h.Status], h.FD)
	if len(h.Params) > 0 {
		f.p("Params: []ParamInfo{")
		for _, p := range h.Params {
			goParam(f, p)
		}
		f.p("},")
	}
	if len(calls) > 0 {
		var b strings.Builder
		for _, c := range calls {
			fmt.Fprintf(&b, "%s, ", callConst(c))
		}
		f.p("Syscalls: []SC{%s},", strings.TrimSuffix(b.String(), ", "))
	}
	f.p("},")
}

func flagExpr(flags []string) string {
	if len(flags) == 0 {
		return "0"
	}
	var out []string
	for _, v := range schema.EventFlags() { // in the order of the bits
		if slices.Contains(flags, v.Name) {
			out = append(out, "EF"+camel(v.Name))
		}
	}
	return strings.Join(out, " | ")
}

func goParam(f *goFile, p *schema.Param) {
	var b strings.Builder
	fmt.Fprintf(&b, "{Name: %q, Type: %s, Format: %s", p.Name, p.Type.Go, schema.FormatGo(p.Format))
	if p.Table != nil {
		fmt.Fprintf(&b, ", Flags: &%s", tableVar(p.Table))
	}
	if p.Dyn != nil {
		fmt.Fprintf(&b, ", Dyn: %s", dynVar(p.Dyn))
	}
	fmt.Fprintf(&b, ", DirFD: %d},", p.DirFD)
	f.p("%s", b.String())
}

func dynVar(d *schema.Dynamic) string {
	name := camel(d.Name)
	return strings.ToLower(name[:1]) + name[1:]
}

func goFlags(s *schema.Schema) ([]byte, error) {
	f := newGoFile()
	for _, t := range s.Tables {
		if err := goTable(f, t); err != nil {
			return nil, err
		}
	}
	f.p("\n// FlagTables lists every table above, in the order of the schema.")
	f.p("var FlagTables = [...]*FlagTable{")
	for _, t := range s.Tables {
		f.p("&%s,", tableVar(t))
	}
	f.p("}")
	f.p("\n// Shapes of parameters with a selector, which is the index.")
	f.p("var (")
	for _, d := range s.Dynamic {
		f.p("%s = []DynVariant{", dynVar(d))
		for _, v := range d.Variants {
			f.p("{Name: %q, Type: %s, Format: %s},", v.Name, v.Type.Go, schema.FormatGo(v.Format))
		}
		f.p("}")
	}
	f.p(")")
	return f.done()
}

func goTable(f *goFile, t *schema.Table) error {
	seen := map[string]uint32{}
	f.p("\n// Portable values of %s.", t.Name)
	f.p("const (")
	for _, v := range slices.Concat(t.Values, t.Internal) {
		name := valueConst(t, v)
		if old, ok := seen[name]; ok {
			if old != v.Value {
				return v.Errorf("table %s has %s twice, as %d and %d", t.Name, name, old, v.Value)
			}
			continue
		}
		seen[name] = v.Value
		if t.Enum {
			f.p("%s = %d", name, v.Value)
		} else {
			f.p("%s = %#x", name, v.Value)
		}
	}
	f.p(")")
	f.p("\n// %s names the values of %s.", tableVar(t), t.Name)
	f.p("var %s = FlagTable{Name: %q, Enum: %t, Values: []FlagValue{", tableVar(t), t.Name, t.Enum)
	for _, v := range t.Values {
		f.p("{%q, %s},", v.Name, valueConst(t, v))
	}
	f.p("}}")
	return nil
}
