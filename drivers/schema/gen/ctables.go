// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

// cFile collects the text of a C header of drivers/probe/gen. Functions are
// laid out as the project's clang-format wants them.
type cFile struct{ bytes.Buffer }

// Tables are kept from clang-format: their layout is the generator's.
func newCFile(guard, doc string, tables bool) *cFile {
	f := &cFile{}
	f.p("/* SPDX-License-Identifier: GPL-2.0-only OR MIT */")
	f.p("/* %s */", notice)
	f.p("/* %s */", doc)
	if tables {
		f.p("/* clang-format off */") // it would break long tables differently
	}
	f.p("#ifndef TCL_GEN_%s_H", guard)
	f.p("#define TCL_GEN_%s_H", guard)
	return f
}

// p writes a line.
func (f *cFile) p(format string, args ...any) { fmt.Fprintf(f, format+"\n", args...) }

func (f *cFile) done() ([]byte, error) {
	f.p("\n#endif")
	return f.Bytes(), nil
}

// define is an object-like macro.
type define struct{ name, value string }

// defines writes macros with their values in one column.
func (f *cFile) defines(ds []define) {
	width := 0
	for _, d := range ds {
		width = max(width, len(d.name))
	}
	for _, d := range ds {
		f.p("#define %-*s %s", width, d.name, d.value)
	}
}

// list writes a macro that is an initialiser list.
func (f *cFile) list(name string, items []string) {
	const column = 110
	var lines []string
	line := ""
	for _, it := range items {
		if line != "" && len(line)+len(it)+11 > column {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += it + ","
	}
	lines = append(lines, line)
	// Backslashes stand in one column, as clang-format aligns them.
	width := len("#define " + name + " {")
	for _, l := range lines {
		width = max(width, 8+len(l))
	}
	back := (width/8 + 1) * 8
	pad := func(text string, at int) string {
		return text + strings.Repeat("\t", (back-at+7)/8) + `\`
	}
	head := "#define " + name + " {"
	f.p("%s", pad(head, len(head)))
	for _, l := range lines {
		f.p("%s", pad("\t"+l, 8+len(l)))
	}
	f.p("\t}")
}

func cCodes(s *schema.Schema) ([]byte, error) {
	f := newCFile("CODES", "Codes of events and of system calls.", true)
	f.p("\nenum tcl_event_type {")
	for _, h := range s.Events {
		f.p("\t%s = %d,", h.Enum, h.Code)
	}
	f.p("};")
	f.p("\nenum tcl_sc {")
	f.p("\tPPM_SC_UNKNOWN = 0,")
	for _, c := range s.Calls {
		if c.Kind != schema.KindReserved {
			f.p("\tPPM_SC_%s = %d,", strings.ToUpper(c.Name), c.Code)
		}
	}
	f.p("};")
	f.p("\n#define TCL_NUM_EVENTS %d", len(s.Events))
	f.p("#define TCL_NUM_SC     %d", len(s.Calls))
	f.p("\n/* Numbers of parameters of the events that drivers make. */")
	var ds []define
	for _, h := range s.Events {
		if h.Live() {
			ds = append(ds, define{"TCL_NPARAMS_" + strings.TrimPrefix(h.Enum, "PPME_"), fmt.Sprint(len(h.Params))})
		}
	}
	f.defines(ds)
	return f.done()
}

func cFlags(s *schema.Schema) ([]byte, error) {
	f := newCFile("FLAGS", "Portable values of flags and enumerations.", true)
	for _, t := range s.Tables {
		if t.Verbatim {
			continue // errors and signals keep the kernel's numbers
		}
		f.p("\n/* %s */", t.Name)
		var ds []define
		for _, v := range slices.Concat(t.Values, t.Internal) {
			ds = append(ds, define{valueMacro(t, v), fmt.Sprintf("%#xu", v.Value)})
		}
		f.defines(ds)
	}
	for _, d := range s.Dynamic {
		f.p("\n/* Selectors of %s. */", d.Name)
		var ds []define
		for i, v := range d.Variants {
			ds = append(ds, define{"TCL_" + strings.ToUpper(d.Name) + "_" + v.Name, fmt.Sprint(i)})
		}
		f.defines(ds)
	}
	return f.done()
}

// cArch are the conditions under which an architecture's tables hold: the
// target of an eBPF object, or the compiler's own for the module.
var cArch = map[schema.Arch]string{
	schema.AMD64: "defined(__TARGET_ARCH_x86) || defined(__x86_64__)",
	schema.ARM64: "defined(__TARGET_ARCH_arm64) || defined(__aarch64__)",
}

// bpfTarget is the condition for an architecture's tables: the target of an
// eBPF object is asked first, for the compiler that makes it for another
// architecture still defines its own.
func bpfTarget(a schema.Arch) string {
	if a == schema.AMD64 {
		return "defined(__TARGET_ARCH_x86) || (!defined(__TARGET_ARCH_arm64) && defined(__x86_64__))"
	}
	return cArch[a]
}

// tableSize is the size of the tables by native number; numbers beyond are no
// calls. The mask that keeps an index inside is a power of two minus one.
const tableSize = 512

func cSyscalls(s *schema.Schema) ([]byte, error) {
	f := newCFile("SYSCALLS", "From native numbers to codes; initialisers for tables that each driver places itself.", true)
	f.p("\n#define TCL_NR_TABLE   %d", tableSize)
	f.p("#define TCL_IA32_TABLE %d", tableSize)
	f.p("\n#if %s", bpfTarget(schema.AMD64))
	if err := cNumbers(f, s, schema.AMD64); err != nil {
		return nil, err
	}
	f.p("\n#elif %s", cArch[schema.ARM64])
	if err := cNumbers(f, s, schema.ARM64); err != nil {
		return nil, err
	}
	f.p("\n#else")
	f.p("#error \"no table of system calls for this architecture\"")
	f.p("#endif")
	if err := cCompat(f, s); err != nil {
		return nil, err
	}
	cClasses(f, s)
	return f.done()
}

// cCompat writes the way from 32-bit x86 numbers to x86_64 ones.
func cCompat(f *cFile, s *schema.Schema) error {
	numbers := slices.Repeat([]int{-1}, tableSize)
	for _, c := range s.Calls {
		for _, n := range c.IA32 {
			if n >= tableSize {
				return c.Errorf("ia32 number %d of %s is beyond the table", n, c.Name)
			}
			numbers[n] = c.Number[schema.AMD64]
		}
	}
	var items []string
	for n, nr := range numbers {
		items = append(items, fmt.Sprintf("[%d] = %d", n, nr))
	}
	f.p("\n/* From numbers of 32-bit x86 calls to x86_64 ones; -1: no such call. */")
	f.list("TCL_NR_OF_IA32", items)
	return nil
}

// cClasses writes what dropping mode and the drop counters know of calls.
func cClasses(f *cFile, s *schema.Schema) {
	f.p("\n/* Sampling classes: what dropping mode does to a call. */")
	f.p("#define TCL_SAMPLING_NORMAL 0")
	f.p("#define TCL_SAMPLING_NEVER  1")
	f.p("#define TCL_SAMPLING_ALWAYS 2")
	f.p("\n/* Of each code; those left out are normal. */")
	var items []string
	for _, c := range s.Calls {
		if c.Sampling != "" {
			items = append(items, fmt.Sprintf("[%d] = %d", c.Code, map[string]int{"never": 1, "always": 2}[c.Sampling]))
		}
	}
	f.list("TCL_SAMPLING_OF_SC", items)
	f.p("\n/* Classes of the drop counters. */")
	var ds []define
	for i, name := range schema.DropClasses {
		ds = append(ds, define{"TCL_CLASS_" + strings.ToUpper(name), fmt.Sprint(i)})
	}
	f.defines(append(ds, define{"TCL_NUM_CLASSES", fmt.Sprint(len(schema.DropClasses))}))
	f.p("\n/* Of each code; those left out are TCL_CLASS_OTHER. */")
	items = nil
	for _, c := range s.Calls {
		if i := slices.Index(schema.DropClasses, c.Drops); i > 0 {
			items = append(items, fmt.Sprintf("[%d] = %d", c.Code, i))
		}
	}
	f.list("TCL_CLASS_OF_SC", items)
}

// cNumbers writes the tables of one architecture. Events without a filler are
// not in them: their calls arrive as the generic event.
func cNumbers(f *cFile, s *schema.Schema, a schema.Arch) error {
	var codes, events []string
	for _, c := range byNumber(s, a) {
		n := c.Number[a]
		if n >= tableSize {
			return c.Errorf("%s number %d of %s is beyond the table", a, n, c.Name)
		}
		codes = append(codes, fmt.Sprintf("[%d] = %d", n, c.Code))
		exit := 1 // PPME_GENERIC_X
		if h := c.Exit(); h != nil && h.HasFiller() {
			exit = h.Code
		}
		events = append(events, fmt.Sprintf("[%d] = %d", n, exit))
	}
	f.p("\n/* Code of each native number; 0: no such call. */")
	f.list("TCL_SC_OF_NR", codes)
	f.p("\n/* Exit event of each native number; 1: the generic event. */")
	f.list("TCL_EVENT_OF_NR", events)
	return nil
}

// byNumber returns the calls of an architecture by rising native number.
func byNumber(s *schema.Schema, a schema.Arch) []*schema.Call {
	var out []*schema.Call
	for _, c := range s.Calls {
		if _, ok := c.Number[a]; ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(x, y *schema.Call) int { return x.Number[a] - y.Number[a] })
	return out
}

func cList(s *schema.Schema) ([]byte, error) {
	f := newCFile("LIST", "Every event with a filler: X(name, code, number of parameters, number of parts).", true)
	f.p("\n/* Events at the exit of a call. */")
	f.xmacro("TCL_EVENTS", s, func(h *schema.Half) bool { return h.HasFiller() && h.Exit() })
	f.p("\n/* Events of kernel tracepoints. */")
	f.xmacro("TCL_TRACEPOINT_EVENTS", s, func(h *schema.Half) bool { return h.HasFiller() && !h.Exit() })
	return f.done()
}

func (f *cFile) xmacro(name string, s *schema.Schema, want func(*schema.Half) bool) {
	lines := []string{fmt.Sprintf("#define %s(X)", name)}
	width := len(lines[0])
	for _, h := range s.Events {
		if want(h) {
			l := fmt.Sprintf("X(%s, %s, %d, %d)", h.Ident(), h.Enum, len(h.Params), h.Parts)
			lines = append(lines, l)
			width = max(width, 8+len(l))
		}
	}
	back := (width/8 + 1) * 8
	for i, l := range lines {
		at := len(l)
		if i > 0 {
			l, at = "\t"+l, at+8
		}
		if i < len(lines)-1 {
			l += strings.Repeat("\t", (back-at+7)/8) + `\`
		}
		f.p("%s", l)
	}
}
