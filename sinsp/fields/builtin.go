// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func builtin() []Class {
	return []Class{
		eventClass(),
		processClass(),
		userClass(),
		groupClass(),
		fdClass(),
		pathClass(),
		utilClass(),
		fdlistClass(),
		containerClass(),
		healthClass(),
		k8sClass(),
	}
}

// extractor is the type of Field.Extract.
type extractor = func(ev *state.Event, arg *Arg, out *Value) bool

// field makes a Field of any type.
func field(name string, t scap.ParamType, f scap.ParamFormat, ex extractor, doc string) *Field {
	if ex == nil {
		ex = noValue
	}
	return &Field{Name: name, Type: t, Format: f, Extract: ex, Doc: doc}
}

// dead makes a field of former times that has no value any more.
func (f *Field) dead() *Field {
	f.Extract, f.Doc, f.Deprecated, f.Dead = noValue, "Never has a value.", true, true
	return f
}

// text, boolean and the rest make the usual kinds of fields.
func text(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTCharbuf, scap.PFNA, ex, doc)
}

func boolean(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTBool, scap.PFNA, ex, doc)
}

func id(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTInt64, scap.PFID, ex, doc)
}

func count(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTUint64, scap.PFDec, ex, doc)
}

func reltime(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTReltime, scap.PFDec, ex, doc)
}

func abstime(name string, ex extractor, doc string) *Field {
	return field(name, scap.PTAbstime, scap.PFDec, ex, doc)
}

// padded prints a remainder of nanoseconds with its leading zeros.
func (f *Field) padded() *Field { f.Format = scap.PF10PaddedDec; return f }

func (f *Field) hidden() *Field     { f.Hidden = true; return f }
func (f *Field) deprecated() *Field { f.Deprecated = true; return f }
func (f *Field) list() *Field       { f.List = true; return f }
func (f *Field) runtime() *Field    { f.Runtime = true; return f }
func (f *Field) own() *Field        { f.Own = true; return f }

func (f *Field) within() *Field { f.Within = true; return f }

func (f *Field) noRHS() *Field { f.NoRHS = true; return f }

// plain forbids both transformers and val().
func (f *Field) plain() *Field { f.NoTransform, f.NoRHS = true, true; return f }

func (f *Field) filterOnly() *Field { f.FilterOnly = true; return f.plain() }
func (f *Field) outputOnly() *Field { f.OutputOnly = true; return f }

// index, key and dot say how an optional argument is written; required makes
// it mandatory.
func (f *Field) index() *Field    { f.Arg, f.ArgIndex = max(f.Arg, ArgOptional), true; return f }
func (f *Field) key() *Field      { f.Arg, f.ArgKey = max(f.Arg, ArgOptional), true; return f }
func (f *Field) dot() *Field      { f.Arg, f.ArgDot = max(f.Arg, ArgOptional), true; return f }
func (f *Field) required() *Field { f.Arg = ArgRequired; return f }

// resolveWith adds a check of the argument when a field is resolved.
func (f *Field) resolveWith(fn func(*Ref) error) *Field { f.resolve = fn; return f }

// each makes the field stand for several values in conditions.
func (f *Field) each(fn func(*state.Event, *Arg, int, *Value) bool) *Field {
	f.Each = fn
	return f
}

// eachAlways makes Each count even when an argument is given.
func (f *Field) eachAlways() *Field { f.eachWithArg = true; return f }

func noValue(*state.Event, *Arg, *Value) bool { return false }

// The rest are the usual shapes of extractors.

func (v *Value) setBool(b bool) bool {
	v.N = 0
	if b {
		v.N = 1
	}
	return true
}

func (v *Value) setText(s string) bool {
	v.S = s
	return true
}

func (v *Value) setInt(n int64) bool {
	v.N = uint64(n)
	return true
}

func (v *Value) setUint(n uint64) bool {
	v.N = n
	return true
}

// setArena makes the text that was appended to ev.Arena since it had the
// length from the value. Growing the arena leaves earlier views valid: they
// keep the old block.
func (v *Value) setArena(ev *state.Event, from int) bool {
	v.S = scap.View(ev.Arena[from:])
	return true
}

func constText(s string) extractor {
	return func(_ *state.Event, _ *Arg, out *Value) bool { return out.setText(s) }
}

func constNum(n uint64) extractor {
	return func(_ *state.Event, _ *Arg, out *Value) bool { return out.setUint(n) }
}
