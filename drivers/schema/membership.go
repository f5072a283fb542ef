// SPDX-License-Identifier: Apache-2.0

package schema

import "slices"

// NamedSet is a set of calls that users meet by name, with the rule by which a
// call belongs to it. The rules are those of package sinsp, which computes the
// same sets from its tables; a test holds the two together.
type NamedSet struct {
	Name string
	Doc  string
	in   func(*Schema, *Call) bool
}

// NamedSets lists the sets in the order in which they are shown.
var NamedSets = []NamedSet{
	{"state", "what the model of the host needs; watched unless told otherwise", (*Schema).changesState},
	{"io", "reads or writes data", ofCategory("io_read", "io_write")},
	{"io_other", "works on any descriptor without moving data", ofCategory("io_other")},
	{"file", "about files", ofCategory("file")},
	{"net", "about sockets, without what moves data", ofCategory("net")},
	{"proc", "about processes", ofCategory("process")},
	{"sys", "about the system, memory and signals", ofCategory("system", "memory", "signal")},
	{"default_excluded", "happens so often that it is left out unless asked for with `-A`", func(s *Schema, c *Call) bool {
		return ofCategory("io_read", "io_write")(s, c) && !s.changesState(c)
	}},
	{"repair_always", "what `base_syscalls.repair` always adds", func(s *Schema, c *Call) bool {
		i := slices.IndexFunc(s.Sets, func(set *Set) bool { return set.Name == "repair_always" })
		return i >= 0 && slices.Contains(s.Sets[i].Calls, c)
	}},
}

// Has reports whether a call belongs to the set.
func (n *NamedSet) Has(s *Schema, c *Call) bool { return c.Kind != KindReserved && n.in(s, c) }

// ownEvents yields the events that can carry a call, without the generic one.
func ownEvents(c *Call) []*Half {
	return slices.DeleteFunc(slices.Clone(c.Events), func(h *Half) bool { return h.Event.Code == 0 })
}

func (s *Schema) changesState(c *Call) bool {
	return c.Sampling == "never" || slices.ContainsFunc(ownEvents(c), func(h *Half) bool {
		return slices.Contains(h.Flags, "modifies_state") && (h.Event.Class == "syscall" || h.Event.Class == "tracepoint")
	})
}

func ofCategory(names ...string) func(*Schema, *Call) bool {
	return func(_ *Schema, c *Call) bool {
		return slices.ContainsFunc(ownEvents(c), func(h *Half) bool { return slices.Contains(names, h.Event.Category) })
	}
}
