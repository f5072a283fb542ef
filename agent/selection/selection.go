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
)

// Rule is an enabled rule and the calls that can make its condition true.
type Rule struct {
	Name     string
	Syscalls scap.SyscallSet
	Enter    scap.SyscallSet // of these, calls whose enter half is asked for
}

// Input is all that a selection depends on.
type Input struct {
	Rules     []Rule
	Plugins   scap.SyscallSet  // calls that plugins parse
	CustomSet []string         // base_syscalls.custom_set: names, !name takes one out
	Repair    bool             // base_syscalls.repair
	All       bool             // base_syscalls.all, -A
	State     sinsp.Generation // base_syscalls.state_set
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

	in       Input
	base     scap.SyscallSet
	positive scap.SyscallSet
	negative scap.SyscallSet
	repaired scap.SyscallSet
}

// Compute selects the calls to collect.
func Compute(in Input) *Result {
	r := &Result{in: in}
	var enter scap.SyscallSet
	in.Rules = withoutFrequent(in.Rules)
	r.in = in
	for _, rule := range in.Rules {
		r.Rules = r.Rules.Union(rule.Syscalls)
		enter = enter.Union(rule.Enter)
	}
	r.lineIf(Debug, r.Rules, "(%d) syscalls in rules: %s")
	r.lineIf(Debug, in.Plugins, "(%d) syscalls required by plugins: %s")
	r.readCustomSet()

	sel := r.Rules.Union(in.Plugins).Union(r.base)
	if in.Repair && r.positive.IsEmpty() {
		sel = sinsp.Repair(r.Rules)
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
	if in.Repair && len(in.CustomSet) > 0 {
		// After the two subtractions: repair may bring back what was taken out.
		full := sinsp.Repair(sel)
		r.repaired = full.Minus(sel)
		sel = full
		r.lineIf(Info, r.repaired, "+(%d) repaired syscalls: %s")
	}
	sel = sel.Union(sinsp.ProcessExit())
	r.line(Debug, sel, "(%d) syscalls selected in total (final set): %s")

	r.Selection = scap.Selection{Exit: sel, Enter: enter.Intersect(sel)}
	r.Unsupported = r.Rules.Minus(sel)
	r.noticeUnsupported()
	return r
}

// Tracepoints are what the kernel does by itself, without a call and by the
// thousands: they are collected for a rule that names them, and not for one
// that takes whatever comes.
var Tracepoints = scap.NewSyscallSet(scap.SCSchedSwitch, scap.SCPageFaultUser, scap.SCPageFaultKernel, scap.SCSignalDeliver)

// anyRule is a rule without event types.
var anyRule = scap.AllSyscalls().Minus(Tracepoints)

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
	var blind []string
	for _, rule := range r.in.Rules {
		lost := rule.Syscalls.Minus(r.Selection.Exit)
		// A rule without event types loses the same calls as all of its kind:
		// naming it would only bury the others.
		if lost.IsEmpty() || rule.Syscalls == anyRule {
			continue
		}
		blind = append(blind, fmt.Sprintf("%q (%s)", rule.Name, strings.Join(lost.Names(), ", ")))
	}
	if len(blind) > 0 {
		r.Lines = append(r.Lines, Line{Warning, "Rules that see only part of what they ask for: " + strings.Join(blind, "; ")})
	}
}
