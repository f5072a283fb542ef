// SPDX-License-Identifier: Apache-2.0

package callwork

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/scap"
)

// Change is a call that two configurations treat differently.
type Change struct {
	Name   string `json:"name"`
	Cost   Cost   `json:"cost"`
	Change string `json:"change"` // on, off, entry on, entry off
	Before Call   `json:"before"`
	After  Call   `json:"after"`
}

// Difference is the answer of diff.
type Difference struct {
	Before    string   `json:"before"`
	After     string   `json:"after"`
	Selected  [2]int   `json:"selected"` // before and after
	Changes   []Change `json:"changes"`
	Unchanged int      `json:"unchanged"` // collected on both sides alike

	RulesAdded   []string    `json:"rules_added"`
	RulesGone    []string    `json:"rules_gone"`
	NeverFire    []BlindRule `json:"rules_that_no_longer_fire"` // after, and not before
	FireAgain    []string    `json:"rules_that_fire_again"`
	LoseMore     []BlindRule `json:"rules_that_lose_more"`
	InvalidNames []string    `json:"invalid_names"` // after
}

// Diff writes what changes from a to b, and reports whether anything does.
func Diff(w io.Writer, a, b Side, o Options) (differs bool, err error) {
	selA, err := a.compute()
	if err != nil {
		return false, fmt.Errorf("%s: %w", a.Name, err)
	}
	selB, err := b.compute()
	if err != nil {
		return false, fmt.Errorf("%s: %w", b.Name, err)
	}
	d := differenceOf(&a, &b, selA, selB)
	differs = len(d.Changes) > 0
	if o.JSON {
		return differs, writeJSON(w, d)
	}
	_, err = w.Write(trimLines(d.text(&o)))
	return differs, err
}

func differenceOf(a, b *Side, selA, selB *selection.Result) *Difference {
	d := &Difference{Before: a.Name, After: b.Name, Changes: []Change{}}
	before, after := selA.Selection, selB.Selection
	d.Selected = [2]int{before.Exit.Len(), after.Exit.Len()}
	for _, kind := range []struct {
		word string
		set  scap.SyscallSet
	}{
		{"on", after.Exit.Minus(before.Exit)},
		{"off", before.Exit.Minus(after.Exit)},
		{"entry on", after.Enter.Minus(before.Enter).Intersect(before.Exit)},
		{"entry off", before.Enter.Minus(after.Enter).Intersect(after.Exit)},
	} {
		var list []Change
		for sc := range kind.set.All() {
			list = append(list, Change{sc.String(), CostOf(sc), kind.word, callOf(selA, sc, true), callOf(selB, sc, true)})
		}
		slices.SortFunc(list, func(x, y Change) int { return strings.Compare(x.Name, y.Name) })
		d.Changes = append(d.Changes, list...)
	}
	d.Unchanged = before.Exit.Intersect(after.Exit).Len() - before.Enter.Minus(after.Enter).Intersect(after.Exit).Len() -
		after.Enter.Minus(before.Enter).Intersect(before.Exit).Len()
	d.compareRules(a, b, selA, selB)
	return d
}

// compareRules tells which rules came and went, and which can fire no more.
func (d *Difference) compareRules(a, b *Side, selA, selB *selection.Result) {
	ofA, ofB := enabledNames(a), enabledNames(b)
	d.RulesAdded, d.RulesGone = emptyNotNull(minus(ofB, ofA)), emptyNotNull(minus(ofA, ofB))
	neverA, partA := selA.Blind(selA.Selection.Exit)
	neverB, partB := selB.Blind(selB.Selection.Exit)
	d.NeverFire, d.LoseMore = blindRules(worse(neverA, neverB)), blindRules(worse(append(partA, neverA...), partB))
	d.FireAgain = []string{}
	for _, x := range neverA {
		if !slices.ContainsFunc(neverB, func(y selection.Blind) bool { return y.Rule == x.Rule }) && slices.Contains(ofB, x.Rule) {
			d.FireAgain = append(d.FireAgain, x.Rule)
		}
	}
	d.InvalidNames = emptyNotNull(slices.Clone(selB.InvalidPositive))
	for _, name := range selB.InvalidNegative {
		d.InvalidNames = append(d.InvalidNames, "!"+name)
	}
}

// worse are the rules that lose something now that they did not lose before.
func worse(before, after []selection.Blind) []selection.Blind {
	var out []selection.Blind
	for _, x := range after {
		lost := x.Lost
		for _, y := range before {
			if y.Rule == x.Rule {
				lost = lost.Minus(y.Lost)
			}
		}
		if !lost.IsEmpty() {
			out = append(out, selection.Blind{Rule: x.Rule, Lost: lost})
		}
	}
	return out
}

func enabledNames(s *Side) []string {
	var out []string
	for _, r := range s.Rules.Enabled() {
		if r.Source == rulesSource {
			out = append(out, r.Name)
		}
	}
	return out
}

func minus(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// text prints the difference as a table: + what turns on, - what turns off.
func (d *Difference) text(o *Options) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "from %s to %s: ", quote(d.Before), quote(d.After))
	if len(d.Changes) == 0 {
		fmt.Fprintf(&b, "the same %d system calls are collected\n", d.Selected[0])
	} else {
		fmt.Fprintf(&b, "%d system calls are collected instead of %d\n", d.Selected[1], d.Selected[0])
		d.writeCosts(&b, "on")
		d.writeCosts(&b, "off")
		b.WriteByte('\n')
		t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "  CALL\tNOW\tCOST\tWHY")
		for i := range d.Changes {
			d.Changes[i].write(t, o.Verbose)
		}
		_ = t.Flush() // a buffer takes everything
	}
	d.writeRules(&b, o.Verbose)
	return b.Bytes()
}

// writeCosts says how dear the calls are that turn on or off.
func (d *Difference) writeCosts(b *bytes.Buffer, change string) {
	count, all := map[Cost]int{}, 0
	for i := range d.Changes {
		if d.Changes[i].Change == change {
			count[d.Changes[i].Cost]++
			all++
		}
	}
	if all == 0 {
		return
	}
	var parts []string
	for _, c := range []Cost{VeryHigh, High, Medium, Low} {
		if count[c] > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s cost", count[c], c))
		}
	}
	fmt.Fprintf(b, "%s %d turn %s: %s\n", signs[change], all, change, strings.Join(parts, ", "))
}

var signs = map[string]string{"on": "+", "off": "-", "entry on": "+", "entry off": "-"}

func (c *Change) write(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\n", signs[c.Change], c.After.title(), c.Change, c.Cost, c.why(verbose))
	if !verbose {
		return
	}
	for _, a := range c.After.Rules {
		fmt.Fprintf(w, "\t\t\t  %s\n", a.line())
	}
	for _, a := range c.Before.Rules {
		if !slices.ContainsFunc(c.After.Rules, func(x Asker) bool { return x.Rule == a.Rule }) {
			fmt.Fprintf(w, "\t\t\t  no longer: %s\n", a.line())
		}
	}
}

// why says what the reason is now, and what it was where that is gone.
func (c *Change) why(verbose bool) string {
	now := c.After.reasons(verbose)
	if c.Change == "on" {
		if reason := c.Before.keptOff(); reason != "" {
			now = append(now, "before: "+reason)
		}
		return strings.Join(now, "; ")
	}
	if reason := c.After.keptOff(); reason != "" && c.Change == "off" {
		return reason + "; before: " + strings.Join(c.Before.reasons(verbose), "; ")
	}
	return strings.Join(now, "; ") + "; before: " + strings.Join(c.Before.reasons(verbose), "; ")
}

// keptOff is why a call that somebody wants is off.
func (c *Call) keptOff() string {
	switch {
	case c.On:
		return ""
	case c.Removed:
		return "taken out by !" + c.Event
	case c.Excluded:
		return "high volume, -A keeps it"
	case c.Spared:
		return "tracepoint that no rule names"
	}
	return ""
}

func (d *Difference) writeRules(b *bytes.Buffer, verbose bool) {
	line := func(title string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(b, "%s: %s\n", title, nameList(names, verbose))
		}
	}
	if len(d.RulesAdded)+len(d.RulesGone)+len(d.NeverFire)+len(d.FireAgain)+len(d.LoseMore)+len(d.InvalidNames) > 0 {
		b.WriteByte('\n')
	}
	line("Rules that come", d.RulesAdded)
	line("Rules that go", d.RulesGone)
	line("Can fire again", d.FireAgain)
	writeBlind(b, "Can fire no more", d.NeverFire)
	writeBlind(b, "Lose more than before", d.LoseMore)
	line("Unknown names in base_syscalls.custom_set", d.InvalidNames)
}
