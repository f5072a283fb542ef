// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func has(bits [8]uint64, n int) bool { return bits[n/64]>>(n%64)&1 != 0 }

func TestChooseMakesPlanes(t *testing.T) {
	ia32 := make([]int16, 512)
	for i := range ia32 {
		ia32[i] = -1
	}
	ia32[5], ia32[11], ia32[41] = 2, 59, 32 // open, execve, dup
	s, degraded := choose(scap.NewSyscallSet(scap.SCOpen, scap.SCExecve, scap.SCConnect, scap.SCSchedProcessExit), scap.AMD64, ia32, false)
	if len(degraded) != 0 {
		t.Errorf("degraded: %v", degraded)
	}
	for _, nr := range []int{2, 59, 42} {
		if !has(s.plane.Exit.Native, nr) {
			t.Errorf("number %d is not selected", nr)
		}
	}
	if !has(s.plane.Exit.IA32, 5) || !has(s.plane.Exit.IA32, 11) || has(s.plane.Exit.IA32, 41) {
		t.Errorf("32-bit numbers: %x", s.plane.Exit.IA32)
	}
	if !has(s.plane.Exit.IA32, ia32Socketcall) {
		t.Error("connect does not select socketcall")
	}
	if s.plane.TP != tpExit|tpExec {
		t.Errorf("tracepoints: %b", s.plane.TP)
	}
	if h := s.hooks(); !h[hookSysExit] || !h[hookProcExit] || !h[hookProcExec] || h[hookProcFork] {
		t.Errorf("hooks: %v", h)
	}
}

func TestChooseOfNothingNeedsNoHook(t *testing.T) {
	s, _ := choose(scap.SyscallSet{}, scap.AMD64, make([]int16, 512), true)
	if s.hooks() != (hookSet{}) {
		t.Errorf("hooks: %v", s.hooks())
	}
}

func TestChildSideComesFromForkWhereTheCallDoesNotShowIt(t *testing.T) {
	s, _ := choose(scap.NewSyscallSet(scap.SCClone), scap.ARM64, nil, true)
	if !s.hooks()[hookProcFork] {
		t.Error("the fork tracepoint is not used")
	}
	// fork does not exist on arm64, but a selection may name it.
	s, degraded := choose(scap.NewSyscallSet(scap.SCFork), scap.ARM64, nil, true)
	if len(degraded) != 0 || s.hooks()[hookSysExit] {
		t.Errorf("fork on arm64: %v %v", degraded, s.hooks())
	}
}

func TestTracepointsHaveHooksOfTheirOwn(t *testing.T) {
	for sc, h := range map[scap.SC]hook{
		scap.SCSchedProcessExit: hookProcExit, scap.SCSignalDeliver: hookSignal, scap.SCSchedSwitch: hookSwitch,
		scap.SCPageFaultUser: hookFaultUser, scap.SCPageFaultKernel: hookFaultKernel,
	} {
		s, degraded := choose(scap.NewSyscallSet(sc), scap.AMD64, nil, false)
		var want hookSet
		want[h] = true
		if got := s.hooks(); got != want || len(degraded) != 0 {
			t.Errorf("%v: hooks %v, want %v; degraded %v", sc, got, want, degraded)
		}
	}
}
