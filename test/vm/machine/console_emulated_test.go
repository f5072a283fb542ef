// SPDX-License-Identifier: Apache-2.0

package machine

import "testing"

func TestABreakpointOfTheKernelsOwnCodeIsTheEmulators(t *testing.T) {
	const oops = "[ 19.8] Oops: int3: 0000 [#1] SMP NOPTI\n[ 19.9] CPU: 0 PID: 103\n[ 19.9] RIP: 0010:"
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"in the kernel", oops + "trace_syscall_enter+0xa/0xa0\n", true},
		{"in a module", oops + "sys_enter+0xa/0xa0 [tiercel]\n", false},
		{"another oops", "[ 1.0] Oops: 0002 [#1] SMP\n[ 1.0] RIP: 0010:memcpy+0x4/0x10\n", false},
		{"none", "@@DONE\n", false},
	} {
		said := ParseConsole(c.text)
		if got := said.Emulated(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
