// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Rule is a rule that loaded without error.
type Rule struct {
	Name            string
	Desc            string
	Condition       string      // as collected: with what was appended, without exceptions
	Tree            filter.Node // with lists, macros and exceptions put in place
	Output          string      // as collected
	Format          string      // the output with what the configuration appends
	Extra           []ExtraField
	Priority        Priority
	Source          string
	Tags            []string // sorted
	Enabled         bool
	Capture         bool
	CaptureDuration time.Duration   // 0: as configured
	Index           int             // its place in the order of definition
	Syscalls        scap.SyscallSet // that can make the condition true
	Types           evtset.Types    // of events that can make it true

	at            *place
	types         evtset.Types // for which it is asked
	lists, macros []string     // named directly
	exceptions    []exception
	outputFields  []string
	enabledInFile bool
	belowPriority bool // less severe than wanted: never enabled
}

// Where returns the place of the rule's last full definition as editors count
// it, line and column from 1.
func (r *Rule) Where() (file string, line, col int) {
	if r.at == nil {
		return "", 0, 0
	}
	file, line, col, _ = r.at.context().Where()
	return file, line, col
}

// OutputFields returns the fields that the output names, as written.
func (r *Rule) OutputFields() []string { return r.outputFields }

// Exceptions calls yield with the name of each exception and how many values
// it has.
func (r *Rule) Exceptions(yield func(name string, values int) bool) {
	for i := range r.exceptions {
		if !yield(r.exceptions[i].name, len(r.exceptions[i].values)) {
			return
		}
	}
}

// Ruleset is a complete set of rules. Only its rules' Enabled may change after
// the load, before the set is compiled.
type Ruleset struct {
	rules   []*Rule
	lists   []*compiledList
	isList  func(string) bool // see isList
	macros  []*compiledMacro
	engine  version
	plugins []PluginRequirement
	catalog fields.Catalog
}

// Rules returns all rules in the order of definition. The slice must not be
// changed.
func (rs *Ruleset) Rules() []*Rule { return rs.rules }

// Enabled returns the rules that are enabled, in the order of definition.
func (rs *Ruleset) Enabled() []*Rule {
	var out []*Rule
	for _, r := range rs.rules {
		if r.Enabled {
			out = append(out, r)
		}
	}
	return out
}

// Rule returns the rule of a name, or nil.
func (rs *Ruleset) Rule(name string) *Rule {
	i := slices.IndexFunc(rs.rules, func(r *Rule) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return rs.rules[i]
}

// Switch turns rules on or off: those whose name matches the pattern Rule (see
// MatchName) and those with the tag Tag. Empty members choose nothing.
type Switch struct {
	Enable bool
	Rule   string
	Tag    string
}

// Switch applies a choice and returns how many rules it is about. Rules below
// the wanted priority stay off.
func (rs *Ruleset) Switch(s Switch) int {
	n := 0
	for _, r := range rs.rules {
		if s.Rule != "" && MatchName(s.Rule, r.Name) || s.Tag != "" && slices.Contains(r.Tags, s.Tag) {
			r.Enabled = s.Enable && !r.belowPriority
			n++
		}
	}
	return n
}

// Need is a system call that enabled rules need, and which rules.
type Need struct {
	Syscall scap.SC
	Rules   []*Rule
}

// Syscalls returns what the enabled rules on system calls need to see.
func (rs *Ruleset) Syscalls() scap.SyscallSet {
	var s scap.SyscallSet
	for _, r := range rs.rules {
		if r.Enabled && r.Source == SourceSyscall {
			s = s.Union(r.Syscalls)
		}
	}
	return s
}

// Needs returns every member of Syscalls with the rules that need it.
func (rs *Ruleset) Needs() []Need {
	var out []Need
	for sc := range rs.Syscalls().All() {
		n := Need{Syscall: sc}
		for _, r := range rs.rules {
			if r.Enabled && r.Source == SourceSyscall && r.Syscalls.Has(sc) {
				n.Rules = append(n.Rules, r)
			}
		}
		out = append(out, n)
	}
	return out
}
