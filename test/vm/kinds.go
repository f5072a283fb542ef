// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// kind is what a cell does on its kernel. The guest learns its name as
// TIERCEL_CELL.
type kind struct {
	name    string
	group   string // names several kinds at once
	carries []string
	tests   []string      // of testPrograms
	others  bool          // has the modules that must be refused, too
	boot    string        // kernel options
	count   bool          // instructions are counted: slow
	asked   bool          // only when asked for
	arm64   bool          // also there
	disk    bool          // its root is a disk with Debian and compilers
	mib     int           // of memory; 0: 1024
	time    time.Duration // bounds the machine's life; 0: as cellTime says
}

// kinds of cells. In one of parity all drivers run at once and are compared; one
// that is locked boots with lockdown; in hotplug the second CPU comes up after the module;
// in one that is hostile the host keeps things from the agent; cost counts
// instructions, rate counts events; provision runs the Vagrantfile's script in a Debian of its own.
var kinds = []kind{
	{name: "modern_bpf", carries: []string{"modern_bpf"}, tests: []string{"drivers", "fillers"}, arm64: true},
	{name: "kmod", carries: []string{"kmod"}, tests: []string{"drivers", "fillers", "kmod"}, others: true, arm64: true},
	{name: "bpf", carries: []string{"bpf"}, tests: []string{"drivers", "fillers"}, arm64: true},
	{name: fromBTF, carries: []string{fromBTF}, tests: []string{"fillers"}, boot: "TIERCEL_DRIVER=bpf"},
	{name: "parity", carries: []string{"kmod", "bpf"}, tests: []string{"fillers"}},
	{name: "locked", carries: []string{"kmod"}, boot: "lockdown=integrity"},
	{name: "hotplug", carries: []string{"kmod"}, tests: []string{"kmod"}, boot: "maxcpus=1 TIERCEL_DRIVER=kmod", arm64: true},
	{name: "hostile", carries: []string{"kmod", "bpf"}},
	{name: "cost", carries: []string{"kmod", "bpf"}, tests: []string{"drivers"}, count: true, asked: true},
	{name: "rate", carries: []string{"kmod", "bpf"}, tests: []string{"drivers"}, asked: true},
	{name: "provision-modern_bpf", group: "provision", boot: "TIERCEL_DRIVER=modern_bpf", disk: true, asked: true, mib: 3072, time: time.Hour},
	{name: "provision-kmod", group: "provision", boot: "TIERCEL_DRIVER=kmod", disk: true, asked: true, mib: 3072, time: time.Hour},
	{name: "provision-bpf", group: "provision", boot: "TIERCEL_DRIVER=bpf", disk: true, asked: true, mib: 3072, time: time.Hour},
}

// fromBTF is the legacy probe where there are no headers.
const fromBTF = "bpf-btf"

func (k *kind) carriesDriver(name string) bool { return slices.Contains(k.carries, name) }

// cellTime bounds a machine's life: a cell takes a minute or two, and ten on a
// host with more work than processors. Emulation of another architecture has no
// part of the host's own code to lean on.
func (k *kind) cellTime(arch *machine.Arch) time.Duration {
	limit := 15 * time.Minute
	if k.time != 0 {
		limit = k.time
	}
	if arch != machine.AMD64 {
		limit += limit / 2
	}
	return limit
}

// kindsNamed picks kinds by name or group; none given means all that need not be
// asked for.
func kindsNamed(names []string) ([]*kind, error) {
	var out []*kind
	if len(names) == 0 {
		for i := range kinds {
			if !kinds[i].asked {
				out = append(out, &kinds[i])
			}
		}
		return out, nil
	}
	for _, n := range names {
		found := false
		for i := range kinds {
			if kinds[i].name == n || kinds[i].group == n {
				out, found = append(out, &kinds[i]), true
			}
		}
		if !found {
			var known []string
			for _, k := range kinds {
				known = append(known, k.name)
			}
			return nil, fmt.Errorf("driver %q: there are %s", n, strings.Join(known, ", "))
		}
	}
	return out, nil
}
