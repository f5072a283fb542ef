// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net"
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

var at = time.Unix(1_700_000_000, 123).UTC()

// allOn is a configuration with every switch on.
func allOn() config.Metrics {
	return config.Metrics{
		Enabled: true, Namespace: "tiercel", Rules: true, Resources: true, State: true, Kernel: true, KernelCPU: true,
		BPFStats: true, MemoryMB: true,
	}
}

// sampleOf is an agent that has seen something.
func sampleOf() Sample {
	s := Sample{
		Time: at, Events: 950, Alerts: 7, HasDriver: true, HasState: true, QueueDrops: 0, Reloads: 1,
		Info: &Info{
			Version: "1.2.3", Hostname: "box", Source: "syscall", KernelRelease: "6.1.0", Engine: "modern_bpf",
			Start: at.Add(-100 * time.Second), Boot: at.Add(-time.Hour), Reload: at.Add(-time.Minute), NumCPUs: 2,
			RulesFiles:  []FileSum{SumFile("/etc/tiercel/my-rules.yaml", []byte("x")), SumFile("/other/my-rules.yaml", []byte("x"))},
			ConfigFiles: []FileSum{SumFile("/etc/tiercel/tiercel.yaml", []byte("y"))},
			Rules: []RuleInfo{
				{Name: "Read sensitive file", Priority: 4, Source: "syscall", Tags: []string{"T1555", "fs:read", "container"}},
				{Name: "Never \"matched\"\n", Priority: 5, Source: "syscall"},
				{Name: "Read-sensitive file!", Priority: 4, Source: "syscall"},
			},
			Selected: 70, SelectedEnter: 3, NeverFire: []string{"Write below root"}, PartBlind: []string{"Read sensitive file"},
		},
		Rules: []RuleCount{{Matches: 4, Evaluations: 100, Nanoseconds: 5000}, {Evaluations: 3, Nanoseconds: 30}, {Matches: 3, Evaluations: 50, Nanoseconds: 2000}},
		State: state.Counters{Threads: 120, FDs: 900, ThreadsAdded: 150, ThreadsRefused: 2},
		Outputs: []OutputCount{
			{Name: "stdout", Queued: 1, Capacity: 16384, Written: 7},
			{Name: "http", Queued: 5, Capacity: 16384, Written: 1, Dropped: 2, Failed: 1, Down: true, Spooled: 9, SpoolBytes: 900},
		},
		Containers: ContainerCounts{Known: 3, Lookups: 5, Failures: 1, Held: 2, TimedOut: 1}, FindingNanoseconds: 2_000_000,
	}
	s.Driver.Counters = scap.Counters{Seen: 1000, Delivered: 960, DropsRing: 30, DropsScratch: 7, DropsPage: 2, DropsRecursion: 1}
	s.Driver.PerCPU = []scap.Counters{{Seen: 999, Delivered: 960, DropsRing: 30, DropsScratch: 7, DropsPage: 2}, {}}
	s.Driver.DropsByClass[scap.DropOpen] = 20
	s.Driver.DropsByClass[scap.DropProcExit] = 10
	s.Driver.DropsByClass[scap.DropOther] = 7
	s.Driver.DropsBySyscall = make([]uint64, len(scap.Syscalls))
	s.Driver.DropsBySyscall[scap.SCOpenat] = 20
	s.EventCounts.ByType[scap.EvOpenatV2X] = 800
	s.EventCounts.ByGeneric[scap.SCGetppid] = 5
	return s
}

func programsOf(yield func(string, uint64, uint64)) error {
	yield("sys_exit", 10, 1005)
	return nil
}

// interfacesOf is a host with one card.
func interfacesOf(src *source) {
	src.interfaces = []net.Interface{{Name: "lo", Flags: net.FlagLoopback}, {Name: "eth0"}}
	src.addrs = func(i *net.Interface) ([]net.Addr, error) {
		var out []net.Addr
		for _, a := range []string{"192.0.2.7/24", "2001:db8::7/64", "192.0.2.8/24"} {
			ip, n, _ := net.ParseCIDR(a)
			out = append(out, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return out, nil
	}
}

var resourcesOf = Resources{
	CPUPercent: 1.5, RSS: 30 << 20, VSZ: 1000 << 20, PSS: 29<<20 + 100<<10, ContainerMemory: 31 << 20,
	HostCPUPercent: 12, HostMemory: 2 << 30, HostRunning: 3, HostOpenFDs: 1234,
}
