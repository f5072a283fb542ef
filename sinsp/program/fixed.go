// SPDX-License-Identifier: Apache-2.0

package program

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// folder finds out what is left of conditions when the type of the event is
// known.
type folder struct {
	b       *Builder
	fixed   []bool // by value: it may follow from the type
	touched []bool // by node: a fixed value is asked below it
	typ     scap.EventType
	done    map[ref]ref
}

func (b *Builder) newFolder() *folder {
	f := &folder{b: b, fixed: make([]bool, len(b.values))}
	for i := range b.values {
		f.fixed[i] = fixedField(&b.values[i]) != ""
	}
	f.touched = make([]bool, len(b.parts)) // kids come before what they are part of
	for i := range b.parts {
		n := &b.parts[i]
		switch n.kind {
		case kindAnd:
			for _, k := range n.kids {
				f.touched[i] = f.touched[i] || f.touched[k.node()]
			}
		case kindCheck, kindIs, kindIn:
			f.touched[i] = f.fixed[n.left]
		}
	}
	return f
}

// fixedField returns the name of a built-in field that follows from the type
// of the event, "" for any other.
func fixedField(v *value) string {
	s, ok := v.source.(*fieldSource)
	if !ok || s.ref.Arg.Set {
		return ""
	}
	switch name := s.ref.Field.Name; name {
	case "evt.type", "syscall.type", "evt.dir":
		if s.ref.Field == fields.Default().Lookup(name) {
			return name
		}
	}
	return ""
}

// begin makes the folder work for events of type t.
func (f *folder) begin(t scap.EventType) {
	f.typ = t
	f.done = map[ref]ref{}
}

// fold returns what is left of r.
func (f *folder) fold(r ref) ref {
	if i := r.node(); i >= len(f.touched) || !f.touched[i] {
		return r
	}
	if r.inv() {
		return f.fold(r.not()).not()
	}
	if to, ok := f.done[r]; ok {
		return to
	}
	to := r
	n := &f.b.parts[r.node()]
	if n.kind == kindAnd {
		kids := make([]ref, len(n.kids))
		for i, k := range n.kids {
			kids[i] = f.fold(k)
		}
		to = f.b.and(kids)
	} else if v, exists, known := typeValue(fixedField(&f.b.values[n.left]), f.typ); known {
		to = never
		if exists && holds(n, &v) {
			to = always
		}
	}
	f.done[r] = to
	return to
}

// holds evaluates a check on a value that exists.
func holds(n *part, v *fields.Value) bool {
	if n.kind == kindCheck {
		return n.m.match(v)
	}
	for _, s := range n.texts {
		if s == v.S {
			return !n.flip
		}
	}
	return n.flip
}

// typeValue returns what a field that follows from the type has for events of
// type t. It is not known for types that stand for several names.
func typeValue(field string, t scap.EventType) (v fields.Value, exists, known bool) {
	info := t.Info()
	if info == nil || info.Status == scap.StatusUnused {
		return v, false, false
	}
	switch field {
	case "evt.dir":
		v.S = "<"
		if t.IsEnter() {
			v.S = ">"
		}
		return v, true, true
	case "evt.type", "syscall.type":
		if info.Name == "syscall" || info.Class != scap.ClassSyscall && info.Class != scap.ClassTracepoint {
			return v, false, false
		}
		v.S = t.String()
		return v, field == "evt.type" || info.Class == scap.ClassSyscall, true
	}
	return v, false, false
}
