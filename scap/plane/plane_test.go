// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func has(bits [Table / 64]uint64, n int) bool { return bits[n/64]>>(n%64)&1 != 0 }

func TestCallsAreSelectedByAllTheirNumbers(t *testing.T) {
	p := Of(scap.Selection{Exit: scap.NewSyscallSet(scap.SCOpen, scap.SCExecve, scap.SCConnect, scap.SCSchedProcessExit),
		Enter: scap.NewSyscallSet(scap.SCOpen)}, scap.AMD64, false)
	for _, nr := range []int{2, 59, 42} {
		if !p.Exit.Has(nr) {
			t.Errorf("number %d is not selected", nr)
		}
	}
	if !has(p.Exit.IA32, 5) || !has(p.Exit.IA32, 11) || has(p.Exit.IA32, 41) {
		t.Errorf("32-bit open, execve and dup: %x", p.Exit.IA32)
	}
	if !has(p.Exit.IA32, IA32Socketcall) {
		t.Error("connect does not select socketcall")
	}
	if !p.Enter.Has(2) || p.Enter.Has(59) || has(p.Enter.IA32, IA32Socketcall) {
		t.Errorf("enter: %+v", p.Enter)
	}
	if p.TP != TPExit|TPExec {
		t.Errorf("tracepoints: %b", p.TP)
	}
}

func TestNothingIsNothing(t *testing.T) {
	if p := Of(scap.Selection{}, scap.AMD64, true); p != (Plane{}) || !p.Exit.Empty() {
		t.Errorf("%+v", p)
	}
}

func TestTheChildsSideComesFromTheForkWhereTheCallDoesNotShowIt(t *testing.T) {
	clone := scap.Selection{Exit: scap.NewSyscallSet(scap.SCClone)}
	if p := Of(clone, scap.ARM64, true); p.TP != TPFork || p.Exit.IA32 != [8]uint64{} {
		t.Errorf("%+v", p)
	}
	if p := Of(clone, scap.AMD64, false); p.TP != 0 {
		t.Errorf("%+v", p)
	}
	// fork does not exist on arm64, but a selection may name it.
	if p := Of(scap.Selection{Exit: scap.NewSyscallSet(scap.SCFork)}, scap.ARM64, false); !p.Exit.Empty() {
		t.Errorf("%+v", p)
	}
}

func TestTracepointsHaveTheirBits(t *testing.T) {
	for sc, bit := range map[scap.SC]uint64{
		scap.SCSchedProcessExit: TPExit, scap.SCSignalDeliver: TPSignal, scap.SCSchedSwitch: TPSwitch,
		scap.SCPageFaultUser: TPFaultUser, scap.SCPageFaultKernel: TPFaultKernel,
	} {
		if p := Of(scap.Selection{Exit: scap.NewSyscallSet(sc)}, scap.AMD64, false); p.TP != bit || Tracepoint(sc) != bit {
			t.Errorf("%v: %x", sc, p.TP)
		}
	}
}
