// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"fmt"
	"time"
)

// Source is whatever hands out events: a driver, a capture, a plugin, a fake.
//
// Next fills b with the next events in the order of their timestamps and waits
// at most wait for the first of them; an empty batch and a nil error mean that
// nothing came. io.EOF ends a source that has an end, and one that was closed.
// The events of a batch borrow the source's memory until Release, which must
// come before the following Next.
//
// Next and Release belong to one goroutine. Close may be called from any, once
// or more; a Next that waits returns, and a batch that is out stays readable
// until its Release.
type Source interface {
	Next(b *Batch, wait time.Duration) error
	Release(b *Batch)
	Close() error
}

// Batch is one merge round of a source.
type Batch struct {
	Events []Event // in time order
	Late   uint64  // of these, events older than one already handed out
}

// Selection is what a consumer wants to see.
type Selection struct {
	Exit  SyscallSet // calls and tracepoints whose exit (or only) event is wanted
	Enter SyscallSet // calls whose enter event is wanted too
}

// Driver is a live source in the kernel.
type Driver interface {
	Source
	// Name is kmod, bpf or modern_bpf.
	Name() string
	// SetInterestingSyscalls replaces what is collected. It may be called at
	// any time from one goroutine, while another one reads. When it fails the
	// former selection stays in force. Degraded tells what the kernel
	// refused.
	SetInterestingSyscalls(Selection) (Applied, error)
	// Start lets events flow, Stop holds them; both may be repeated.
	Start() error
	Stop() error
	// Stats adds up the counters of all CPUs; perCPU entries are filled when
	// the slice has room.
	Stats(*Stats) error
}

// Applied tells what became of a selection.
type Applied struct {
	Degraded []Degraded
}

// Degraded is a call or tracepoint that is not reported in full: what it
// lacks, and why.
type Degraded struct {
	Syscall SC
	Lack    Lack
	Reason  error
}

// String is a sentence without an end, such as "close arrives without its
// parameters (permission denied)".
func (d Degraded) String() string {
	return fmt.Sprintf("%s %s (%v)", d.Syscall, d.Lack, d.Reason)
}

// Lack is what is missing of a call that is not reported in full.
type Lack uint8

// What can be missing.
const (
	LackParams      Lack = iota // it arrives as the generic event
	LackEnterParams             // its enter event is the generic one
	LackEvent                   // it does not arrive
	LackNameCheck               // its name is not held against what the kernel made of it
)

func (l Lack) String() string {
	switch l {
	case LackEnterParams:
		return "has an enter event without parameters"
	case LackEvent:
		return "is not reported"
	case LackNameCheck:
		return "is reported, but its name is not checked"
	}
	return "arrives without its parameters"
}

// Counters count events at one place. Seen = Delivered + all kinds of drops.
type Counters struct {
	Seen           uint64 // selected events that a hook began to build
	Delivered      uint64 // put into a ring
	DropsRing      uint64 // ring full
	DropsPage      uint64 // a needed page of user memory was not there
	DropsScratch   uint64 // no scratch slot free, or the event did not fit
	DropsRecursion uint64 // the kernel skipped the program: it already ran on this CPU
}

// Drops returns the sum of the drops.
func (c Counters) Drops() uint64 {
	return c.DropsRing + c.DropsPage + c.DropsScratch + c.DropsRecursion
}

// Stats are a driver's counters since it was opened.
type Stats struct {
	Counters
	PerCPU []Counters
	// By class of call, for the drops that have one: indexed by DropClass.
	DropsByClass [NumDropClasses]uint64
	// The same by call, indexed by SC; filled as far as the slice has room.
	// What the kernel skipped (DropsRecursion) is not known by call.
	DropsBySyscall []uint64
	// Faults counts delivered events that lack a value, because the page of the
	// caller's memory that it was in was not there when the event was made.
	Faults uint64
	// Sampled counts what sampling mode left out. It is not part of Seen.
	Sampled uint64
	// Truncated counts ring records that were no whole event.
	Truncated uint64
	// Late counts events that arrived behind the watermark.
	Late uint64
	// RingBytes is the size of all rings; each is mapped twice by the reader.
	RingBytes uint64
}

// DropClass groups calls in drop counters.
type DropClass uint8

// Drop classes.
const (
	DropOther DropClass = iota
	DropCloneFork
	DropExecve
	DropConnect
	DropOpen
	DropDirFile
	DropClose
	DropProcExit
	NumDropClasses
)
