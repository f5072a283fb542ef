// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/base64"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// source yields a value of an event: a field, a constant or what a
// transformer makes of others. self is its own number, under which the Run
// keeps its value and scratch memory.
type source interface {
	eval(r *Run, self int32, out *fields.Value) bool
}

// value is a source with what is known of it before any event.
type value struct {
	source
	field  *fields.Ref // of a fieldSource, which is asked without the detour
	typ    scap.ParamType
	format scap.ParamFormat
	flags  *scap.FlagTable
	list   bool
	multi  *fields.Ref // set for a field that stands for several values
	noRHS  bool        // neither side of a comparison with another value
	noTr   bool        // refuses transformers
	within bool        // a distance, see fields.Field.Within
	cost   int
}

func (v *value) class() class { return classOf(v.typ) }

type fieldSource struct{ ref *fields.Ref }

func (s *fieldSource) eval(r *Run, _ int32, out *fields.Value) bool { return s.ref.Extract(r.ev, out) }

type constSource struct{ v fields.Value }

func (s *constSource) eval(_ *Run, _ int32, out *fields.Value) bool {
	*out = s.v
	return true
}

// mapSource applies a transformer that turns one text into another, to each
// element when its argument is a list.
type mapSource struct {
	arg  int32
	list bool
	// fn appends what it makes of s to dst. It may instead return a part of s
	// as view, which saves the copy.
	fn func(dst []byte, s string) (grown []byte, view string, ok bool)
}

func (s *mapSource) eval(r *Run, self int32, out *fields.Value) bool {
	in, ok := r.value(s.arg)
	if !ok {
		return false
	}
	buf := r.scratch[self][:0]
	if !s.list {
		buf, out.S, ok = s.apply(buf, in.S)
		r.scratch[self] = buf
		return ok
	}
	out.Strs = out.Strs[:0]
	for _, e := range in.Strs {
		var text string
		if buf, text, ok = s.apply(buf, e); !ok {
			break
		}
		out.Strs = append(out.Strs, text)
	}
	r.scratch[self] = buf
	return ok
}

// apply returns the buffer, which may have grown, and the result as a view of
// it or of the argument. Views of an outgrown buffer stay valid.
func (s *mapSource) apply(buf []byte, in string) ([]byte, string, bool) {
	start := len(buf)
	buf, view, ok := s.fn(buf, in)
	if ok && len(buf) > start {
		view = scap.View(buf[start:])
	}
	return buf, view, ok
}

func appendLower(dst []byte, s string) ([]byte, string, bool) {
	for i := range len(s) {
		dst = append(dst, lower(s[i]))
	}
	return dst, "", true
}

func appendUpper(dst []byte, s string) ([]byte, string, bool) {
	for i := range len(s) {
		dst = append(dst, upper(s[i]))
	}
	return dst, "", true
}

func baseName(dst []byte, s string) ([]byte, string, bool) {
	return dst, s[strings.LastIndexByte(s, '/')+1:], true
}

// strictBase64 refuses texts whose last character has bits that no byte takes.
var strictBase64 = base64.RawStdEncoding.Strict()

// appendDecoded decodes base64 with or without its padding. Line ends, which
// Go would skip, are bad input.
func appendDecoded(dst []byte, s string) ([]byte, string, bool) {
	s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	if strings.ContainsAny(s, "\r\n") {
		return dst, "", false
	}
	dst, err := strictBase64.AppendDecode(dst, unsafeBytes(s))
	return dst, "", err == nil
}

// lenSource counts the bytes of a text (up to a NUL) or buffer, or the
// elements of a list.
type lenSource struct {
	arg  int32
	of   class
	list bool
}

func (s *lenSource) eval(r *Run, _ int32, out *fields.Value) bool {
	in, ok := r.value(s.arg)
	if !ok {
		return false
	}
	switch {
	case s.list && s.of.isText():
		out.N = uint64(len(in.Strs))
	case s.list:
		out.N = uint64(len(in.Nums))
	default:
		n := len(in.S)
		if nul := strings.IndexByte(in.S, 0); s.of == classString && nul >= 0 {
			n = nul
		}
		out.N = uint64(n)
	}
	return true
}

// concatSource joins texts; it has no value when one of them has none.
type concatSource struct{ args []int32 }

func (s *concatSource) eval(r *Run, self int32, out *fields.Value) bool {
	buf := r.scratch[self][:0]
	for _, a := range s.args {
		v, ok := r.value(a)
		if !ok {
			return false
		}
		buf = append(buf, v.S...)
	}
	r.scratch[self] = buf
	out.S = scap.View(buf)
	return true
}

// listSource makes a list of text out of scalars.
type listSource struct {
	args  []int32
	kinds []kindOfText
}

// kindOfText says how a value becomes text: as outputs print it, so that join
// shows what a reader of the field's output expects.
type kindOfText struct {
	typ    scap.ParamType
	format scap.ParamFormat
}

func (k kindOfText) isRaw() bool {
	return classOf(k.typ) == classString || classOf(k.typ) == classBuffer
}

func (k kindOfText) append(dst []byte, v *fields.Value) []byte {
	return fields.AppendText(dst, k.typ, k.format, false, v)
}

func (s *listSource) eval(r *Run, self int32, out *fields.Value) bool {
	buf := r.scratch[self][:0]
	out.Strs = out.Strs[:0]
	for i, a := range s.args {
		v, ok := r.value(a)
		if !ok {
			return false
		}
		if s.kinds[i].isRaw() {
			out.Strs = append(out.Strs, v.S)
			continue
		}
		start := len(buf)
		buf = s.kinds[i].append(buf, v)
		out.Strs = append(out.Strs, scap.View(buf[start:]))
	}
	r.scratch[self] = buf
	return true
}

// joinSource joins the elements of a list.
type joinSource struct {
	sep, list int32
	elem      kindOfText
}

func (s *joinSource) eval(r *Run, self int32, out *fields.Value) bool {
	sep, ok := r.value(s.sep)
	if !ok {
		return false
	}
	list, ok := r.value(s.list)
	if !ok {
		return false
	}
	buf := r.scratch[self][:0]
	for i := range list.Len(s.elem.typ) {
		if i > 0 {
			buf = append(buf, sep.S...)
		}
		text, n := list.Elem(s.elem.typ, i)
		if s.elem.isRaw() {
			buf = append(buf, text...)
		} else {
			buf = s.elem.append(buf, &fields.Value{S: text, N: n})
		}
	}
	r.scratch[self] = buf
	out.S = scap.View(buf)
	return true
}
