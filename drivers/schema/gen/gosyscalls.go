// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

// goArch are the constants of scap.Arch.
var goArch = map[schema.Arch]string{schema.AMD64: "AMD64", schema.ARM64: "ARM64"}

func goSyscalls(s *schema.Schema) ([]byte, error) {
	f := newGoFile()
	f.p("\n// Codes of system calls and tracepoints.")
	f.p("const (")
	f.p("SCUnknown SC = 0")
	for _, c := range s.Calls {
		if c.Kind != schema.KindReserved {
			f.p("%s SC = %d", callConst(c), c.Code)
		}
	}
	f.p(")")
	f.p("\n// Syscalls describes every member of the SC enumeration; the index is the")
	f.p("// code. A tracepoint has one event, which stands in both Enter and Exit.")
	f.p("var Syscalls = [%d]SyscallInfo{", len(s.Calls))
	for _, c := range s.Calls {
		goCall(f, c)
	}
	f.p("}")
	goNumbers(f, s)
	goClasses(f, s)
	goSets(f, s)
	return f.done()
}

func goCall(f *goFile, c *schema.Call) {
	nr := make([]string, len(schema.Archs))
	for i, a := range schema.Archs {
		nr[i] = "-1"
		if n, ok := c.Number[a]; ok {
			nr[i] = fmt.Sprint(n)
		}
	}
	numbers := "{" + strings.Join(nr, ", ") + "}"
	if c.Kind == schema.KindReserved {
		name := ""
		if c.Code == 0 {
			name = "unknown"
		}
		f.p("{Code: %d, Name: %q, Number: [numArchs]int16%s, Enter: EvGenericE, Exit: EvGenericX},", c.Code, name, numbers)
		return
	}
	enter, exit := "EvGenericE", "EvGenericX"
	if h := c.Enter(); h != nil && h.Status != schema.StatusUnused {
		enter = eventConst(h)
	}
	if h := c.Exit(); h != nil {
		exit = eventConst(h)
	}
	kind := map[string]string{schema.KindSyscall: "KindSyscall", schema.KindTracepoint: "KindTracepoint"}[c.Kind]
	events := make([]string, len(c.Events))
	for i, h := range c.Events {
		events[i] = eventConst(h)
	}
	f.p("{Code: %s, Name: %q, Kind: %s, Number: [numArchs]int16%s, Enter: %s, Exit: %s, Events: []EventType{%s}},",
		callConst(c), c.Name, kind, numbers, enter, exit, strings.Join(events, ", "))
}

// goNumbers writes the way from native numbers to codes.
func goNumbers(f *goFile, s *schema.Schema) {
	top := 0
	for _, c := range s.Calls {
		for _, n := range c.Number {
			top = max(top, n+1)
		}
	}
	f.p("\n// nativeSC maps native numbers to codes; 0 where there is no call.")
	f.p("var nativeSC = [numArchs][%d]SC{", top)
	for _, a := range schema.Archs {
		f.p("%s: {", goArch[a])
		for _, c := range s.Calls {
			if n, ok := c.Number[a]; ok {
				f.p("%d: %s,", n, callConst(c))
			}
		}
		f.p("},")
	}
	f.p("}")
	f.p(`
// NativeSC returns the code of the call with that native number, or SCUnknown.
func NativeSC(arch Arch, nr int) SC {
	if arch >= numArchs || uint(nr) >= uint(len(nativeSC[arch])) {
		return SCUnknown
	}
	return nativeSC[arch][nr]
}`)
	goIA32(f, s)
}

func goIA32(f *goFile, s *schema.Schema) {
	var ia32 []*schema.Call
	for _, c := range s.Calls {
		for _, n := range c.IA32 {
			for len(ia32) <= n {
				ia32 = append(ia32, nil)
			}
			ia32[n] = c
		}
	}
	f.p("\n// ia32Number maps numbers of 32-bit x86 calls to x86_64 ones, -1 for none.")
	f.p("var ia32Number = [%d]int16{", len(ia32))
	for n, c := range ia32 {
		if c == nil {
			f.p("%d: -1,", n)
		} else {
			f.p("%d: %d, // %s", n, c.Number[schema.AMD64], c.Name)
		}
	}
	f.p("}")
	f.p(`
// IA32Number returns the x86_64 number of the call that a 32-bit program makes
// by nr, or -1. Several calls of 32-bit programs can mean the same one.
func IA32Number(nr int) int {
	if uint(nr) >= uint(len(ia32Number)) {
		return -1
	}
	return int(ia32Number[nr])
}`)
}

var dropConst = map[string]string{
	"": "DropOther", "clone_fork": "DropCloneFork", "execve": "DropExecve", "connect": "DropConnect", "open": "DropOpen",
	"dir_file": "DropDirFile", "close": "DropClose", "proc_exit": "DropProcExit",
}

func goClasses(f *goFile, s *schema.Schema) {
	f.p("\nvar dropClass = [%d]DropClass{", len(s.Calls))
	for _, c := range s.Calls {
		if c.Drops != "" {
			f.p("%s: %s,", callConst(c), dropConst[c.Drops])
		}
	}
	f.p("}")
	f.p(`
// DropClass returns the class of sc in the drop counters.
func (sc SC) DropClass() DropClass {
	if int(sc) >= len(dropClass) {
		return DropOther
	}
	return dropClass[sc]
}`)
}

func goSets(f *goFile, s *schema.Schema) {
	var never, always []*schema.Call
	for _, c := range s.Calls {
		switch c.Sampling {
		case "never":
			never = append(never, c)
		case "always":
			always = append(always, c)
		}
	}
	f.p("\n// Named sets that the tables hold.")
	f.p("var (")
	goSet(f, "NeverSampled", "what dropping mode always keeps", never)
	goSet(f, "AlwaysSampled", "what dropping mode removes first", always)
	for _, set := range s.Sets {
		goSet(f, camel(set.Name), set.Doc, set.Calls)
	}
	f.p(")")
}

func goSet(f *goFile, name, doc string, calls []*schema.Call) {
	var words []uint64
	for _, c := range calls {
		for len(words) <= c.Code/64 {
			words = append(words, 0)
		}
		words[c.Code/64] |= 1 << (c.Code % 64)
	}
	hex := make([]string, len(words))
	for i, w := range words {
		hex[i] = fmt.Sprintf("%#x", w)
	}
	f.p("// %s: %s (%d).", name, doc, len(calls))
	f.p("%s = SyscallSet{w: [setWords]uint64{%s}}", name, strings.Join(hex, ", "))
}
