// SPDX-License-Identifier: Apache-2.0

package callwork

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/scap"
)

// Asker is a rule that asks for a call.
type Asker struct {
	Rule string `json:"rule"`
	// Checks are the parts of its condition that do. Named is set when they name
	// the call; without it they take it among others.
	Checks []string `json:"checks,omitempty"`
	Named  bool     `json:"named"`
}

// Call is one line of the explanation.
type Call struct {
	Name  string `json:"name"`
	Event string `json:"event"` // what rules call it
	On    bool   `json:"on"`
	Enter bool   `json:"enter"` // its entry is collected, too
	Cost  Cost   `json:"cost"`

	Rules    []Asker  `json:"rules,omitempty"`
	Whatever int      `json:"rules_without_event_type,omitempty"`
	State    bool     `json:"state,omitempty"`
	User     bool     `json:"user,omitempty"`
	Repair   bool     `json:"repair,omitempty"`
	Plugins  bool     `json:"plugins,omitempty"`
	Needed   []string `json:"needed_by,omitempty"`
	Always   bool     `json:"always,omitempty"`
	Removed  bool     `json:"removed,omitempty"`  // by !name
	Excluded bool     `json:"excluded,omitempty"` // high volume, without -A
	Spared   bool     `json:"spared,omitempty"`   // a tracepoint that no rule names
}

// BlindRule is a rule that loses calls that it asks for.
type BlindRule struct {
	Rule string   `json:"rule"`
	Lost []string `json:"lost"`
}

// Explanation is the answer of explain.
type Explanation struct {
	Selected      int         `json:"selected"`       // at exit
	SelectedEnter int         `json:"selected_enter"` // at entry, too
	All           int         `json:"all"`            // calls and tracepoints that exist
	Rules         int         `json:"rules"`          // enabled
	Whatever      []string    `json:"rules_without_event_type"`
	Calls         []Call      `json:"syscalls"`
	NeverFire     []BlindRule `json:"rules_that_never_fire"`
	PartBlind     []BlindRule `json:"rules_that_lose_a_part"`
	Invalid       []string    `json:"invalid_names"` // of base_syscalls.custom_set, as written
}

// Explain writes which calls a configuration collects, and why.
func Explain(w io.Writer, s Side, o Options) error {
	sel, err := s.compute()
	if err != nil {
		return err
	}
	asked, err := namedCalls(o.Names)
	if err != nil {
		return err
	}
	e := explanationOf(sel, &s)
	for _, sc := range shown(sel, asked, &o) {
		e.Calls = append(e.Calls, callOf(sel, sc, o.JSON || o.Verbose))
	}
	if o.JSON {
		return writeJSON(w, e)
	}
	return writeExplanation(w, e, &o)
}

func explanationOf(sel *selection.Result, s *Side) *Explanation {
	never, part := sel.Blind(sel.Selection.Exit)
	e := &Explanation{
		Selected: sel.Selection.Exit.Len(), SelectedEnter: sel.Selection.Enter.Len(), All: scap.AllSyscalls().Len(),
		Whatever: emptyNotNull(sel.Whatever()), Calls: []Call{}, NeverFire: blindRules(never), PartBlind: blindRules(part),
		Invalid: emptyNotNull(slices.Clone(sel.InvalidPositive)),
	}
	for _, name := range sel.InvalidNegative {
		e.Invalid = append(e.Invalid, "!"+name)
	}
	for _, r := range s.Rules.Enabled() {
		if r.Source == rulesSource {
			e.Rules++
		}
	}
	return e
}

func blindRules(list []selection.Blind) []BlindRule {
	out := []BlindRule{}
	for _, b := range list {
		out = append(out, BlindRule{b.Rule, b.Lost.Names()})
	}
	return out
}

func emptyNotNull(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// namedCalls returns the calls of names as rules write them or as the kernel
// has them.
func namedCalls(names []string) (scap.SyscallSet, error) {
	var set scap.SyscallSet
	for _, name := range names {
		calls, ok := scap.SyscallsNamed(name)
		if sc, plain := scap.SyscallNamed(name); plain {
			calls.Add(sc)
			ok = true
		}
		if !ok || calls.IsEmpty() {
			return set, fmt.Errorf("no system call is called %q%s", name, alike(name))
		}
		set = set.Union(calls)
	}
	return set, nil
}

// alike names calls that may have been meant: a letter is missing or too many,
// or the beginning is the same.
func alike(name string) string {
	const most = 5
	var near, same []string
	for _, n := range scap.AllSyscalls().Names() {
		switch {
		case len(name) > 2 && abs(len(n)-len(name)) <= 2 && (within(name, n) || within(n, name)):
			near = append(near, n)
		case len(name) > 3 && strings.HasPrefix(n, name[:3]):
			same = append(same, n)
		}
	}
	if all := append(near, same...); len(all) > 0 {
		return " (did you mean one of " + strings.Join(all[:min(most, len(all))], ", ") + "?)"
	}
	return " (tiercel --list-events prints all)"
}

// within reports whether long has the letters of short in their order.
func within(short, long string) bool {
	for i := range len(short) {
		j := strings.IndexByte(long, short[i])
		if j < 0 {
			return false
		}
		long = long[j+1:]
	}
	return true
}

func abs(n int) int { return max(n, -n) }

// shown are the calls to print, in order of their names.
func shown(sel *selection.Result, asked scap.SyscallSet, o *Options) []scap.SC {
	set := asked
	if asked.IsEmpty() {
		set = sel.Selection.Exit
		for _, w := range sel.Explain() {
			set.Add(w.Syscall)
		}
	}
	var list []scap.SC
	for sc := range set.All() {
		w := sel.Why(sc)
		if o.OnlyOn && !w.On || len(o.Rules) > 0 && !slices.ContainsFunc(w.Rules, func(rule string) bool { return containsAny(rule, o.Rules) }) {
			continue
		}
		list = append(list, sc)
	}
	slices.SortFunc(list, func(a, b scap.SC) int { return strings.Compare(a.String(), b.String()) })
	return list
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

// callOf explains one call; with checks it looks up the part of each rule's
// condition, which takes a while.
func callOf(sel *selection.Result, sc scap.SC, checks bool) Call {
	w := sel.Why(sc)
	c := Call{
		Name: sc.String(), Event: eventName(sc), On: w.On, Enter: w.Enter, Cost: CostOf(sc), Whatever: w.AllRules, State: w.State, User: w.User,
		Repair: w.Repair, Plugins: w.Plugin, Needed: w.Consumers, Always: w.Always, Removed: w.Removed, Excluded: w.Excluded, Spared: w.Spared,
	}
	for _, rule := range w.Rules {
		a := Asker{Rule: rule}
		if checks {
			parts, _ := sel.Checks(rule, sc)
			for _, p := range parts {
				a.Checks, a.Named = append(a.Checks, p.Text), a.Named || p.Named
			}
		}
		c.Rules = append(c.Rules, a)
	}
	return c
}

func eventName(sc scap.SC) string {
	if names := scap.NewSyscallSet(sc).Names(); len(names) > 0 {
		return names[0]
	}
	return sc.String()
}

// Plane says at which side of the call it is collected.
func (c *Call) Plane() string {
	switch {
	case !c.On:
		return "off"
	case c.Enter:
		return "entry+exit"
	}
	return "exit"
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
