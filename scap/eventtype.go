// SPDX-License-Identifier: Apache-2.0

package scap

// EventType is the code of an event on the wire and in captures. Even codes
// are enter halves, odd codes exit halves.
type EventType uint16

// SC is a portable system call code: the same number on every architecture.
// Kernel tracepoints are members of the same enumeration, so that one set can
// hold everything that a consumer may ask for; LSM hooks will be too.
type SC uint16

// Direction tells the two halves of a call apart.
type Direction uint8

// The halves of a call.
const (
	Enter Direction = iota
	Exit
)

// Category is what an event is about (the low part of the category word).
type Category uint16

// Class is where an event comes from (the high part of the category word).
type Class uint16

// EventFlags are the properties of an event type.
type EventFlags uint32

// Status tells who still makes an event.
type Status uint8

// Who makes an event.
const (
	StatusUnused      Status = iota // a code without an event
	StatusDriver                    // made by current drivers
	StatusUserspace                 // made by libraries and plugins
	StatusLegacy                    // an older version, only in old captures
	StatusLegacyEnter               // an enter half no longer made
	StatusCaptureOnly               // valid, no producer left
)

// EventInfo describes an event type. The tables are generated from
// drivers/schema; see Events.
type EventInfo struct {
	Code     EventType
	Enum     string // the constant of the reference, e.g. PPME_SYSCALL_OPENAT_2_X
	Name     string // what evt.type prints, e.g. openat
	Category Category
	Class    Class
	Dir      Direction
	Flags    EventFlags
	Status   Status
	FDParam  int8 // the parameter with the descriptor the event works on, or -1
	Params   []ParamInfo
	Syscalls []SC // codes the event can carry
}

// Arch indexes the native number tables.
type Arch uint8

// Architectures with native numbers in the tables.
const (
	AMD64 Arch = iota
	ARM64
	numArchs
)

// SyscallKind tells system calls and tracepoints apart.
type SyscallKind uint8

// Members of the SC enumeration.
const (
	KindUnknown SyscallKind = iota
	KindSyscall
	KindTracepoint
)

// SyscallInfo describes a member of the SC enumeration.
type SyscallInfo struct {
	Code   SC
	Name   string // lower case, as the rules write it
	Kind   SyscallKind
	Number [numArchs]int16 // native number, -1 where the architecture lacks it
	Enter  EventType       // event of the entry half (GenericE when it has none of its own)
	Exit   EventType       // event of the exit half (GenericX when it has none of its own)
	Events []EventType     // every event that can carry the code, old versions included
}

// Info returns the description of t; nil for a code that the table lacks.
func (t EventType) Info() *EventInfo {
	if int(t) >= len(Events) {
		return nil
	}
	return &Events[t]
}

// String returns the name that evt.type prints.
func (t EventType) String() string {
	if i := t.Info(); i != nil {
		return i.Name
	}
	return "unknown"
}

// IsEnter reports whether t is an enter half.
func (t EventType) IsEnter() bool { return t&1 == 0 }

// Info returns the description of sc; nil for a code that the table lacks.
func (sc SC) Info() *SyscallInfo {
	if int(sc) >= len(Syscalls) {
		return nil
	}
	return &Syscalls[sc]
}

// String returns the lower-case name of the call or tracepoint.
func (sc SC) String() string {
	if i := sc.Info(); i != nil {
		return i.Name
	}
	return "unknown"
}
