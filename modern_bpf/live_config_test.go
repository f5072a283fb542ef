// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"

	"github.com/tiercel/tiercel/scap"
)

// Kernels are built without some subsystems of control groups, and have no
// numbers for them: executions and new tasks are told all the same, with the
// groups of the others.
func TestLiveAKernelWithoutSomeControlGroups(t *testing.T) {
	needLive(t)
	for _, gone := range [][]string{{"cpuset"}, {"cpu", "cpuacct"}, {"io", "memory"}, {"cpuset", "cpu", "cpuacct", "io", "memory"}} {
		t.Run(strings.Join(gone, " "), func(t *testing.T) {
			d, err := Open(Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			kernel, err := d.progs.kernel.Kernel()
			if err != nil {
				t.Fatal(err)
			}
			var ids *btf.Enum
			if err := kernel.TypeByName("cgroup_subsys_id", &ids); err != nil {
				t.Skipf("this kernel has no control groups: %v", err)
			}
			var left []string
			for i := range ids.Values {
				name, ok := strings.CutSuffix(ids.Values[i].Name, "_cgrp_id")
				switch {
				case slices.Contains(gone, name):
					ids.Values[i].Name = "tcl_gone_" + name
				case ok && slices.Contains([]string{"cpuset", "cpu", "cpuacct", "io", "memory"}, name):
					left = append(left, name)
				}
			}
			applied, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCExecve, scap.SCClone, scap.SCClone3, scap.SCVfork)})
			if err != nil || len(applied.Degraded) > 0 {
				t.Fatalf("%+v, %v", applied, err)
			}
			if err := d.Start(); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("true")
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			told := make(map[string][]string)
			read(t, d, 10*time.Second, func(ev *scap.Event) bool {
				if ev.TID() != int64(cmd.Process.Pid) {
					return false
				}
				for i, p := range ev.Info().Params {
					if p.Name != "cgroups" {
						continue
					}
					var names []string
					for _, group := range strings.Split(strings.TrimSuffix(string(ev.Param(i)), "\x00"), "\x00") {
						name, path, ok := strings.Cut(group, "=")
						if ok && !strings.HasPrefix(path, "/") {
							t.Errorf("group %q", group)
						}
						if ok {
							names = append(names, name)
						}
					}
					told[ev.Info().Name] = names
				}
				return ev.Type() == scap.EvExecveV19X
			})
			slices.Sort(left)
			if len(told) != 2 {
				t.Errorf("%v were told, want the new task and its execution", told)
			}
			for ev, groups := range told {
				if slices.Sort(groups); !slices.Equal(groups, left) {
					t.Errorf("%s tells the groups %q, want %q", ev, groups, left)
				}
			}
		})
	}
}
