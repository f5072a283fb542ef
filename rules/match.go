// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"sync/atomic"

	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Mode says how many rules one event can match.
type Mode uint8

// Modes.
const (
	MatchFirst Mode = iota // the first in the order of definition
	MatchAll
)

// Matcher tells which of the enabled rules on system calls an event matches.
// One goroutine owns it; only Matches may be called from others.
type Matcher struct {
	prog  *program.Program
	run   *program.Run
	rules []*Rule // by id of the program
	hits  []*Rule // of the last event, reused
	count []atomic.Uint64
	first bool
}

// Compile makes one program of all rules on system calls that are enabled
// now. Later changes of the set do not affect it.
func (rs *Ruleset) Compile(mode Mode) (*Matcher, error) {
	b := program.NewBuilder(rs.catalog)
	m := &Matcher{first: mode == MatchFirst}
	for _, r := range rs.rules {
		if !r.Enabled || r.Source != SourceSyscall {
			continue
		}
		if _, _, err := b.Add(r.Tree, r.types); err != nil {
			return nil, fmt.Errorf("compile rule %q: %w", r.Name, err)
		}
		m.rules = append(m.rules, r)
	}
	m.prog = b.Build()
	m.run = m.prog.NewRun()
	m.hits = make([]*Rule, 0, len(m.rules))
	m.count = make([]atomic.Uint64, len(m.rules))
	return m, nil
}

// Match returns the rules that ev matches, in the order of definition. The
// slice is the matcher's and lives until the next call. It allocates nothing.
func (m *Matcher) Match(ev *state.Event) []*Rule {
	m.hits = m.hits[:0]
	for _, id := range m.prog.Match(ev, m.run, m.first) {
		m.count[id].Add(1)
		m.hits = append(m.hits, m.rules[id])
	}
	return m.hits
}

// Rules returns the rules that take part, in the order of definition.
func (m *Matcher) Rules() []*Rule { return m.rules }

// Matches calls yield with every rule that takes part and how often it has
// matched.
func (m *Matcher) Matches(yield func(*Rule, uint64) bool) {
	for i, r := range m.rules {
		if !yield(r, m.count[i].Load()) {
			return
		}
	}
}
