// SPDX-License-Identifier: Apache-2.0

// Package fields is the table of everything that a condition or an output can
// ask of an event: name, type, argument, documentation and extractor of each
// field. Whatever lists, checks, documents or completes fields reads it.
//
// A condition or an output names a field by text; Resolve turns that text into
// a Ref once, and the Ref yields values event by event without allocating.
package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// ArgKind says whether a field takes an argument.
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
	Text  string // as written, without brackets, dot and quotes
	Set   bool
	Num   int64 // its number, when IsNum
	IsNum bool

	params []int8 // by event type: the parameter of that name, -1 for none
}

// Field describes one field. A Field is never changed after the table is made.
type Field struct {
	Name        string
	Class       string // the group under which it is listed
	Doc         string
	Type        scap.ParamType
	Format      scap.ParamFormat
	List        bool
	Arg         ArgKind
	ArgIndex    bool // a number is a valid argument
	ArgKey      bool // text is a valid argument
	ArgDot      bool // the argument may be written after a dot: evt.arg.flags
	FilterOnly  bool // not in outputs
	OutputOnly  bool // not in conditions
	Hidden      bool
	Deprecated  bool
	Dead        bool // deprecated, and no event gives it a value any more
	NoTransform bool // transformers are refused
	NoRHS       bool // not allowed in val()
	Own         bool // of this agent: other tools of the language lack it

	// Runtime marks what only the container's runtime knows for sure. In a
	// container such a field has no value (container.type: what the control
	// groups suggest) until the runtime has answered, which may be after the
	// event; see format.Format.AppendLate.
	Runtime bool

	// Extract fills out and reports whether the field has a value for the
	// event. It does not allocate, and may reuse out's slices.
	Extract func(ev *state.Event, arg *Arg, out *Value) bool

	// Each is set for fields that stand for several values in a condition
	// (fd.ip, proc.aname without index). Called with i = 0, 1, 2 ... and the
	// same out it yields one value after the other until it returns false. A
	// comparison holds when it holds for any of the values.
	Each func(ev *state.Event, arg *Arg, i int, out *Value) bool

	// NEAll says that != on a field with Each holds only when it holds for
	// every value and there is at least one: neither end has that address.
	NEAll bool

	// Within says that the value is a distance, and = that it is at most the
	// literal. There is no other operator.
	Within bool

	eachWithArg bool // Each counts even when an argument is given

	// resolve completes a Ref whose type follows from the argument, and
	// refuses arguments that can never have a value.
	resolve func(ref *Ref) error
}

// Catalog finds fields by their bare name.
type Catalog interface {
	// Lookup returns the field, or nil. It knows names only: whoever has the
	// text of a condition or output calls Resolve.
	Lookup(name string) *Field
}

// Ref is a field together with its argument, ready to ask events.
type Ref struct {
	Field *Field
	Arg   Arg
	Text  string // canonical: evt.arg.flags, proc.aname[2]

	// What this reference yields; it differs from the field's own where the
	// argument decides (evt.rawarg.fd).
	Type   scap.ParamType
	Format scap.ParamFormat
	Flags  *scap.FlagTable // names of the values, or nil
	List   bool
}

// Extract fills out with the field's value; false when ev has none.
func (r *Ref) Extract(ev *state.Event, out *Value) bool {
	return r.Field.Extract(ev, &r.Arg, out)
}

// Multi reports whether a comparison has to try the values of Each instead of
// the one of Extract.
func (r *Ref) Multi() bool {
	return r.Field.Each != nil && (!r.Arg.Set || r.Field.eachWithArg)
}

// Each is Field.Each with the reference's argument.
func (r *Ref) Each(ev *state.Event, i int, out *Value) bool {
	return r.Field.Each(ev, &r.Arg, i, out)
}

// TypeName returns the name of the field's type as lists of fields print it.
func (f *Field) TypeName() string { return typeNames[f.Type] }

// typeNames are the types that fields have, by the names of the capture format.
var typeNames = map[scap.ParamType]string{
	scap.PTCharbuf: "CHARBUF",
	scap.PTBytebuf: "BYTEBUF",
	scap.PTBool:    "BOOL",
	scap.PTInt16:   "INT16",
	scap.PTInt32:   "INT32",
	scap.PTInt64:   "INT64",
	scap.PTUint32:  "UINT32",
	scap.PTUint64:  "UINT64",
	scap.PTDouble:  "DOUBLE",
	scap.PTReltime: "RELTIME",
	scap.PTAbstime: "ABSTIME",
	scap.PTPort:    "PORT",
	scap.PTIPAddr:  "IPADDR",
	scap.PTIPNet:   "IPNET",
	scap.PTDyn:     "DYNAMIC",
}

// Tags returns the words that lists of fields print behind a name: how it may
// be used and what argument it takes.
func (f *Field) Tags() []string {
	var tags []string
	add := func(on bool, tag string) {
		if on {
			tags = append(tags, tag)
		}
	}
	add(f.FilterOnly, "FILTER ONLY")
	add(f.OutputOnly, "OUTPUT ONLY")
	add(f.Deprecated, "DEPRECATED")
	add(f.Hidden, "HIDDEN")
	add(f.Own, "TIERCEL ONLY")
	add(f.List, "LIST")
	add(f.Arg == ArgRequired, "ARG REQUIRED")
	add(f.Arg == ArgOptional, "ARG ALLOWED")
	add(f.ArgIndex, "IDX ALLOWED")
	add(f.ArgKey, "KEY ALLOWED")
	return tags
}
