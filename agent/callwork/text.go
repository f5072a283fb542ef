// SPDX-License-Identifier: Apache-2.0

package callwork

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/format"
)

const rulesSource = rules.SourceSyscall

// named is how many rules a line names before it only counts them.
const named = 2

// writeExplanation prints a table and what there is to say beside it.
func writeExplanation(w io.Writer, e *Explanation, o *Options) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "CALL\tPLANE\tCOST\tWHY")
	for i := range e.Calls {
		c := &e.Calls[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.title(), c.Plane(), c.Cost, strings.Join(c.reasons(o.Verbose), "; "))
		if o.Verbose {
			for _, a := range c.Rules {
				fmt.Fprintf(t, "\t\t\t  %s\n", a.line())
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(o.Names) == 0 {
		e.writeSummary(&b, o.Verbose)
	}
	// tabwriter pads the last column of a line without one.
	_, err := w.Write(trimLines(b.Bytes()))
	return err
}

func trimLines(text []byte) []byte {
	lines := bytes.Split(text, []byte{'\n'})
	for i := range lines {
		lines[i] = bytes.TrimRight(lines[i], " ")
	}
	return bytes.Join(lines, []byte{'\n'})
}

func (e *Explanation) writeSummary(b *bytes.Buffer, verbose bool) {
	fmt.Fprintf(b, "\n%d of %d system calls and tracepoints are collected", e.Selected, e.All)
	if e.SelectedEnter > 0 {
		fmt.Fprintf(b, ", %d of them at entry, too", e.SelectedEnter)
	}
	fmt.Fprintf(b, "; %s.\n", plural(e.Rules, "rule is enabled", "rules are enabled"))
	if n := len(e.Whatever); n > 0 {
		fmt.Fprintf(b, "%s: %s\n", plural(n, "rule names no event type and asks for every call",
			"rules name no event type and ask for every call"), nameList(e.Whatever, verbose))
	}
	writeBlind(b, "Can never fire", e.NeverFire)
	writeBlind(b, "See only part of what they ask for", e.PartBlind)
	if len(e.Invalid) > 0 {
		fmt.Fprintf(b, "Unknown names in base_syscalls.custom_set: %s\n", strings.Join(quoted(e.Invalid), ", "))
	}
}

func writeBlind(b *bytes.Buffer, title string, list []BlindRule) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", title)
	for _, r := range list {
		fmt.Fprintf(b, "  %s: %s not collected\n", quote(r.Rule), isAre(r.Lost))
	}
}

func isAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, ", ") + " are"
}

// title is the call's name, with what rules call it where that differs.
func (c *Call) title() string {
	if c.Event != c.Name {
		return c.Name + " (" + c.Event + ")"
	}
	return c.Name
}

// reasons are the reasons of a line, what keeps it off first.
func (c *Call) reasons(verbose bool) []string {
	var why []string
	add := func(is bool, text string) {
		if is {
			why = append(why, text)
		}
	}
	add(c.Removed, "taken out by !"+c.Event)
	add(c.Excluded, "high volume, -A keeps it")
	add(c.Spared, "tracepoint that no rule names")
	add(c.Always, "always")
	if n := len(c.Rules); n > 0 {
		text := plural(n, "rule", "rules")
		if !verbose {
			text += ": " + nameList(c.ruleNames(), false)
		}
		why = append(why, text)
	}
	add(c.Whatever > 0, plural(c.Whatever, "rule", "rules")+" without event type")
	add(c.State, "state")
	add(c.User, "user (custom_set)")
	add(c.Repair, "repair")
	add(c.Plugins, "plugins")
	add(len(c.Needed) > 0, "needed by "+strings.Join(c.Needed, ", "))
	if why == nil {
		why = []string{"nobody asks for it"}
	}
	return why
}

func (c *Call) ruleNames() []string {
	out := make([]string, len(c.Rules))
	for i, a := range c.Rules {
		out[i] = a.Rule
	}
	return out
}

// line is a rule with the parts of its condition that ask for the call.
func (a *Asker) line() string {
	const most = 100 // bytes of a part that does not name the call: it can be the whole condition
	parts := make([]string, len(a.Checks))
	for i, text := range a.Checks {
		if !a.Named && len(text) > most {
			text = text[:most] + "..."
		}
		parts[i] = string(format.AppendEscaped(nil, text))
	}
	if a.Named {
		return quote(a.Rule) + ": " + strings.Join(parts, "; ")
	}
	return quote(a.Rule) + ", with others, by: " + strings.Join(parts, "; ")
}

// nameList quotes names; without all the first ones and how many more.
func nameList(names []string, all bool) string {
	if all || len(names) <= named+1 {
		return strings.Join(quoted(names), ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(quoted(names[:named]), ", "), len(names)-named)
}

func quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return out
}

// quote keeps a name from forging lines on a terminal.
func quote(name string) string { return string(format.AppendString(nil, name)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
