// SPDX-License-Identifier: Apache-2.0

package rulecost

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// What a line of text shows at most; JSON has everything.
const (
	maxLine = 100 // characters of a check
	maxKeys = 4
)

// write tells the plan as text: events first, then rules, then what they
// share.
func (p *plan) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules on system calls, %d distinct parts, %d KiB\n", p.Rules, p.Parts, (p.Bytes+1023)/1024)
	b.WriteString("\nEVENTS: which rules an event is tried on\n")
	for i := range p.Events {
		p.Events[i].write(&b)
	}
	b.WriteString("\nRULES: how each is reached, and its checks in the order of evaluation\n")
	last := int32(-1)
	for i := range p.Routes {
		r := &p.Routes[i]
		if r.id != last {
			fmt.Fprintf(&b, "\n  %s\n", r.Rule)
		}
		last = r.id
		r.write(&b)
	}
	if len(p.Shared) > 0 {
		b.WriteString("\nSHARED: evaluated once an event, however many rules ask\n\n")
		for _, c := range p.Shared {
			fmt.Fprintf(&b, "  %4d rules  %-8s  %s\n", c.Shared, c.Class, short(c.Text))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func eventNames(names []string, entry bool) string {
	switch {
	case names == nil:
		return "any event"
	case entry:
		return strings.Join(names, ", ") + " (beginning)"
	}
	return strings.Join(names, ", ")
}

func (e *eventPlan) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n  %s: %s\n", eventNames(e.Events, e.Entry), count(e.Rules, "rule"))
	for _, g := range e.Groups {
		indent := "    "
		if len(g.OnlyIf) > 0 {
			fmt.Fprintf(b, "    only if %s\n", short(strings.Join(g.OnlyIf, " and ")))
			indent = "      "
		}
		for _, l := range g.Lookups {
			var keys []string
			for _, kind := range slices.Sorted(maps.Keys(l.Keys)) {
				keys = append(keys, fmt.Sprintf("%d by %s", l.Keys[kind], kind))
			}
			fmt.Fprintf(b, "%s%s finds %s (keys: %s)\n", indent, l.Field, count(l.Rules, "rule"), strings.Join(keys, ", "))
		}
		for _, name := range g.Always {
			fmt.Fprintf(b, "%salways: %s\n", indent, name)
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *ruleRoute) write(b *strings.Builder) {
	fmt.Fprintf(b, "    on %s\n", short(eventNames(r.Events, r.Entry)))
	if len(r.OnlyIf) > 0 {
		fmt.Fprintf(b, "      only if  %s\n", short(strings.Join(r.OnlyIf, " and ")))
	}
	if len(r.Keys) == 0 {
		b.WriteString("      found by nothing: it is looked at for each of these events\n")
	}
	for i, k := range r.Keys {
		if i == maxKeys {
			fmt.Fprintf(b, "      or %d more\n", len(r.Keys)-maxKeys)
			break
		}
		word := "or"
		if i == 0 {
			word = "found by"
		}
		fmt.Fprintf(b, "      %-8s %s\n", word, short(k.String()))
	}
	for i, c := range r.Checks {
		shared := ""
		if c.Shared > 1 {
			shared = fmt.Sprintf("  [in %d rules]", c.Shared)
		}
		fmt.Fprintf(b, "      %d. %-8s %s%s\n", i+1, c.Class, short(c.Text), shared)
	}
}

// short cuts a line that nobody would read to its end.
func short(s string) string {
	if len(s) <= maxLine {
		return s
	}
	return strings.ToValidUTF8(s[:maxLine-4], "") + " ..."
}
