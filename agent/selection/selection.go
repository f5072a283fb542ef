// SPDX-License-Identifier: Apache-2.0

// Package selection decides which system calls are collected. It is a pure
// function: the rules' sets and the user's wishes go in, the sets for the
// driver and an explanation come out. Nothing here reads, logs or keeps state,
// so the same function serves the start, a reload and an explanation.
package selection

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Rule is an enabled rule and the calls that can make its condition true.
type Rule struct {
	Name     string
	Syscalls scap.SyscallSet
	Enter    scap.SyscallSet // of these, calls whose enter half is asked for
	// Others is set when events that no call makes can make it true, too.
	Others bool
	// Tree is the condition, for the explanation; nil: only the name is told.
	Tree filter.Node
}

// Consumer is somebody beside the rules who looks at events.
type Consumer struct {
	Name     string // as in "required by NAME"
	Syscalls scap.SyscallSet
}

// Input is all that a selection depends on. The zero value of each member is
// what the reference does.
type Input struct {
	Rules     []Rule
	Plugins   scap.SyscallSet  // calls that plugins parse
	Consumers []Consumer       // others: captures and the like
	CustomSet []string         // base_syscalls.custom_set: names, !name takes one out
	Repair    bool             // base_syscalls.repair
	All       bool             // base_syscalls.all, -A
	State     sinsp.Generation // base_syscalls.state_set
	// NegationWins keeps repair from bringing back what !name took out
	// (base_syscalls.negation_wins).
	NegationWins bool
	// SpareTracepoints leaves Tracepoints to rules that name them: one that
	// takes whatever comes does not get them.
	SpareTracepoints bool
}

// Level is how loud a line of the explanation is.
type Level uint8

// Levels.
const (
	Debug Level = iota
	Info
	Warning
)

// Line is one step of a selection, in the words that tools look for.
type Line struct {
	Level Level
	Text  string
}

// Result is a selection with its explanation.
type Result struct {
	Selection   scap.Selection
	Rules       scap.SyscallSet // what the rules ask for
	Unsupported scap.SyscallSet // asked for by rules, not selected
	Excluded    scap.SyscallSet // taken out for their volume
	Lines       []Line          // for the log, in order
	Notices     []string        // for standard error, past the log

	InvalidPositive []string // unknown names of the custom set
	InvalidNegative []string

	// NeverFire are the rules of whose calls none is selected, PartBlind those
	// that lose some, by name in the order of the rules. Rules without event
	// types are in neither: they lose what the settings say.
	NeverFire []string
	PartBlind []string

	in       Input
	whatever scap.SyscallSet // what rules without event types ask for
	base     scap.SyscallSet
	positive scap.SyscallSet
	negative scap.SyscallSet
	repaired scap.SyscallSet
	reasons  map[string]*evtset.Reasons // by rule, made when asked for
}

// Compute selects the calls to collect.
func Compute(in Input) *Result {
	r := &Result{in: in, whatever: scap.AllSyscalls()}
	if in.SpareTracepoints {
		r.whatever = r.whatever.Minus(Tracepoints)
		r.in.Rules = withoutFrequent(in.Rules)
	}
	var enter scap.SyscallSet
	for _, rule := range r.in.Rules {
		r.Rules = r.Rules.Union(rule.Syscalls)
		enter = enter.Union(rule.Enter)
	}
	r.lineIf(Debug, r.Rules, "(%d) syscalls in rules: %s")
	wanted := r.Rules.Union(r.consumers())
	r.readCustomSet()

	sel := wanted.Union(r.base)
	if in.Repair && r.positive.IsEmpty() {
		sel = sinsp.Repair(wanted)
	}
	if !r.negative.IsEmpty() {
		sel = sel.Minus(r.negative)
		r.line(Debug, r.negative, "-(%d) syscalls removed (base_syscalls override): %s")
	}
	r.warnIf(r.InvalidNegative, "Invalid (negative) syscall names: warning (base_syscalls override): ")
	if r.positive.IsEmpty() {
		r.lineIf(Debug, sel.Minus(r.Rules), "+(%d) syscalls (Falco's state engine set of syscalls): %s")
	}
	if !in.All {
		r.Excluded = sel.Intersect(sinsp.DefaultExcluded(in.State))
		sel = sel.Minus(r.Excluded)
		r.lineIf(Debug, r.Excluded, "-(%d) ignored syscalls (-> activate via `-A` flag): %s")
	}
	sel = r.repair(sel).Union(sinsp.ProcessExit())
	r.line(Debug, sel, "(%d) syscalls selected in total (final set): %s")

	r.Selection = scap.Selection{Exit: sel, Enter: enter.Intersect(sel)}
	r.Unsupported = r.Rules.Minus(sel)
	r.noticeUnsupported()
	return r
}

// consumers adds up what others than the rules need, and says so.
func (r *Result) consumers() scap.SyscallSet {
	all := r.in.Plugins
	r.lineIf(Debug, r.in.Plugins, "(%d) syscalls required by plugins: %s")
	for _, c := range r.in.Consumers {
		all = all.Union(c.Syscalls)
		r.lineIf(Debug, c.Syscalls, "(%d) syscalls required by "+strings.ReplaceAll(c.Name, "%", "%%")+": %s")
	}
	return all
}

// repair completes a set that the user has a hand in. It comes after the two
// subtractions and may bring back what was taken out, unless negation wins.
func (r *Result) repair(sel scap.SyscallSet) scap.SyscallSet {
	if !r.in.Repair || len(r.in.CustomSet) == 0 {
		return sel
	}
	full := sinsp.Repair(sel)
	if r.in.NegationWins {
		full = full.Minus(r.negative)
	}
	r.repaired = full.Minus(sel)
	r.lineIf(Info, r.repaired, "+(%d) repaired syscalls: %s")
	return full
}

// Tracepoints are what the kernel does by itself, without a call and by the
// thousands.
var Tracepoints = scap.NewSyscallSet(scap.SCSchedSwitch, scap.SCPageFaultUser, scap.SCPageFaultKernel, scap.SCSignalDeliver)

// named is how many calls a condition can name; one that asks for more rules
// some out.
const named = 250

// withoutFrequent takes the tracepoints from rules that do not name them.
func withoutFrequent(rules []Rule) []Rule {
	out := make([]Rule, len(rules))
	for i, rule := range rules {
		if rule.Syscalls.Len() > named {
			rule.Syscalls = rule.Syscalls.Minus(Tracepoints)
		}
		out[i] = rule
	}
	return out
}

// readCustomSet splits the custom set and chooses the base.
func (r *Result) readCustomSet() {
	var positive, negative []string
	for _, name := range r.in.CustomSet {
		switch {
		case name == "":
		case name[0] == '!': // "!" alone is an unknown name, not nothing
			negative = append(negative, name[1:])
		default:
			positive = append(positive, name)
		}
	}
	r.base = sinsp.StateSet(r.in.State)
	r.positive = scap.ParseSyscallSet(positive...)
	r.negative = scap.ParseSyscallSet(negative...)
	if !r.positive.IsEmpty() {
		r.base = r.positive
		r.line(Debug, r.positive, "+(%d) syscalls added (base_syscalls override): %s")
	}
	r.InvalidPositive = r.positive.NamesMissing(positive...)
	r.InvalidNegative = r.negative.NamesMissing(negative...)
	r.warnIf(r.InvalidPositive, "Invalid (positive) syscall names: warning (base_syscalls override): ")
}

// line adds a line whose format takes the number of names and the names:
// names, not codes, because several codes can share one name.
func (r *Result) line(level Level, set scap.SyscallSet, format string) {
	names := set.Names()
	r.Lines = append(r.Lines, Line{level, fmt.Sprintf(format, len(names), strings.Join(names, ", "))})
}

func (r *Result) lineIf(level Level, set scap.SyscallSet, format string) {
	if !set.IsEmpty() {
		r.line(level, set, format)
	}
}

func (r *Result) warnIf(names []string, text string) {
	if len(names) > 0 {
		r.Lines = append(r.Lines, Line{Warning, text + strings.Join(names, ", ")})
	}
}

// noticeUnsupported says which calls the rules lose, and which rules lose them.
func (r *Result) noticeUnsupported() {
	if r.Unsupported.IsEmpty() {
		return
	}
	r.Notices = append(r.Notices,
		"Loaded rules match syscalls that are not activated (e.g. were removed via config settings such as no -A flag or negative "+
			"base_syscalls elements) or unsupported with current configuration: warning (unsupported-evttype): "+
			strings.Join(r.Unsupported.Names(), ", "),
		"Use -A (base_syscalls.all) for the high-volume ones, look at base_syscalls.custom_set for the others; a call may also "+
			"not exist on this architecture. A rule that asks for nothing else never fires.")
	never, part := r.Blind(r.Selection.Exit)
	for _, b := range never {
		r.NeverFire = append(r.NeverFire, b.Rule)
	}
	for _, b := range part {
		r.PartBlind = append(r.PartBlind, b.Rule)
	}
	r.warnBlind("Rules that can never fire, because nothing that they ask for is collected: ", never)
	r.warnBlind("Rules that see only part of what they ask for: ", part)
}

// Blind is a rule and what it asks for in vain.
type Blind struct {
	Rule string
	Lost scap.SyscallSet
}

// Blind returns the rules that can never fire when just the calls of a set
// arrive, and those that lose some of theirs. A driver that cannot report all
// that was selected asks again with what it can.
func (r *Result) Blind(arriving scap.SyscallSet) (never, part []Blind) {
	for _, rule := range r.in.Rules {
		lost := rule.Syscalls.Minus(arriving)
		switch {
		// A rule without event types loses the same calls as all of its kind:
		// naming it would only bury the others.
		case lost.IsEmpty() || rule.Syscalls == r.whatever:
		case lost == rule.Syscalls && !rule.Others:
			never = append(never, Blind{rule.Name, lost})
		default:
			part = append(part, Blind{rule.Name, lost})
		}
	}
	return never, part
}

func (r *Result) warnBlind(text string, list []Blind) {
	if len(list) == 0 {
		return
	}
	parts := make([]string, len(list))
	for i, b := range list {
		parts[i] = fmt.Sprintf("%q (%s)", b.Rule, strings.Join(b.Lost.Names(), ", "))
	}
	r.Lines = append(r.Lines, Line{Warning, text + strings.Join(parts, "; ")})
}
