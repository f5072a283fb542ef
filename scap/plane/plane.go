// SPDX-License-Identifier: Apache-2.0

// Package plane turns a selection into what the drivers look calls up in:
// bitmaps by system call number, and bits for the kernel's tracepoints. It
// mirrors drivers/probe/select.h.
package plane

import (
	"runtime"

	"github.com/tiercel/tiercel/scap"
)

// Table is how many numbers a bitmap has; higher ones are not calls.
const Table = 512

// Calls are calls that are wanted at one of their ends.
type Calls struct {
	Native [Table / 64]uint64 // by the number of the architecture
	IA32   [Table / 64]uint64 // by the number that a 32-bit x86 caller uses
}

// Plane is one generation of the selection.
type Plane struct {
	Exit  Calls
	Enter Calls
	TP    uint64 // TPExit and the others
}

// Bits of Plane.TP: the tracepoints that system calls and processes need, and
// those with an event of their own, which a kernel may lack.
const (
	TPExit = 1 << iota
	TPExec
	TPFork

	TPSignal      = 0x100
	TPSwitch      = 0x200
	TPFaultUser   = 0x400
	TPFaultKernel = 0x800
)

var tracepoints = map[scap.SC]uint64{
	scap.SCSchedProcessExit: TPExit,
	scap.SCSignalDeliver:    TPSignal,
	scap.SCSchedSwitch:      TPSwitch,
	scap.SCPageFaultUser:    TPFaultUser,
	scap.SCPageFaultKernel:  TPFaultKernel,
}

// Tracepoint returns the bit of the kernel tracepoint sc, 0 if there is none.
func Tracepoint(sc scap.SC) uint64 { return tracepoints[sc] }

var (
	execCalls  = scap.NewSyscallSet(scap.SCExecve, scap.SCExecveat)
	cloneCalls = scap.NewSyscallSet(scap.SCClone, scap.SCClone3, scap.SCFork, scap.SCVfork)
)

// IA32Socketcall is the number of ia32 socketcall(2), one number for the calls
// in socketCalls.
const IA32Socketcall = 102

var socketCalls = scap.NewSyscallSet(scap.SCSocket, scap.SCBind, scap.SCConnect, scap.SCListen, scap.SCAccept,
	scap.SCGetsockname, scap.SCGetpeername, scap.SCSocketpair, scap.SCSendto, scap.SCRecvfrom, scap.SCShutdown,
	scap.SCSetsockopt, scap.SCGetsockopt, scap.SCSendmsg, scap.SCRecvmsg, scap.SCAccept4, scap.SCRecvmmsg, scap.SCSendmmsg)

// HostArch is the architecture that this program was built for.
func HostArch() scap.Arch {
	if runtime.GOARCH == "arm64" {
		return scap.ARM64
	}
	return scap.AMD64
}

// Of works out the plane of a selection. childSide says that the child's side
// of a clone is told by the tracepoint of the fork and not by the exit of the
// call (all architectures but x86).
func Of(sel scap.Selection, arch scap.Arch, childSide bool) Plane {
	var p Plane
	p.Exit.add(sel.Exit, arch)
	p.Enter.add(sel.Enter, arch)
	for sc := range sel.Exit.All() {
		p.TP |= tracepoints[sc]
	}
	if !sel.Exit.Intersect(execCalls).IsEmpty() {
		p.TP |= TPExec
	}
	if childSide && !sel.Exit.Intersect(cloneCalls).IsEmpty() {
		p.TP |= TPFork
	}
	return p
}

// Empty reports whether no call is wanted.
func (c *Calls) Empty() bool { return *c == Calls{} }

// Has reports whether the native call nr is wanted.
func (c *Calls) Has(nr int) bool {
	return uint(nr) < Table && c.Native[nr/64]>>(nr%64)&1 != 0
}

// add selects calls by their native numbers, and the 32-bit numbers that stand
// for them.
func (c *Calls) add(want scap.SyscallSet, arch scap.Arch) {
	for sc := range want.All() {
		info := sc.Info()
		if info == nil || info.Kind == scap.KindTracepoint {
			continue
		}
		if nr := info.Number[arch]; nr >= 0 && nr < Table { // else not a call of this architecture
			c.Native[nr/64] |= 1 << (nr % 64)
		}
	}
	if arch != scap.AMD64 {
		return // numbers of 32-bit ARM are not mapped
	}
	for n := range Table {
		if nr := scap.IA32Number(n); nr >= 0 && c.Has(nr) {
			c.IA32[n/64] |= 1 << (n % 64)
		}
	}
	if !want.Intersect(socketCalls).IsEmpty() {
		c.IA32[IA32Socketcall/64] |= 1 << (IA32Socketcall % 64)
	}
}
