// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// HostNames knows which host names an address has. NamesOf takes the 4 or 16
// bytes of an address in network order; it is asked for every event, so it
// answers from memory, at once and without allocating.
type HostNames interface {
	NamesOf(addr string) []string
}

// hostNameSides are the fields that need a HostNames.
var hostNameSides = map[string]side{
	"fd.cip.name": clientSide, "fd.sip.name": serverSide, "fd.lip.name": localSide, "fd.rip.name": remoteSide,
}

// IsHostName reports whether the field of that name yields host names, which
// takes a table WithHostNames.
func IsHostName(name string) bool {
	_, ok := hostNameSides[name]
	return ok
}

// WithHostNames returns a table whose fields of host names (fd.sip.name and
// the like) ask h. In the default table they have no value.
func (t *Table) WithHostNames(h HostNames) *Table {
	classes := slices.Clone(t.classes)
	for i := range classes {
		classes[i].Fields = slices.Clone(classes[i].Fields)
		for j, f := range classes[i].Fields {
			if s, ok := hostNameSides[f.Name]; ok {
				named := *f
				named.Each = eachHostName(h, s)
				named.NEAll = true
				named.Extract = func(ev *state.Event, arg *Arg, out *Value) bool { return named.Each(ev, arg, 0, out) }
				classes[i].Fields[j] = &named
			}
		}
	}
	return NewTable(classes)
}

// eachHostName yields one name of an address after the other.
func eachHostName(h HostNames, s side) func(*state.Event, *Arg, int, *Value) bool {
	return func(ev *state.Event, _ *Arg, i int, out *Value) bool {
		ip, _, ok := endpoint(ev, s)
		if !ok {
			return false
		}
		names := h.NamesOf(scap.View(ip))
		if i >= len(names) {
			return false
		}
		return out.setText(names[i])
	}
}
