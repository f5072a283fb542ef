// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/tiercel/tiercel/drivers/schema"
)

// cReady writes the fillers of the events that not every driver makes: a
// driver includes the header when it has the hooks. It stands apart so that
// the others are not rebuilt by it.
func cReady(s *schema.Schema) ([]byte, error) {
	f := newCFile("READY", "Fillers of events that need a hook of their own: at the entry of a call, or on a tracepoint.", true)
	f.needs(s)
	for _, h := range s.Events {
		if h.Ready() {
			cFiller(f, h)
		}
	}
	f.p("\n/* X(name, code, number of parameters, number of parts), as in list.h. */")
	f.p("\n/* Events at the entry of a call. */")
	f.xmacro("TCL_ENTER_EVENTS", s, func(h *schema.Half) bool { return h.Ready() && atEntry(h) })
	f.p("\n/* Events at the exit of a call; until a driver takes them the call arrives as the generic event. */")
	f.xmacro("TCL_READY_EVENTS", s, func(h *schema.Half) bool { return h.Ready() && h.Exit() })
	f.p("\n/* Events of tracepoints; argument N is that of the tracepoint. */")
	f.xmacro("TCL_READY_TRACEPOINT_EVENTS", s, func(h *schema.Half) bool { return h.Ready() && !h.Exit() && !atEntry(h) })
	f.p("\n/* Enter event of each native number; calls that are left out have none. */")
	for i, a := range schema.Archs {
		f.p("#%s %s", []string{"if", "elif"}[min(i, 1)], bpfTarget(a))
		var items []string
		for _, c := range byNumber(s, a) {
			if h := c.Enter(); h != nil && h.Ready() && atEntry(h) {
				items = append(items, fmt.Sprintf("[%d] = %d", c.Number[a], h.Code))
			}
		}
		f.list("TCL_ENTER_EVENT_OF_NR", items)
	}
	f.p("#endif")
	return f.done()
}

// atEntry tells the entry of a call from a tracepoint, which has only one half.
func atEntry(h *schema.Half) bool { return !h.Exit() && h.Event.Class == "syscall" }

// needs lists what the fillers take from drivers/probe.
func (f *cFile) needs(s *schema.Schema) {
	var names []string
	for _, h := range s.Events {
		if !h.Ready() {
			continue
		}
		for _, p := range h.Params {
			name := ""
			switch p.From.Kind {
			case schema.SourcePut:
				name = "tcl_p_" + p.From.Name
			case schema.SourceConv:
				if p.From.Name != "s32" && p.From.Name != "u32" {
					name = "tcl_conv_" + p.From.Name
				}
			}
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	f.p("\n/*")
	f.p(" * To be declared before:")
	line := " *"
	for i, n := range names {
		if i < len(names)-1 {
			n += ","
		}
		if len(line)+1+len(n) > 100 {
			f.p("%s", line)
			line = " *"
		}
		line += " " + n
	}
	f.p("%s", line)
	f.p(" */")
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
