// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func exits(calls ...scap.SC) scap.Selection {
	return scap.Selection{Exit: scap.NewSyscallSet(calls...)}
}

func TestChooseSaysWhichHooksAndEvents(t *testing.T) {
	s, degraded := choose(exits(scap.SCOpen, scap.SCExecve, scap.SCConnect, scap.SCSchedProcessExit), scap.AMD64, false)
	if len(degraded) != 0 {
		t.Errorf("degraded: %v", degraded)
	}
	if h := s.hooks(); !h[hookSysExit] || !h[hookProcExit] || !h[hookProcExec] || h[hookProcFork] || h[hookSysEnter] {
		t.Errorf("hooks: %v", h)
	}
	if len(s.events) != 3 || len(s.enter) != 0 || !s.names() {
		t.Errorf("events: %v", s.events)
	}
}

func TestChooseOfNothingNeedsNoHook(t *testing.T) {
	s, _ := choose(scap.Selection{}, scap.AMD64, true)
	if s.hooks() != (hookSet{}) {
		t.Errorf("hooks: %v", s.hooks())
	}
}

func TestChildSideComesFromForkWhereTheCallDoesNotShowIt(t *testing.T) {
	s, _ := choose(exits(scap.SCClone), scap.ARM64, true)
	if !s.hooks()[hookProcFork] {
		t.Error("the fork tracepoint is not used")
	}
	// fork does not exist on arm64, but a selection may name it.
	s, degraded := choose(exits(scap.SCFork), scap.ARM64, true)
	if len(degraded) != 0 || s.hooks()[hookSysExit] {
		t.Errorf("fork on arm64: %v %v", degraded, s.hooks())
	}
}

func TestTracepointsHaveHooksOfTheirOwn(t *testing.T) {
	for sc, h := range map[scap.SC]hook{
		scap.SCSchedProcessExit: hookProcExit, scap.SCSignalDeliver: hookSignal, scap.SCSchedSwitch: hookSwitch,
		scap.SCPageFaultUser: hookFaultUser, scap.SCPageFaultKernel: hookFaultKernel,
	} {
		s, degraded := choose(exits(sc), scap.AMD64, false)
		var want hookSet
		want[h] = true
		if got := s.hooks(); got != want || len(degraded) != 0 {
			t.Errorf("%v: hooks %v, want %v; degraded %v", sc, got, want, degraded)
		}
	}
}
