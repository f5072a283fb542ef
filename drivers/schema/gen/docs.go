// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

// page collects the text of a Markdown page.
type page struct {
	bytes.Buffer
	s *schema.Schema
}

func (p *page) p(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// chapters are the categories in the order of the page. A category that is not
// here is an error, so that no call gets lost.
var chapters = []struct{ category, title string }{
	{"file", "Files"}, {"io_read", "Reading"}, {"io_write", "Writing"}, {"io_other", "Other work on descriptors"},
	{"net", "Sockets"}, {"process", "Processes"}, {"user", "Users and rights"}, {"ipc", "Communication of processes"},
	{"memory", "Memory"}, {"signal", "Signals"}, {"wait", "Waiting"}, {"sleep", "Sleeping"}, {"time", "Time"},
	{"system", "The system"}, {"scheduler", "The scheduler"}, {"other", "Other"},
}

func syscallDocs(s *schema.Schema) ([]byte, error) {
	p := &page{s: s}
	p.p("# System calls and their events\n")
	p.p("<!-- %s -->\n", notice)
	p.intro()
	byCategory := map[string][]*schema.Call{}
	var generic []*schema.Call
	for _, c := range s.Calls {
		switch {
		case c.Kind == schema.KindReserved:
		case c.Event == nil:
			generic = append(generic, c)
		default:
			byCategory[c.Event.Category] = append(byCategory[c.Event.Category], c)
		}
	}
	for _, ch := range chapters {
		if calls := byCategory[ch.category]; calls != nil {
			p.chapter(ch.title, ch.category, calls)
			delete(byCategory, ch.category)
		}
	}
	for category := range byCategory {
		return nil, fmt.Errorf("category %s has no chapter", category)
	}
	p.generic(generic)
	return p.Bytes(), nil
}

func (p *page) intro() {
	calls, own, hooks := 0, 0, 0
	for _, c := range p.s.Calls {
		switch c.Kind {
		case schema.KindSyscall:
			calls++
			if c.Event != nil {
				own++
			}
		case schema.KindTracepoint:
			hooks++
		}
	}
	p.p("Tiercel knows %d system calls and %d tracepoints of the kernel. %d of the calls make an event of their own, with", calls, hooks, own)
	p.p("their parameters; the others arrive as the generic event, which tells only which call it was.\n")
	p.p("An event comes at the end of a call. A few calls have one for their beginning too, for those who ask for it; what it")
	p.p("holds is listed behind *at entry*.\n")
	p.p("| column | meaning |\n|---|---|")
	p.p("| event | code of the event in captures, and of older versions of it that can still be read |")
	p.p("| parameters | name and type, in the order of `evt.arg` |")
	p.p("| sets | what the call is a member of, see below; also *never* or *always* sampled: what dropping mode keeps, or drops first |")
	p.p("| x86_64, aarch64, ia32 | the call's number on each architecture; ia32 are the numbers by which 32-bit programs on x86_64 make it |")
	p.p("| driver | what all three drivers (modern_bpf, kmod, bpf) make: its *own* event, or the *generic* one; - where neither architecture has the call |\n")
	p.p("| set | calls | what |\n|---|---|---|")
	for i := range schema.NamedSets {
		set := &schema.NamedSets[i]
		n := 0
		for _, c := range p.s.Calls {
			if set.Has(p.s, c) {
				n++
			}
		}
		p.p("| %s | %d | %s |", set.Name, n, set.Doc)
	}
}

func (p *page) chapter(title, category string, calls []*schema.Call) {
	p.p("\n## %s\n", title)
	p.p("Category `%s`.\n", category)
	p.p("| call | event | parameters | sets | x86_64 | aarch64 | ia32 | driver |")
	p.p("|---|---|---|---|---|---|---|---|")
	for _, c := range byName(calls) {
		p.p("| %s | %s | %s | %s | %s | %s |", c.Name, events(c), parameters(c), p.sets(c), numbers(c), driverCell(c))
	}
}

// generic lists the calls without an event of their own.
func (p *page) generic(calls []*schema.Call) {
	p.p("\n## Calls without an event of their own\n")
	exit := p.s.Events[1]
	p.p("They arrive as the generic event (%d): %s.\n", exit.Code, paramList(exit.Params))
	p.p("| call | sets | x86_64 | aarch64 | ia32 | driver |\n|---|---|---|---|---|---|")
	for _, c := range byName(calls) {
		p.p("| %s | %s | %s | %s |", c.Name, p.sets(c), numbers(c), driverCell(c))
	}
}

func byName(calls []*schema.Call) []*schema.Call {
	return slices.SortedFunc(slices.Values(calls), func(a, b *schema.Call) int { return cmp.Compare(a.Name, b.Name) })
}

// driverCell says what the drivers make of a call: nothing where no architecture
// that is supported has it.
func driverCell(c *schema.Call) string {
	switch h := c.Exit(); {
	case c.Kind == schema.KindSyscall && len(c.Number) == 0:
		return "-"
	case h != nil && h.HasFiller():
		return "own"
	case c.Kind == schema.KindTracepoint:
		return "not yet"
	}
	return "generic"
}

// events returns the code of the call's event, and those of older versions.
func events(c *schema.Call) string {
	exit := c.Exit()
	var older []string
	for _, h := range c.Events {
		if h.Event != exit.Event && h.Event.Code != 0 && h.Exit() {
			older = append(older, fmt.Sprint(h.Code))
		}
	}
	if older == nil {
		return fmt.Sprint(exit.Code)
	}
	return fmt.Sprintf("%d (older: %s)", exit.Code, strings.Join(older, ", "))
}

func parameters(c *schema.Call) string {
	text := paramList(c.Exit().Params)
	if h := c.Enter(); c.Kind == schema.KindSyscall && h != nil && h.Live() {
		text += "; *at entry* (" + fmt.Sprint(h.Code) + "): " + paramList(h.Params)
	}
	return text
}

func paramList(params []*schema.Param) string {
	if len(params) == 0 {
		return "none"
	}
	words := make([]string, len(params))
	for i, q := range params {
		words[i] = q.Name + " *" + strings.ReplaceAll(q.Type.Name, "_", `\_`) + "*"
	}
	return strings.Join(words, ", ")
}

func (p *page) sets(c *schema.Call) string {
	var in []string
	for i := range schema.NamedSets {
		if schema.NamedSets[i].Has(p.s, c) {
			in = append(in, schema.NamedSets[i].Name)
		}
	}
	if c.Sampling != "" {
		in = append(in, "*"+c.Sampling+"*")
	}
	return dash(strings.Join(in, ", "))
}

func numbers(c *schema.Call) string {
	var cells []string
	for _, a := range schema.Archs {
		cell := ""
		if n, ok := c.Number[a]; ok {
			cell = fmt.Sprint(n)
		}
		cells = append(cells, dash(cell))
	}
	var ia32 []string
	for _, n := range slices.Sorted(slices.Values(c.IA32)) {
		ia32 = append(ia32, fmt.Sprint(n))
	}
	return strings.Join(append(cells, dash(strings.Join(ia32, ", "))), " | ")
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
