// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// Only what may be the emulator's doing is tried twice.
func TestWhichCellsGetASecondRun(t *testing.T) {
	for _, c := range []struct {
		name, console string
		kvm, want     bool
	}{
		{"tests failed", "@@FAIL fillers: exit status 1\n@@OK kernel log\n@@DONE\n", false, true},
		{"on a real processor", "@@FAIL fillers: exit status 1\n@@OK kernel log\n@@DONE\n", true, false},
		{"the kernel complains", "@@FAIL fillers: exit status 1\n@@FAIL kernel log: WARNING: x\n@@DONE\n", false, false},
		{"an oops", "Oops: 0002 [#1] SMP\n@@FAIL agent: no alert\n@@DONE\n", false, false},
		{"no end", "@@FAIL agent: no alert\n", false, false},
		{"passed", "@@OK fillers\n@@DONE\n", false, false},
	} {
		got := (&cell{said: machine.ParseConsole(c.console)}).mayDiffer(&machine.Machine{KVM: c.kvm})
		if got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
