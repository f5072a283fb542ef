// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Object is a JSON object of fields with typed values, each key once and in
// the order of the keys. One goroutine owns it.
type Object struct {
	members []member
	base64  bool
	v       fields.Value
	text    []byte

	slots []slot // see AppendLate
	late  lateEvent
}

// member is a field, a format (rendered to a string), or the event's time.
type member struct {
	key    string
	ref    *fields.Ref
	format *Format
}

// NewObject returns the object of all fields that the formats name. Of a
// transformer the fields inside it count.
func NewObject(formats ...*Format) *Object {
	o := &Object{}
	for _, f := range formats {
		o.base64 = o.base64 || f.base64
		for i := range f.parts {
			p := &f.parts[i]
			if p.ref != nil {
				o.set(member{key: p.ref.Text, ref: p.ref})
			}
			for _, r := range p.inner {
				o.set(member{key: r.Text, ref: r})
			}
		}
	}
	return o
}

// AddField adds the typed value of a field under a key of its own.
func (o *Object) AddField(cat fields.Catalog, key, field string) error {
	ref, n, err := fields.ResolvePrefix(cat, field)
	if err == nil && n < len(field) {
		err = &fields.UnknownFieldError{Text: field, Name: field}
	}
	if err != nil {
		return unknownField(cat, field, err)
	}
	o.set(member{key: key, ref: &ref})
	return nil
}

// AddFormat adds the text of a format, always a string.
func (o *Object) AddFormat(key string, f *Format) { o.set(member{key: key, format: f}) }

// AddTime adds the time of the event in nanoseconds since the epoch.
func (o *Object) AddTime(key string) { o.set(member{key: key}) }

// Keys returns the keys in their order.
func (o *Object) Keys() []string {
	keys := make([]string, len(o.members))
	for i := range o.members {
		keys[i] = o.members[i].key
	}
	return keys
}

func (o *Object) set(m member) {
	o.slots = nil
	i, found := slices.BinarySearchFunc(o.members, m.key, func(m member, key string) int { return cmp.Compare(m.key, key) })
	if found {
		o.members[i] = m
		return
	}
	o.members = slices.Insert(o.members, i, m)
}

// Append appends the object for an event; a field without a value is null.
func (o *Object) Append(dst []byte, ev *state.Event) []byte {
	dst = append(dst, '{')
	for i := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.appendMember(dst, &o.members[i], ev)
	}
	return append(dst, '}')
}

func (o *Object) appendMember(dst []byte, m *member, ev *state.Event) []byte {
	dst = AppendString(dst, m.key)
	dst = append(dst, ':')
	switch {
	case m.ref != nil:
		return o.appendField(dst, m.ref, ev)
	case m.format != nil:
		text, ok := m.format.AppendText(o.text[:0], ev)
		o.text = text
		if !ok {
			return append(dst, "null"...)
		}
		return AppendString(dst, scap.View(text))
	}
	return strconv.AppendUint(dst, ev.Timestamp(), 10)
}

func (o *Object) appendField(dst []byte, ref *fields.Ref, ev *state.Event) []byte {
	if !ref.Extract(ev, &o.v) {
		return append(dst, "null"...)
	}
	return o.appendValue(dst, ref)
}

func (o *Object) appendValue(dst []byte, ref *fields.Ref) []byte {
	if !ref.List {
		return o.appendScalar(dst, ref, o.v.S, o.v.N)
	}
	if o.v.Len(ref.Type) == 0 { // as in the reference
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i := range o.v.Len(ref.Type) {
		if i > 0 {
			dst = append(dst, ',')
		}
		s, n := o.v.Elem(ref.Type, i)
		dst = o.appendScalar(dst, ref, s, n)
	}
	return append(dst, ']')
}

func (o *Object) appendScalar(dst []byte, ref *fields.Ref, s string, n uint64) []byte {
	switch {
	case ref.Type == scap.PTBool:
		return strconv.AppendBool(dst, n != 0)
	case ref.Type == scap.PTDouble:
		return appendDouble(dst, ref.Format, math.Float64frombits(n))
	case ref.Type == scap.PTBytebuf && o.base64:
		dst = append(dst, '"')
		dst = fields.AppendBase64(dst, s)
		return append(dst, '"')
	case !fields.IsText(ref.Type) && isNumber(ref.Format):
		one := fields.Value{N: n}
		return fields.AppendText(dst, ref.Type, ref.Format, false, &one)
	}
	one := fields.Value{S: s, N: n}
	o.text = fields.AppendText(o.text[:0], ref.Type, ref.Format, false, &one)
	return AppendString(dst, scap.View(o.text))
}

// isNumber: numbers with a format that JSON cannot express are strings.
func isNumber(f scap.ParamFormat) bool {
	return f != scap.PFHex && f != scap.PFOct && f != scap.PF10PaddedDec
}

func appendDouble(dst []byte, f scap.ParamFormat, x float64) []byte {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return append(dst, "null"...)
	case f == scap.PFDec:
		return strconv.AppendInt(dst, int64(x), 10)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, x, 'g', -1, 64)
	if slices.Index(dst[from:], '.') < 0 && slices.Index(dst[from:], 'e') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// AppendFields appends the object of the format's own fields. For a format
// that prints nothing when a field is missing, the object ends before the first
// missing one; without any field it is null.
func (f *Format) AppendFields(dst []byte, ev *state.Event) []byte {
	o := NewObject(f)
	if !f.keepMissing {
		o.members = nil
		o.addUntilMissing(f, ev)
	}
	if len(o.members) == 0 {
		return append(dst, "null"...)
	}
	return o.Append(dst, ev)
}

func (o *Object) addUntilMissing(f *Format, ev *state.Event) {
	for i := range f.parts {
		refs := f.parts[i].inner
		if r := f.parts[i].ref; r != nil {
			refs = []*fields.Ref{r}
		}
		for _, r := range refs {
			if !r.Extract(ev, &o.v) {
				return
			}
			o.set(member{key: r.Text, ref: r})
		}
	}
}

// AppendString appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD, one for each.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped is AppendString without the quotes.
func AppendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, s[i:i+n]...)
			}
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
	}
	return dst
}
