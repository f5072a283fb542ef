// SPDX-License-Identifier: Apache-2.0

// Package fields is the table of everything that a condition or an output can
// ask of an event: name, type, argument, documentation and extractor of each
// field. Whatever lists, checks, documents or completes fields reads it.
package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// ArgKind says what a field takes in its brackets.
type ArgKind uint8

// Argument kinds.
const (
	ArgNone ArgKind = iota
	ArgOptional
	ArgRequired
)

// Arg is a field's argument, parsed once when a condition or format is
// compiled.
type Arg struct {
	Text   string
	Set    bool
	Num    int64 // its number, when IsNum
	IsNum  bool
	Custom any // what the field's ParseArg made of it
}

// Field describes one field. Extract fills out and reports whether the field
// has a value for the event; it must not allocate and may reuse out's slices.
type Field struct {
	Name        string
	Class       string
	Doc         string
	Type        scap.ParamType
	Format      scap.ParamFormat
	Flags       *scap.FlagTable
	List        bool
	Arg         ArgKind
	ArgIndex    bool // a number is a valid argument
	ArgKey      bool // text is a valid argument
	FilterOnly  bool
	Hidden      bool
	Deprecated  bool
	NoTransform bool // transformers are refused
	NoRHS       bool // not allowed in val()
	ParseArg    func(text string) (any, error)
	Extract     func(ev *state.Event, arg *Arg, out *Value) bool
	// Any is set for fields that stand for several values (fd.ip, proc.aname
	// without index): it calls yield with each until yield returns false. A
	// comparison holds when it holds for any of them (for != : for all).
	Any func(ev *state.Event, arg *Arg, v *Value, yield func(*Value) bool)
}

// Catalog finds fields by name.
type Catalog interface {
	Lookup(name string) *Field
}
