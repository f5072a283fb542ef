// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// freezer lets a transformer that mixes fields of the event with those of the
// container's runtime wait for the latter. It is the catalog that such a
// transformer is compiled with: the values of the event's fields are written
// into the early text and read from there when the event is gone.
type freezer struct {
	cat    fields.Catalog
	refs   []*fields.Ref // the fields of the event
	frozen []frozenValue // of refs
	v      fields.Value
}

type frozenValue struct {
	fields.Value
	ok bool
}

// newFreezer returns nil for fields that are all of one kind.
func newFreezer(cat fields.Catalog, inner []*fields.Ref) *freezer {
	z := &freezer{cat: cat}
	for _, r := range inner {
		if !r.Field.Runtime {
			z.refs = append(z.refs, r)
		}
	}
	if len(z.refs) == 0 || len(z.refs) == len(inner) {
		return nil
	}
	z.frozen = make([]frozenValue, len(z.refs))
	return z
}

// Lookup implements fields.Catalog.
func (z *freezer) Lookup(name string) *fields.Field {
	f := z.cat.Lookup(name)
	if f == nil || f.Runtime {
		return f
	}
	thawing := *f
	thawing.Extract = func(ev *state.Event, arg *fields.Arg, out *fields.Value) bool {
		if ev == nil || ev.Event != nil {
			return f.Extract(ev, arg, out)
		}
		i := slices.IndexFunc(z.refs, func(r *fields.Ref) bool { return r.Field.Name == name && r.Arg.Text == arg.Text })
		if i < 0 || !z.frozen[i].ok {
			return false
		}
		v := &z.frozen[i]
		out.N, out.S = v.N, v.S
		out.Strs, out.Nums = append(out.Strs[:0], v.Strs...), append(out.Nums[:0], v.Nums...)
		return true
	}
	return &thawing
}

// append writes the values of the event's fields.
func (z *freezer) append(dst []byte, ev *state.Event) []byte {
	for _, r := range z.refs {
		if !r.Extract(ev, &z.v) {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		if !r.List {
			dst = appendFrozen(dst, r.Type, z.v.S, z.v.N)
			continue
		}
		n := z.v.Len(r.Type)
		dst = binary.AppendUvarint(dst, uint64(n))
		for i := range n {
			s, num := z.v.Elem(r.Type, i)
			dst = appendFrozen(dst, r.Type, s, num)
		}
	}
	return dst
}

func appendFrozen(dst []byte, t scap.ParamType, s string, n uint64) []byte {
	if !fields.IsText(t) {
		return binary.AppendUvarint(dst, n)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// load reads what append wrote; texts are views of b.
func (z *freezer) load(b []byte) {
	for i, r := range z.refs {
		v := &z.frozen[i]
		v.Strs, v.Nums, v.ok = v.Strs[:0], v.Nums[:0], len(b) > 0 && b[0] == 1
		if len(b) > 0 {
			b = b[1:]
		}
		if !v.ok {
			continue
		}
		if !r.List {
			v.S, v.N, b = loadFrozen(b, r.Type)
			continue
		}
		var n uint64
		for n, b = loadNumber(b); n > 0 && len(b) > 0; n-- {
			var s string
			var num uint64
			s, num, b = loadFrozen(b, r.Type)
			if fields.IsText(r.Type) {
				v.Strs = append(v.Strs, s)
			} else {
				v.Nums = append(v.Nums, num)
			}
		}
	}
}

func loadFrozen(b []byte, t scap.ParamType) (s string, n uint64, rest []byte) {
	n, b = loadNumber(b)
	if !fields.IsText(t) {
		return "", n, b
	}
	size := min(n, uint64(len(b)))
	return scap.View(b[:size]), 0, b[size:]
}

// loadNumber takes a text that is cut short for one of zeros.
func loadNumber(b []byte) (n uint64, rest []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil
	}
	return n, b[size:]
}
