// SPDX-License-Identifier: Apache-2.0

package format

import (
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// What a container's runtime knows may come after the event that an alert is
// about. The alert is then rendered in two steps: AppendEarly renders all that
// belongs to the event and leaves holes, AppendLate fills them from what is
// known of the container by then. The early text is plain bytes that refer to
// nothing of the event, so that it can be kept for as long as it takes. What a
// transformer of both needs of the event is kept in its hole.

// Hole is a place in an early text that AppendLate fills. It belongs to the
// Format or Object that made it.
type Hole struct {
	at     uint32 // offset in the early text
	frozen uint32 // bytes there that a transformer needs; no part of the text
	slot   uint32
}

// slot says what comes into a hole of an object: the value of a field, or a
// part of a format inside of a JSON string.
type slot struct {
	ref    *fields.Ref
	format *Format
	part   *part
}

// lateEvent stands for the event when that is gone.
type lateEvent struct{ ev state.Event }

func (l *lateEvent) of(t *state.Thread) *state.Event {
	l.ev.Thread, l.ev.Arena = t, l.ev.Arena[:0]
	return &l.ev
}

// isLate reports whether the part has to wait for the runtime.
func (p *part) isLate() bool {
	if p.ref != nil {
		return p.ref.Field.Runtime
	}
	return slices.ContainsFunc(p.inner, func(r *fields.Ref) bool { return r.Field.Runtime })
}

// appendHole leaves a hole for the part at the end of a text that began at
// from.
func appendHole(dst []byte, holes []Hole, from, slot int, p *part, ev *state.Event) ([]byte, []Hole) {
	h := Hole{at: uint32(len(dst) - from), slot: uint32(slot)}
	if p != nil && p.freeze != nil {
		dst = p.freeze.append(dst, ev)
		h.frozen = uint32(len(dst)-from) - h.at
	}
	return dst, append(holes, h)
}

// fill prepares the part of a hole and returns where the text goes on.
func (h Hole) fill(early []byte, p *part) int {
	if p != nil && p.freeze != nil {
		p.freeze.load(early[h.at : h.at+h.frozen])
	}
	return int(h.at + h.frozen)
}

// NeedsContainer reports whether the format has fields that only the runtime
// of a container knows.
func (f *Format) NeedsContainer() bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.isLate() })
}

// AppendEarly appends the text for an event without what the runtime of its
// container knows, and a hole for each of these. Fields without a value print
// <NA>, whether the format begins with * or not.
func (f *Format) AppendEarly(dst []byte, holes []Hole, ev *state.Event) ([]byte, []Hole) {
	from := len(dst)
	for i := range f.parts {
		if p := &f.parts[i]; p.isLate() {
			dst, holes = appendHole(dst, holes, from, i, p, ev)
		} else {
			dst = f.appendOrMissing(dst, p, ev)
		}
	}
	return dst, holes
}

// AppendLate appends an early text with its holes filled. Of t nothing counts
// but its container.
func (f *Format) AppendLate(dst, early []byte, holes []Hole, t *state.Thread) []byte {
	ev, from := f.late.of(t), 0
	for _, h := range holes {
		dst = append(dst, early[from:h.at]...)
		p := &f.parts[h.slot]
		from = h.fill(early, p)
		dst = f.appendOrMissing(dst, p, ev)
	}
	return append(dst, early[from:]...)
}

// appendOrMissing appends a part, <NA> or, where it is optional, nothing for a
// value that is not there.
func (f *Format) appendOrMissing(dst []byte, p *part, ev *state.Event) []byte {
	if !p.isValue() {
		return append(dst, p.literal...)
	}
	dst, _ = f.appendPrinted(dst, p, ev)
	return dst
}

// NeedsContainer reports whether the object has fields that only the runtime
// of a container knows.
func (o *Object) NeedsContainer() bool {
	return slices.ContainsFunc(o.members, func(m member) bool {
		return m.ref != nil && m.ref.Field.Runtime || m.format != nil && m.format.NeedsContainer()
	})
}

// AppendEarly is Format.AppendEarly for an object.
func (o *Object) AppendEarly(dst []byte, holes []Hole, ev *state.Event) ([]byte, []Hole) {
	from, next := len(dst), 0
	hole := func(p *part) {
		dst, holes = appendHole(dst, holes, from, next, p, ev)
		next++
	}
	dst = append(dst, '{')
	for i := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := &o.members[i]
		switch {
		case m.ref != nil && m.ref.Field.Runtime:
			dst = append(AppendString(dst, m.key), ':')
			hole(nil)
		case m.format != nil && m.format.NeedsContainer():
			dst = append(AppendString(dst, m.key), ':', '"')
			for j := range m.format.parts {
				p := &m.format.parts[j]
				if p.isLate() {
					hole(p)
					continue
				}
				o.text = m.format.appendOrMissing(o.text[:0], p, ev)
				dst = AppendEscaped(dst, scap.View(o.text))
			}
			dst = append(dst, '"')
		default:
			dst = o.appendMember(dst, m, ev)
		}
	}
	return append(dst, '}'), holes
}

// AppendLate is Format.AppendLate for an object.
func (o *Object) AppendLate(dst, early []byte, holes []Hole, t *state.Thread) []byte {
	ev, slots, from := o.late.of(t), o.lateSlots(), 0
	for _, h := range holes {
		dst = append(dst, early[from:h.at]...)
		s := &slots[h.slot]
		from = h.fill(early, s.part)
		if s.format == nil {
			dst = o.appendField(dst, s.ref, ev)
			continue
		}
		o.text = s.format.appendOrMissing(o.text[:0], s.part, ev)
		dst = AppendEscaped(dst, scap.View(o.text))
	}
	return append(dst, early[from:]...)
}

// lateSlots lists what comes into the holes, in the order of the text. It is
// made once, when the object is complete.
func (o *Object) lateSlots() []slot {
	if o.slots != nil {
		return o.slots
	}
	for i := range o.members {
		m := &o.members[i]
		if m.ref != nil && m.ref.Field.Runtime {
			o.slots = append(o.slots, slot{ref: m.ref})
		}
		if m.format == nil {
			continue
		}
		for j := range m.format.parts {
			if p := &m.format.parts[j]; p.isLate() {
				o.slots = append(o.slots, slot{format: m.format, part: p})
			}
		}
	}
	return o.slots
}
