// SPDX-License-Identifier: Apache-2.0

// Package schema is the one description of every event and every system call:
// YAML files that people edit, this package that reads and checks them, and
// the generator in gen that turns them into the Go tables of package scap and
// the C headers of drivers/probe. README.md says how to add a call.
package schema

//go:generate go run ./gen

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.yaml events/*.yaml
var data embed.FS

// Pos is a place in a data file, for messages.
type Pos struct {
	File string
	Line int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Errorf returns an error that names the place.
func (p Pos) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", p, fmt.Errorf(format, args...))
}

// Schema is everything the data files say, checked and cross-referenced.
type Schema struct {
	Events  []*Half  // indexed by event code; never nil
	Calls   []*Call  // indexed by SC code; never nil
	Tables  []*Table // flag and enumeration tables, in file order
	Dynamic []*Dynamic
	Sets    []*Set

	Conversions []*Conversion // the generated ones, in file order

	tables      map[string]*Table
	dynamic     map[string]*Dynamic
	calls       map[string]*Call
	conversions map[string]bool // generated, by hand and built in
	pairs       []*Event
}

// Event is a pair of codes: the enter half is even, the exit half follows.
type Event struct {
	Pos
	Enum     string // without PPME_ and without _E or _X
	Code     int    // of the enter half
	Name     string
	Category string
	Class    string
	Status   string
	Flags    []string
	Calls    []*Call // what the event can carry, by rising code
	halves   [2]*Half
	defined  []*Call // calls that this event's entry defines
	callRefs []string
}

// Half is one event code.
type Half struct {
	Pos
	Event  *Event
	Code   int
	Enum   string // the whole constant, e.g. PPME_SYSCALL_OPENAT_2_X
	Status string
	Flags  []string
	FD     int // index of the parameter with the descriptor worked on, or -1
	Filler string
	Parts  int
	Params []*Param
	fdName string
}

// Exit reports whether the half is the exit half.
func (h *Half) Exit() bool { return h.Code&1 == 1 }

// Live reports whether current drivers make the event.
func (h *Half) Live() bool { return h.Status == StatusDriver }

// Generated reports whether the generator writes the half's filler.
func (h *Half) Generated() bool { return h.Live() && h.Filler == FillerSimple }

// HasFiller reports whether the half has a filler, generated or by hand, that
// every driver uses; those of enter events stand apart.
func (h *Half) HasFiller() bool {
	return h.Live() && (h.Filler == FillerSimple || h.Filler == FillerHand)
}

// Ident returns the half's name in C function names, e.g. syscall_openat_2_x.
func (h *Half) Ident() string {
	return strings.ToLower(strings.TrimPrefix(h.Enum, "PPME_"))
}

// Name returns what evt.type prints.
func (h *Half) Name() string {
	if h.Status == StatusUnused {
		return "NA"
	}
	return h.Event.Name
}

// Statuses of an event code.
const (
	StatusUnused      = "unused-slot"
	StatusDriver      = "driver"
	StatusUserspace   = "userspace"
	StatusLegacy      = "legacy"
	StatusLegacyEnter = "legacy-enter"
	StatusCaptureOnly = "capture-only"
)

// Ways to make an event in the kernel.
const (
	FillerSimple  = ""        // generated from the parameters' sources
	FillerHand    = "hand"    // written in drivers/probe
	FillerGeneric = "generic" // none yet: the call arrives as the generic event
	FillerEnter   = "enter"   // written in drivers/probe/fill_enter.h, for drivers with a hook at the entry of calls
	FillerNone    = "none"    // not made by a filler: iterators, drop markers
)

// Param is one parameter of an event.
type Param struct {
	Pos
	Name   string
	Type   *Type
	Format string
	Table  *Table
	Dyn    *Dynamic
	DirFD  int // index of the directory descriptor of an fsrelpath, or -1
	From   Source
	dirfd  string
	from   string
}

// Call is a member of the SC enumeration: a system call or a tracepoint.
type Call struct {
	Pos
	Name     string
	Code     int
	Kind     string       // syscall, tracepoint, reserved
	Number   map[Arch]int // native numbers
	IA32     []int        // numbers of 32-bit x86 calls that mean this one
	Sampling string       // "", never, always: what dropping mode does to it
	Drops    string       // class of the drop counters, "" for the rest
	Event    *Event       // the event that the call makes; nil for generic calls
	Events   []*Half      // every event that can carry the call
}

// Enter returns the event of the entry half, or nil.
func (c *Call) Enter() *Half {
	if c.Event == nil {
		return nil
	}
	return c.Event.halves[0]
}

// Exit returns the event of the exit half; for a tracepoint its only event.
func (c *Call) Exit() *Half {
	switch {
	case c.Event == nil:
		return nil
	case c.Kind == KindTracepoint:
		return c.Event.halves[0]
	}
	return c.Event.halves[1]
}

// Kinds of members of the SC enumeration.
const (
	KindSyscall    = "syscall"
	KindTracepoint = "tracepoint"
	KindReserved   = "reserved"
)

// Arch is an architecture with native numbers in the data.
type Arch string

// Architectures, in the order of scap.Arch.
const (
	AMD64 Arch = "x86_64"
	ARM64 Arch = "aarch64"
)

// Archs lists the architectures in the order of scap.Arch.
var Archs = []Arch{AMD64, ARM64}

// Table names flag bits or enumeration values.
type Table struct {
	Pos
	Name     string
	Var      string // name of the Go variable
	Const    string // prefix of the Go constants
	Strip    string // prefix of the names that constants leave out
	Verbatim bool   // constants keep the case of the names
	Enum     bool
	Values   []Value
	Internal []Value // constants that no parameter prints
}

// Value is a named bit or value.
type Value struct {
	Pos
	Name  string
	Value uint32
}

// Dynamic lists the shapes of a parameter whose type depends on a selector.
type Dynamic struct {
	Pos
	Name     string
	Variants []Variant
}

// Variant is one shape; its index is the selector.
type Variant struct {
	Name   string
	Type   *Type
	Format string
}

// Conversion turns a number of the kernel into the portable one.
type Conversion struct {
	Pos
	Name   string
	Table  *Table
	Enum   bool // one value out of the table instead of bits
	Values []KernelValue
}

// KernelValue is a pair of numbers with the same meaning.
type KernelValue struct {
	Arch     Arch // "" for all
	Kernel   uint32
	Portable uint32
}

// Set is a named list of calls that cannot be computed from the events.
type Set struct {
	Pos
	Name  string
	Doc   string
	Calls []*Call // by rising code
	names []string
}

// Table returns the flag table of that name, or nil.
func (s *Schema) Table(name string) *Table { return s.tables[name] }

// Call returns the member of the SC enumeration of that name, or nil.
func (s *Schema) Call(name string) *Call { return s.calls[name] }

// Event returns the event with that constant, or nil.
func (s *Schema) Event(enum string) *Half {
	i := slices.IndexFunc(s.Events, func(h *Half) bool { return h.Enum == enum })
	if i < 0 {
		return nil
	}
	return s.Events[i]
}

// Load reads and checks the project's own data.
func Load() (*Schema, error) { return LoadFS(data) }

// LoadFS reads and checks the data files of fsys: *.yaml and events/*.yaml.
// Errors name file and line.
func LoadFS(fsys fs.FS) (*Schema, error) {
	s := &Schema{
		tables:  map[string]*Table{},
		dynamic: map[string]*Dynamic{},
		calls:   map[string]*Call{},
		// A 32-bit number in a register, extended to 64 bits by the generator.
		conversions: map[string]bool{"s32": true, "u32": true},
	}
	if err := s.read(fsys); err != nil {
		return nil, err
	}
	if err := s.link(); err != nil {
		return nil, err
	}
	return s, nil
}
