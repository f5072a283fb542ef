// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"slices"
	"strings"
	"sync"
)

// genericEvents is the number of codes, from 0, that stand for any call
// without an event of its own. Their name is no event name.
const genericEvents = 2

// nameIndex answers by name what the tables answer by code. It is built once,
// on first use: start-up and rule loading look names up, events do not.
type nameIndex struct {
	all      SyscallSet              // every code with a name
	own      SyscallSet              // codes that some event of their own carries
	calls    map[string]SyscallSet   // event name -> codes of all its events
	events   map[string][]EventType  // event name -> its events, all versions
	generic  map[string]SC           // names of the codes without an event of their own
	plain    map[string]SC           // plain names of all codes
	names    [setWords * 64][]string // code -> the event names that cover it, sorted
	byNative [numArchs]map[int16]SC
}

var index = sync.OnceValue(func() *nameIndex {
	x := &nameIndex{
		calls:   make(map[string]SyscallSet),
		events:  make(map[string][]EventType),
		generic: make(map[string]SC),
		plain:   make(map[string]SC),
	}
	for a := range x.byNative {
		x.byNative[a] = make(map[int16]SC)
	}
	for i := genericEvents; i < len(Events); i++ {
		e := &Events[i]
		if e.Name == "" || e.Status == StatusUnused {
			continue
		}
		x.events[e.Name] = append(x.events[e.Name], EventType(i))
		calls := x.calls[e.Name]
		for _, sc := range e.Syscalls {
			calls.Add(sc)
			x.own.Add(sc)
			if !slices.Contains(x.names[sc], e.Name) {
				x.names[sc] = append(x.names[sc], e.Name)
			}
		}
		x.calls[e.Name] = calls
	}
	for i := range Syscalls {
		x.addSyscall(SC(i))
	}
	return x
})

func (x *nameIndex) addSyscall(sc SC) {
	info := sc.Info()
	if info.Kind == KindUnknown || info.Name == "" {
		return
	}
	x.all.Add(sc)
	x.plain[info.Name] = sc
	if !x.own.Has(sc) {
		x.generic[info.Name] = sc
		x.names[sc] = []string{info.Name}
	}
	slices.Sort(x.names[sc])
	for a := range x.byNative {
		if nr := info.Number[a]; nr >= 0 && info.Kind == KindSyscall {
			x.byNative[a][nr] = sc
		}
	}
}

// AllSyscalls returns the set of every system call and tracepoint.
func AllSyscalls() SyscallSet { return index().all }

// GenericSyscalls returns the calls that have no event of their own: they
// arrive as the generic event.
func GenericSyscalls() SyscallSet { x := index(); return x.all.Minus(x.own) }

// Complement returns all codes that are not in s.
func (s SyscallSet) Complement() SyscallSet { return AllSyscalls().Minus(s) }

// SyscallsNamed returns the codes that a name from a rule or a configuration
// stands for: every code of every event, of any version, with that event
// name; else the generic call of that name. One name can bring several codes
// (umount, stat, fcntl). An event that no call makes, and a name that does not
// exist, bring none: ok tells these two apart.
func SyscallsNamed(name string) (s SyscallSet, ok bool) {
	x := index()
	if s, ok := x.calls[name]; ok {
		return s, true
	}
	if sc, ok := x.generic[name]; ok {
		return NewSyscallSet(sc), true
	}
	return SyscallSet{}, false
}

// SyscallNamed returns the one code with the given plain name (setuid32,
// sched_process_exit).
func SyscallNamed(plain string) (SC, bool) {
	sc, ok := index().plain[plain]
	return sc, ok
}

// EventsNamed returns all events, of any version and direction, with the given
// event name, in ascending order. The names of generic calls are no event
// names. The slice is shared: it must not be changed.
func EventsNamed(name string) []EventType { return index().events[name] }

// ParseSyscallSet returns the union of what the names stand for. Unknown names
// bring nothing; NamesMissing tells which.
func ParseSyscallSet(names ...string) SyscallSet {
	var s SyscallSet
	for _, n := range names {
		add, _ := SyscallsNamed(n)
		s = s.Union(add)
	}
	return s
}

// Names returns the names of the set as rules and users know them, sorted: the
// names of the events that cover it, and the plain names of generic calls.
// Several codes can share a name, and a tracepoint has the name of its event
// (procexit, switch).
func (s SyscallSet) Names() []string {
	x := index()
	var names []string
	for sc := range s.All() {
		names = append(names, x.names[sc]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NamesMissing returns those of the asked names that the set does not answer
// to, sorted and without doubles. For s = ParseSyscallSet(asked...) these are
// the names that no call has.
func (s SyscallSet) NamesMissing(asked ...string) []string {
	have := s.Names()
	var missing []string
	for _, n := range asked {
		if _, found := slices.BinarySearch(have, n); !found {
			missing = append(missing, n)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// SyscallNames returns the plain names of the codes, sorted: stat and stat64
// both, sched_process_exit instead of procexit.
func (s SyscallSet) SyscallNames() []string {
	var names []string
	for sc := range s.All() {
		names = append(names, sc.String())
	}
	slices.Sort(names)
	return names
}

// String returns the names joined by ", ".
func (s SyscallSet) String() string { return strings.Join(s.Names(), ", ") }

// Events returns every event that can carry a code of the set, old versions
// included, in ascending order.
func (s SyscallSet) Events() []EventType {
	var events []EventType
	for sc := range s.All() {
		if info := sc.Info(); info != nil {
			events = append(events, info.Events...)
		}
	}
	slices.Sort(events)
	return slices.Compact(events)
}

// SyscallOfNative returns the code of a native system call number.
func SyscallOfNative(a Arch, nr int) (SC, bool) {
	if a >= numArchs || nr < 0 || nr > 1<<15-1 {
		return 0, false
	}
	sc, ok := index().byNative[a][int16(nr)]
	return sc, ok
}

// AvailableOn returns the members that exist on an architecture: calls with a
// native number there, and tracepoints.
func (s SyscallSet) AvailableOn(a Arch) SyscallSet {
	var r SyscallSet
	for sc := range s.All() {
		info := sc.Info()
		if info == nil || a >= numArchs {
			continue
		}
		if info.Kind == KindTracepoint || info.Number[a] >= 0 {
			r.Add(sc)
		}
	}
	return r
}
