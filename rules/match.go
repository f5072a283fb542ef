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
// One goroutine owns it; only Rules, Matches, Costs and Totals may be called
// from others. A Matcher shares nothing that changes with others, so a new one can
// be compiled while an old one is in use.
type Matcher struct {
	prog  *program.Program
	run   *program.Run
	rules []*Rule // by id of the program
	hits  []*Rule // of the last event, reused
	costs []counters
	first bool

	events, finding atomic.Uint64 // as of the last Publish
	base            Totals
}

// counters are what a rule has done and cost. The owner adds to base what the
// Matcher before this one had counted.
type counters struct {
	matches, evaluations, nanoseconds atomic.Uint64

	base Cost
}

// Cost is what a rule has done since the agent began.
type Cost struct {
	Rule    *Rule
	Matches uint64
	// Evaluations is how often its condition was looked at: the events for
	// which the index could not tell at once that it does not hold.
	Evaluations uint64
	// Nanoseconds is the time that took, estimated: about one event in a
	// thousand is timed. A part that rules share is charged to the first of
	// them that asks for it.
	Nanoseconds uint64
}

// Totals are about all rules together.
type Totals struct {
	Events uint64 // that were matched
	// Finding is the time in nanoseconds that it took to find the rules to
	// look at, which no rule is charged with; estimated as the rules' own.
	Finding uint64
}

// Compile makes one program of all rules on system calls that are enabled
// now. Later changes of the set do not affect it.
func (rs *Ruleset) Compile(mode Mode) (*Matcher, error) {
	b, list, err := rs.builder()
	if err != nil {
		return nil, err
	}
	m := &Matcher{prog: b.Build(), rules: list, first: mode == MatchFirst}
	m.run = m.prog.NewRun()
	m.hits = make([]*Rule, 0, len(m.rules))
	m.costs = make([]counters, len(m.rules))
	return m, nil
}

// Match returns the rules that ev matches, in the order of definition. The
// slice is the matcher's and lives until the next call. It allocates nothing.
func (m *Matcher) Match(ev *state.Event) []*Rule {
	m.hits = m.hits[:0]
	for _, id := range m.prog.Match(ev, m.run, m.first) {
		m.costs[id].matches.Add(1)
		m.hits = append(m.hits, m.rules[id])
	}
	if m.run.Sampled() {
		m.Publish()
	}
	return m.hits
}

// Rules returns the rules that take part, in the order of definition.
func (m *Matcher) Rules() []*Rule { return m.rules }

// Matches calls yield with every rule that takes part and how often it has
// matched.
func (m *Matcher) Matches(yield func(*Rule, uint64) bool) {
	for i, r := range m.rules {
		if !yield(r, m.costs[i].base.Matches+m.costs[i].matches.Load()) {
			return
		}
	}
}

// Costs calls yield with what every rule that takes part has cost, in the
// order of definition. Matches are up to date; the rest is as of the last
// Publish, which Match calls about every thousand events.
func (m *Matcher) Costs(yield func(Cost) bool) {
	for i, r := range m.rules {
		c := &m.costs[i]
		cost := Cost{r, c.base.Matches + c.matches.Load(), c.base.Evaluations + c.evaluations.Load(),
			c.base.Nanoseconds + c.nanoseconds.Load()}
		if !yield(cost) {
			return
		}
	}
}

// Publish brings Costs up to date. Its owner calls it when it has a moment,
// such as between batches of events when they are few.
func (m *Matcher) Publish() {
	events, finding := m.run.Totals()
	m.events.Store(events)
	m.finding.Store(finding)
	m.run.Costs(func(id int32, evaluations, nanoseconds uint64) {
		m.costs[id].evaluations.Store(evaluations)
		m.costs[id].nanoseconds.Store(nanoseconds)
	})
}

// Totals returns what is about all rules together, as of the last Publish.
func (m *Matcher) Totals() Totals {
	return Totals{m.base.Events + m.events.Load(), m.base.Finding + m.finding.Load()}
}

// SampleEvery sets how many events there are, on average, for one that is
// timed; a profile times more of them than an agent. To be called before the
// first Match.
func (m *Matcher) SampleEvery(events uint32) { m.run.SampleEvery(events) }

// Bytes is about what the compiled rules take in memory.
func (m *Matcher) Bytes() int { return m.prog.Bytes() + m.run.Bytes() }

// Adopt takes over what the rules of the same names have cost in old, which is
// not used any more after that. To be called before the first Match.
func (m *Matcher) Adopt(old *Matcher) {
	old.Publish()
	m.base = old.Totals()
	byName := make(map[string]Cost, len(old.rules))
	for c := range old.Costs {
		byName[c.Rule.Name] = c
	}
	for i, r := range m.rules {
		m.costs[i].base = byName[r.Name]
	}
}

// Explain tells how Compile's Matcher finds and evaluates the rules, which are
// returned by their ids in the explanation.
func (rs *Ruleset) Explain() (*program.Explanation, []*Rule, error) {
	b, list, err := rs.builder()
	if err != nil {
		return nil, nil, err
	}
	return b.Explain(), list, nil
}

// builder collects the enabled rules on system calls.
func (rs *Ruleset) builder() (*program.Builder, []*Rule, error) {
	b := program.NewBuilder(rs.catalog)
	var list []*Rule
	for _, r := range rs.rules {
		if !r.Enabled || r.Source != SourceSyscall {
			continue
		}
		if _, _, err := b.Add(r.Tree, r.types); err != nil {
			return nil, nil, fmt.Errorf("compile rule %q: %w", r.Name, err)
		}
		list = append(list, r)
	}
	return b, list, nil
}
