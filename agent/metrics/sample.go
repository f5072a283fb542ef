// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Sample is every raw number at one moment. Counters only grow as long as the
// agent lives, over reloads too, unless said otherwise.
type Sample struct {
	Time   time.Time
	Info   *Info  // what only changes with a reload; belongs to Rules
	Events uint64 // that the event loop has looked at
	Alerts uint64 // made by rules

	// Driver are the driver's counters; HasDriver is false on replay and
	// without a driver. PerCPU and DropsBySyscall have room (see Board.Begin).
	Driver      scap.Stats
	HasDriver   bool
	EventCounts EventCounts

	State    state.Counters
	HasState bool

	Rules []RuleCount // as Info.Rules
	// FindingNanoseconds is the time that it took to find the rules to ask,
	// which no rule is charged with: sampled, scaled up.
	FindingNanoseconds uint64
	Outputs            []OutputCount
	// QueueDrops are alerts that found the queue of an output full.
	QueueDrops uint64
	// Suppressed are alerts that were left out as duplicates.
	Suppressed uint64

	Containers     ContainerCounts
	Reloads        uint64 // that came into force
	ReloadFailures uint64 // that were refused: what was in force stayed
}

// Info is what belongs to one configuration and ruleset. It is never changed
// once a sample holds it: a reload makes a new one.
type Info struct {
	Version       string
	Hostname      string
	Source        string // event source: syscall
	KernelRelease string
	Engine        string // kmod, modern_bpf, bpf, nodriver; "": replay
	Start         time.Time
	Boot          time.Time // of the host
	Reload        time.Time // when this configuration came into force
	NumCPUs       int
	RulesFiles    []FileSum
	ConfigFiles   []FileSum
	Rules         []RuleInfo

	Selected      int // system calls collected at exit
	SelectedEnter int // and at entry too
	// Rules that can never fire with this selection, and those that see only
	// part of what they ask for.
	NeverFire []string
	PartBlind []string
}

// RuleInfo describes a rule that takes part.
type RuleInfo struct {
	Name     string
	Priority int // 0 emergency to 7 debug
	Source   string
	Tags     []string
}

// RuleCount is what one rule did.
type RuleCount struct {
	Matches     uint64
	Evaluations uint64 // how often its condition was asked
	Nanoseconds uint64 // in its condition: sampled, scaled up
}

// OutputCount is one output's queue.
type OutputCount struct {
	Name     string // stdout, file, syslog, program, http, ...
	Queued   uint64 // alerts that wait now
	Capacity uint64
	Written  uint64
	Dropped  uint64 // found the queue full
	Failed   uint64 // could not be written
	Down     bool   // the last write failed
	// Spooled alerts wait on disk, in so many bytes.
	Spooled, SpoolBytes uint64
}

// ContainerCounts is the look-up of container data.
type ContainerCounts struct {
	Known    uint64 // in the table now
	Lookups  uint64
	Failures uint64
	Pending  uint64 // under way now
	Evicted  uint64
	// Alerts that waited for the details of a container, and those that went
	// out without them because they did not come in time.
	Held, TimedOut uint64
}

// EventCounts counts events by what they are. It belongs to the event loop.
type EventCounts struct {
	ByType    [len(scap.Events)]uint64
	ByGeneric [len(scap.Syscalls)]uint64 // generic events, by their call
}

// Count counts one event.
func (c *EventCounts) Count(ev *scap.Event) {
	t := ev.Type()
	if t <= scap.EvGenericX {
		if sc, ok := ev.Uint(0); ok && sc < uint64(len(c.ByGeneric)) {
			c.ByGeneric[sc]++
			return
		}
	}
	if int(t) < len(c.ByType) {
		c.ByType[t]++
	}
}

// Names calls yield with each name that has been counted: system calls and
// tracepoints as they are called in rules. The order is that of the tables.
func (c *EventCounts) Names(yield func(name string, n uint64) bool) {
	sums := map[string]uint64{}
	var order []string
	add := func(name string, n uint64) {
		if n == 0 {
			return
		}
		if _, ok := sums[name]; !ok {
			order = append(order, name)
		}
		sums[name] += n
	}
	for t, n := range c.ByType {
		add(scap.Events[t].Name, n)
	}
	for sc, n := range c.ByGeneric {
		add(callName(scap.SC(sc)), n)
	}
	for _, name := range order {
		if !yield(name, sums[name]) {
			return
		}
	}
}

// callName is what rules call a system call or tracepoint.
func callName(sc scap.SC) string {
	if names := scap.NewSyscallSet(sc).Names(); len(names) == 1 {
		return names[0]
	}
	return sc.String()
}

// callNames adds up numbers by system call under the names of rules.
func callNames(byCall []uint64) map[string]uint64 {
	sums := map[string]uint64{}
	for sc, n := range byCall {
		if n > 0 {
			sums[callName(scap.SC(sc))] += n
		}
	}
	return sums
}

// copyTo makes dst equal to s without sharing memory, reusing dst's.
func (s *Sample) copyTo(dst *Sample) {
	perCPU, drops, rules, outputs := dst.Driver.PerCPU, dst.Driver.DropsBySyscall, dst.Rules, dst.Outputs
	*dst = *s
	dst.Driver.PerCPU = append(perCPU[:0], s.Driver.PerCPU...)
	dst.Driver.DropsBySyscall = append(drops[:0], s.Driver.DropsBySyscall...)
	dst.Rules = append(rules[:0], s.Rules...)
	dst.Outputs = append(outputs[:0], s.Outputs...)
}

// SetDriver takes counters that are at hand, PerCPU and DropsBySyscall too.
func (s *Sample) SetDriver(st *scap.Stats) {
	perCPU, drops := s.Driver.PerCPU, s.Driver.DropsBySyscall
	s.Driver, s.HasDriver = *st, true
	s.Driver.PerCPU = append(perCPU[:0], st.PerCPU...)
	s.Driver.DropsBySyscall = append(drops[:0], st.DropsBySyscall...)
}

// SetRules gives Rules room for n entries and returns them, for the event loop
// to fill.
func (s *Sample) SetRules(n int) []RuleCount {
	s.Rules = slices.Grow(s.Rules[:0], n)[:n]
	return s.Rules
}
