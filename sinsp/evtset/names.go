// SPDX-License-Identifier: Apache-2.0

package evtset

import (
	"maps"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
)

// names is a set of event names: those listed, or all others when except is
// set. With names instead of codes, two calls that arrive as the generic event
// stay apart, and so do two names that share a call.
type names struct {
	except bool
	list   map[string]bool
}

var (
	noNames  = names{}
	allNames = names{except: true}
)

func namesOf(list ...string) names {
	n := names{list: make(map[string]bool, len(list))}
	for _, s := range list {
		n.list[s] = true
	}
	return n
}

func (n names) not() names { return names{!n.except, n.list} }

func (n names) and(m names) names {
	switch {
	case n.except && m.except:
		return names{true, union(n.list, m.list)}
	case n.except:
		return names{false, minus(m.list, n.list)}
	case m.except:
		return names{false, minus(n.list, m.list)}
	}
	return names{false, minus(n.list, minus(n.list, m.list))}
}

func (n names) or(m names) names { return n.not().and(m.not()).not() }

func union(a, b map[string]bool) map[string]bool {
	u := maps.Clone(a)
	if u == nil {
		return b
	}
	maps.Copy(u, b)
	return u
}

func minus(a, b map[string]bool) map[string]bool {
	d := map[string]bool{}
	for s := range a {
		if !b[s] {
			d[s] = true
		}
	}
	return d
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n.list)) }

// syscalls returns the calls that can make events of these names.
func (n names) syscalls() scap.SyscallSet {
	s := scap.ParseSyscallSet(n.sorted()...)
	if n.except {
		return s.Complement()
	}
	return s
}

// types returns the event types that can have these names. A generic type has
// the names of many calls, so it stays while one of them does.
func (n names) types() Types {
	var t Types
	for name := range n.list {
		for _, e := range scap.EventsNamed(name) {
			t.Add(e)
		}
		if !n.except && isGeneric(name) {
			t.Add(genericEnter)
			t.Add(genericExit)
		}
	}
	if n.except {
		return AllTypes().Minus(t)
	}
	return t
}

// The two halves of every call without an event of its own.
const (
	genericEnter scap.EventType = 0
	genericExit  scap.EventType = 1
)

// entersAsGeneric reports whether the entry of any of the calls arrives as the
// generic event, because the one of its own is not made any more.
func entersAsGeneric(calls scap.SyscallSet) bool {
	for sc := range calls.All() {
		if e := sc.Info().Enter.Info(); e == nil || e.Status != scap.StatusDriver {
			return true
		}
	}
	return false
}

func isGeneric(name string) bool {
	if len(scap.EventsNamed(name)) > 0 {
		return false
	}
	_, ok := scap.SyscallsNamed(name)
	return ok
}

// known reports whether a name is in the event table or the syscall table.
func known(name string) bool {
	if len(scap.EventsNamed(name)) > 0 {
		return true
	}
	if _, ok := scap.SyscallNamed(strings.ToLower(name)); ok {
		return name == strings.ToLower(name)
	}
	return name == scap.Events[genericExit].Name
}
