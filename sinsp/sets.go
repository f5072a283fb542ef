// SPDX-License-Identifier: Apache-2.0

package sinsp

import (
	"fmt"
	"slices"

	"github.com/tiercel/tiercel/scap"
)

// Generation names a state of the event tables that users may compare with or
// ask for. What a named set holds has changed over the years.
type Generation uint8

// The generations that are known.
const (
	Current  Generation = iota // the tables of this build
	Falco035                   // libs 0.11.2, driver 5.0.1
)

// ParseGeneration returns the generation of a name from the configuration:
// current (or nothing) and falco-0.35.
func ParseGeneration(name string) (Generation, error) {
	switch name {
	case "", "current":
		return Current, nil
	case "falco-0.35":
		return Falco035, nil
	}
	return Current, fmt.Errorf("unknown generation %q of the syscall sets (use current or falco-0.35)", name)
}

// String returns the name that ParseGeneration takes.
func (g Generation) String() string {
	if g == Falco035 {
		return "falco-0.35"
	}
	return "current"
}

// change is what a named set gained since Falco 0.35, and what it lost.
// Measured on libs 0.11.2: its tables differ in flags and categories.
type change struct{ gained, lost []scap.SC }

var since035 = map[string]change{
	"state": {
		gained: []scap.SC{scap.SCCloseRange, scap.SCMemfdCreate, scap.SCPidfdGetfd, scap.SCPidfdOpen,
			scap.SCRecvmmsg, scap.SCSendmmsg, scap.SCSetregid, scap.SCSetreuid},
		lost: []scap.SC{scap.SCSetpgid},
	},
	"io_other": {gained: []scap.SC{scap.SCCloseRange}},
	"file":     {gained: []scap.SC{scap.SCNewfstatat}},
	"proc":     {gained: []scap.SC{scap.SCPidfdGetfd, scap.SCPidfdOpen}},
	"sys":      {gained: []scap.SC{scap.SCMemfdCreate}},
}

// of returns the set in generation g, given what it is now.
func (g Generation) of(name string, now scap.SyscallSet) scap.SyscallSet {
	if g == Current {
		return now
	}
	c := since035[name]
	return now.Minus(scap.NewSyscallSet(c.gained...)).Union(scap.NewSyscallSet(c.lost...))
}

// StateSet returns the calls that the model of the host needs: those whose
// event, in any version, changes it, and those that no sampling may drop.
func StateSet(g Generation) scap.SyscallSet {
	s := scap.NeverSampled
	for i := firstOwnEvent; i < len(scap.Events); i++ {
		e := &scap.Events[i]
		if e.Flags&scap.EFModifiesState != 0 && e.Class&(scap.ClassSyscall|scap.ClassTracepoint) != 0 {
			s = s.Union(scap.NewSyscallSet(e.Syscalls...))
		}
	}
	return g.of("state", s)
}

// IOSet returns the calls that read or write data.
func IOSet() scap.SyscallSet { return ofCategories(scap.CatIORead, scap.CatIOWrite) }

// IOOtherSet returns the calls that work on any descriptor without moving data.
func IOOtherSet(g Generation) scap.SyscallSet { return g.of("io_other", ofCategories(scap.CatIOOther)) }

// FileSet returns the calls about files.
func FileSet(g Generation) scap.SyscallSet { return g.of("file", ofCategories(scap.CatFile)) }

// NetSet returns the calls about sockets, without those that move data.
func NetSet() scap.SyscallSet { return ofCategories(scap.CatNet) }

// ProcSet returns the calls about processes.
func ProcSet(g Generation) scap.SyscallSet { return g.of("proc", ofCategories(scap.CatProcess)) }

// SysSet returns the calls about the system, memory and signals.
func SysSet(g Generation) scap.SyscallSet {
	return g.of("sys", ofCategories(scap.CatSystem, scap.CatMemory, scap.CatSignal))
}

// DefaultExcluded returns the high-volume calls that are left out unless the
// user asks for all: they move data and change no state.
func DefaultExcluded(g Generation) scap.SyscallSet { return IOSet().Minus(StateSet(g)) }

// RepairAlways returns the calls without which processes cannot be followed.
func RepairAlways() scap.SyscallSet { return scap.RepairAlways }

// Repair returns s and the calls that keep the model sound for just the calls
// of s. It is a single pass: what it adds needs nothing more. It does not
// depend on the generation.
func Repair(s scap.SyscallSet) scap.SyscallSet {
	r := s.Union(RepairAlways())
	if s.Intersects(NetSet()) {
		r = r.Union(scap.NewSyscallSet(scap.SCSocket, scap.SCGetsockopt, scap.SCClose))
	}
	if s.Intersects(scap.NewSyscallSet(scap.SCAccept, scap.SCAccept4, scap.SCListen)) {
		r = r.Union(scap.NewSyscallSet(scap.SCBind))
	}
	if s.Intersects(FileSet(Current)) || s.Intersects(IOSet()) || s.Intersects(IOOtherSet(Current)) {
		r = r.Union(scap.NewSyscallSet(scap.SCClose))
	}
	return r
}

// ProcessExit returns the tracepoint without which no process would ever
// leave the model: every selection holds it.
func ProcessExit() scap.SyscallSet { return scap.NewSyscallSet(scap.SCSchedProcessExit) }

func ofCategories(cats ...scap.Category) scap.SyscallSet {
	var s scap.SyscallSet
	for i := firstOwnEvent; i < len(scap.Events); i++ {
		e := &scap.Events[i]
		if slices.Contains(cats, e.Category) {
			s = s.Union(scap.NewSyscallSet(e.Syscalls...))
		}
	}
	return s
}

// firstOwnEvent skips the events that stand for any call.
const firstOwnEvent = 2
