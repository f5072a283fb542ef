// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/scap"
)

// Group is the switch of the configuration that a metric belongs to.
type Group uint8

// Groups.
const (
	Always Group = iota
	Resource
	State
	Kernel
)

// on reports whether the configuration wants the group.
func (g Group) on(c *config.Metrics) bool {
	switch g {
	case Resource:
		return c.Resources
	case State:
		return c.State
	case Kernel:
		return c.Kernel
	}
	return true
}

// Unit says how a value is written.
type Unit uint8

// Units.
const (
	Count   Unit = iota
	Memory       // bytes; in snapshots KiB or MB
	Bytes        // bytes; in snapshots bytes or MB
	Percent      // in Prometheus a ratio
	Rate         // one decimal
	Size         // bytes everywhere
	Seconds
)

// Kind is the type of a metric in Prometheus.
type Kind uint8

// Kinds.
const (
	Counter Kind = iota
	Gauge
)

// Metric is one number with its names.
type Metric struct {
	// Field is the name in snapshots, without the unit of memory; "": not
	// there. Fields of our own begin with tiercel.
	Field string
	// Prom is the name in Prometheus behind the namespace, unit included; "":
	// not there. Names of our own begin with agent_.
	Prom   string
	Labels [][2]string // of Prometheus, by name
	Group  Group
	Unit   Unit
	Kind   Kind
	Zero   bool // kept in snapshots when it is 0
	Driver bool // only where there is one
	Help   string
	value  func(*reading) float64
	count  func(*reading) uint64
}

// Ours reports whether the reference has no such metric.
func (m *Metric) Ours() bool {
	return strings.HasPrefix(m.Field, "tiercel.") || strings.HasPrefix(m.Prom, "agent_")
}

// reading is all that metrics are computed of.
type reading struct {
	now Sample
	res Resources
	// Of the snapshot before; zero for the first one.
	events, seen, drops uint64
	seconds             float64 // since then; 0: first
}

// rate returns the growth per second since the snapshot before.
func (r *reading) rate(now, before uint64) float64 {
	if r.seconds <= 0 || now < before {
		return 0
	}
	return oneDecimal(float64(now-before) / r.seconds)
}

func (r *reading) dropPercent() float64 {
	seen, drops := r.now.Driver.Seen-r.seen, r.now.Driver.Drops()-r.drops
	if seen == 0 {
		return 0
	}
	return 100 * float64(drops) / float64(seen)
}

// dropClasses are the words of the reference for the classes of drops.
var dropClasses = [scap.NumDropClasses]string{
	scap.DropCloneFork: "clone_fork", scap.DropExecve: "execve", scap.DropConnect: "connect", scap.DropOpen: "open",
	scap.DropDirFile: "dir_file", scap.DropOther: "other_interest", scap.DropClose: "close", scap.DropProcExit: "proc",
}

// Table is every metric whose name is fixed. Those that are made of names (of
// rules, files, calls, outputs, CPUs) are in snapshot.go and collector.go.
var Table = slices.Concat(agentMetrics, resourceMetrics, kernelMetrics, dropClassMetrics(), stateMetrics)

var agentMetrics = []Metric{
	{Field: "falco.outputs_queue_num_drops", Prom: "falco_outputs_queue_num_drops_total", Zero: true,
		Help: "Alerts lost because an output's queue was full.", count: func(r *reading) uint64 { return r.now.QueueDrops }},
	{Field: "falco.num_evts", Prom: "agent_events_total", Zero: true,
		Help: "Events looked at.", count: func(r *reading) uint64 { return r.now.Events }},
	{Field: "falco.num_evts_prev", Zero: true,
		Help: "Events looked at, at the snapshot before.", count: func(r *reading) uint64 { return r.events }},
	{Field: "tiercel.alerts", Prom: "agent_alerts_total",
		Help: "Alerts made by rules.", count: func(r *reading) uint64 { return r.now.Alerts }},
	{Field: "tiercel.alerts_suppressed", Prom: "agent_alerts_suppressed_total",
		Help: "Alerts left out as duplicates.", count: func(r *reading) uint64 { return r.now.Suppressed }},
	{Prom: "agent_rules_finding_seconds_total", Unit: Seconds,
		Help:  "Time to find the rules to ask, which no rule is charged with; sampled and scaled up.",
		value: func(r *reading) float64 { return float64(r.now.FindingNanoseconds) / 1e9 }},
	{Field: "tiercel.alerts_held", Prom: "agent_alerts_held_total",
		Help: "Alerts that waited for the details of a container.", count: func(r *reading) uint64 { return r.now.Containers.Held }},
	{Field: "tiercel.alerts_held_timed_out", Prom: "agent_alerts_held_timed_out_total",
		Help: "Of these, alerts that went out without the details.", count: func(r *reading) uint64 { return r.now.Containers.TimedOut }},
	{Field: "tiercel.reloads", Prom: "agent_reloads_total",
		Help: "Reloads that came into force.", count: func(r *reading) uint64 { return r.now.Reloads }},
	{Field: "tiercel.reload_failures", Prom: "agent_reload_failures_total",
		Help: "Reloads that were refused: what was in force stayed.", count: func(r *reading) uint64 { return r.now.ReloadFailures }},
	{Field: "tiercel.syscalls_selected", Prom: "agent_syscalls_selected", Labels: [][2]string{{"plane", "exit"}}, Kind: Gauge,
		Help: "System calls and tracepoints that are collected.", count: func(r *reading) uint64 { return uint64(r.now.Info.Selected) }},
	{Field: "tiercel.syscalls_selected_enter", Prom: "agent_syscalls_selected", Labels: [][2]string{{"plane", "enter"}}, Kind: Gauge,
		Help: "System calls and tracepoints that are collected.", count: func(r *reading) uint64 { return uint64(r.now.Info.SelectedEnter) }},
	{Field: "tiercel.rules_never_fire", Prom: "agent_rules_never_fire", Kind: Gauge,
		Help:  "Rules that can never fire, because none of the system calls that they need is collected.",
		count: func(r *reading) uint64 { return uint64(len(r.now.Info.NeverFire)) }},
	{Field: "tiercel.rules_part_blind", Prom: "agent_rules_part_blind", Kind: Gauge,
		Help:  "Rules that see only some of the system calls that they ask for.",
		count: func(r *reading) uint64 { return uint64(len(r.now.Info.PartBlind)) }},
	{Field: "tiercel.containers", Prom: "agent_containers", Kind: Gauge, Group: State,
		Help: "Containers that are known.", count: func(r *reading) uint64 { return r.now.Containers.Known }},
	{Field: "tiercel.container_lookups", Prom: "agent_container_lookups_total", Group: State,
		Help: "Questions to container engines.", count: func(r *reading) uint64 { return r.now.Containers.Lookups }},
	{Field: "tiercel.container_lookup_failures", Prom: "agent_container_lookup_failures_total", Group: State,
		Help: "Questions to container engines without an answer.", count: func(r *reading) uint64 { return r.now.Containers.Failures }},
	{Field: "tiercel.container_lookups_pending", Prom: "agent_container_lookups_pending", Kind: Gauge, Group: State,
		Help: "Questions to container engines under way.", count: func(r *reading) uint64 { return r.now.Containers.Pending }},
	{Field: "tiercel.containers_evicted", Prom: "agent_containers_evicted_total", Group: State,
		Help: "Containers forgotten to make room.", count: func(r *reading) uint64 { return r.now.Containers.Evicted }},
}

var resourceMetrics = []Metric{
	{Field: "falco.cpu_usage_perc", Prom: "falco_cpu_usage_ratio", Group: Resource, Unit: Percent, Kind: Gauge,
		Help: "CPU used by the agent over its life; 1 is one CPU.", value: func(r *reading) float64 { return r.res.CPUPercent }},
	{Field: "falco.memory_rss", Prom: "falco_memory_rss_bytes", Group: Resource, Unit: Memory, Kind: Gauge,
		Help: "Resident memory of the agent.", count: func(r *reading) uint64 { return r.res.RSS }},
	{Field: "falco.memory_vsz", Prom: "falco_memory_vsz_bytes", Group: Resource, Unit: Memory, Kind: Gauge,
		Help: "Address space of the agent.", count: func(r *reading) uint64 { return r.res.VSZ }},
	{Field: "falco.memory_pss", Prom: "falco_memory_pss_bytes", Group: Resource, Unit: Memory, Kind: Gauge,
		Help: "Resident memory of the agent, shared pages by share.", count: func(r *reading) uint64 { return r.res.PSS }},
	{Field: "falco.container_memory_used", Prom: "falco_container_memory_used_bytes", Group: Resource, Unit: Bytes, Kind: Gauge,
		Help: "Memory of the agent's own cgroup.", count: func(r *reading) uint64 { return r.res.ContainerMemory }},
	{Field: "falco.host_cpu_usage_perc", Prom: "falco_host_cpu_usage_ratio", Group: Resource, Unit: Percent, Kind: Gauge,
		Help: "CPU used on the host since boot; 1 is all CPUs.", value: func(r *reading) float64 { return r.res.HostCPUPercent }},
	{Field: "falco.host_memory_used", Prom: "falco_host_memory_used_bytes", Group: Resource, Unit: Memory, Kind: Gauge,
		Help: "Memory in use on the host, without caches and buffers.", count: func(r *reading) uint64 { return r.res.HostMemory }},
	{Field: "falco.host_procs_running", Prom: "falco_host_procs_running_total", Group: Resource, Kind: Gauge,
		Help: "Threads of the host on a CPU or waiting for one.", count: func(r *reading) uint64 { return r.res.HostRunning }},
	{Field: "falco.host_open_fds", Prom: "falco_host_open_fds_total", Group: Resource, Kind: Gauge,
		Help: "Open files of the host.", count: func(r *reading) uint64 { return r.res.HostOpenFDs }},
}

var kernelMetrics = []Metric{
	{Field: "scap.n_evts", Prom: "scap_n_evts_total", Group: Kernel, Zero: true, Driver: true,
		Help: "Events of the kernel that a hook began to make: delivered and lost.", count: func(r *reading) uint64 { return r.now.Driver.Seen }},
	{Field: "scap.n_evts_prev", Group: Kernel, Zero: true, Driver: true,
		Help: "The same at the snapshot before.", count: func(r *reading) uint64 { return r.seen }},
	{Field: "scap.evts_rate_sec", Group: Kernel, Unit: Rate, Zero: true, Driver: true,
		Help: "The same per second since the snapshot before.", value: func(r *reading) float64 { return r.rate(r.now.Driver.Seen, r.seen) }},
	{Field: "scap.n_drops", Prom: "scap_n_drops_total", Group: Kernel, Zero: true, Driver: true,
		Help: "Lost events, whatever the cause.", count: func(r *reading) uint64 { return r.now.Driver.Drops() }},
	{Field: "scap.n_drops_prev", Group: Kernel, Zero: true, Driver: true,
		Help: "The same at the snapshot before.", count: func(r *reading) uint64 { return r.drops }},
	{Field: "scap.evts_drop_rate_sec", Group: Kernel, Unit: Rate, Zero: true, Driver: true,
		Help: "Lost events per second since the snapshot before.", value: func(r *reading) float64 { return r.rate(r.now.Driver.Drops(), r.drops) }},
	{Field: "scap.n_drops_perc", Group: Kernel, Unit: Rate, Zero: true, Driver: true,
		Help: "Lost events in percent of all since the snapshot before.", value: (*reading).dropPercent},
	{Field: "scap.n_drops_buffer_total", Prom: "agent_drops_total", Labels: [][2]string{{"cause", "ring_full"}}, Group: Kernel, Driver: true,
		Help: "Lost events by cause.", count: func(r *reading) uint64 { return r.now.Driver.DropsRing }},
	{Field: "scap.n_drops_scratch_map", Prom: "scap_n_drops_scratch_map_total", Group: Kernel, Driver: true,
		Help: "Events lost because no scratch memory was free, or they did not fit.", count: func(r *reading) uint64 { return r.now.Driver.DropsScratch }},
	{Field: "scap.n_drops_page_faults", Prom: "scap_n_drops_page_faults_total", Group: Kernel, Driver: true,
		Help: "Events lost because memory of the caller was not there.", count: func(r *reading) uint64 { return r.now.Driver.DropsPage }},
	{Field: "scap.n_drops_bug", Prom: "scap_n_drops_bug_total", Group: Kernel, Driver: true,
		Help: "Events lost because the kernel skipped the probe: it already ran on that CPU.", count: func(r *reading) uint64 { return r.now.Driver.DropsRecursion }},
	{Prom: "agent_drops_total", Labels: [][2]string{{"cause", "scratch"}}, Group: Kernel, Driver: true,
		Help: "Lost events by cause.", count: func(r *reading) uint64 { return r.now.Driver.DropsScratch }},
	{Prom: "agent_drops_total", Labels: [][2]string{{"cause", "page"}}, Group: Kernel, Driver: true,
		Help: "Lost events by cause.", count: func(r *reading) uint64 { return r.now.Driver.DropsPage }},
	{Prom: "agent_drops_total", Labels: [][2]string{{"cause", "recursion"}}, Group: Kernel, Driver: true,
		Help: "Lost events by cause.", count: func(r *reading) uint64 { return r.now.Driver.DropsRecursion }},
	{Field: "tiercel.n_delivered", Prom: "agent_events_delivered_total", Group: Kernel, Driver: true,
		Help: "Events that the driver put into a ring. With the lost ones: scap n_evts.", count: func(r *reading) uint64 { return r.now.Driver.Delivered }},
	{Field: "tiercel.n_faults", Prom: "agent_events_faulted_total", Group: Kernel, Driver: true,
		Help: "Delivered events that lack a value, because memory of the caller was not there.", count: func(r *reading) uint64 { return r.now.Driver.Faults }},
	{Field: "tiercel.n_sampled_out", Prom: "agent_events_sampled_out_total", Group: Kernel, Driver: true,
		Help: "Events left out by sampling; they are not part of n_evts.", count: func(r *reading) uint64 { return r.now.Driver.Sampled }},
	{Field: "tiercel.n_truncated", Prom: "agent_events_truncated_total", Group: Kernel, Driver: true,
		Help: "Records of the rings that were no whole event.", count: func(r *reading) uint64 { return r.now.Driver.Truncated }},
	{Field: "tiercel.n_late", Prom: "agent_events_late_total", Group: Kernel, Driver: true,
		Help: "Events that came out of order.", count: func(r *reading) uint64 { return r.now.Driver.Late }},
	{Field: "tiercel.ring_bytes", Prom: "agent_ring_bytes", Group: Kernel, Unit: Size, Kind: Gauge, Driver: true,
		Help: "Size of all rings.", count: func(r *reading) uint64 { return r.now.Driver.RingBytes }},
}

// dropClassMetrics are the drops by class of call. The classes at entry are
// those of old drivers: they are kept in Prometheus and never count.
func dropClassMetrics() []Metric {
	const help = `Lost events by class of call. Those with dir="enter" are kept for old dashboards (deprecated, always 0).`
	var list []Metric
	for class, word := range dropClasses {
		list = append(list, Metric{
			Field: "scap.n_drops_buffer_" + word + "_exit", Prom: "scap_n_drops_buffer_total",
			Labels: [][2]string{{"dir", "exit"}, {"drop", word}}, Group: Kernel, Driver: true, Help: help,
			count: func(r *reading) uint64 { return r.now.Driver.DropsByClass[class] },
		})
		if c := scap.DropClass(class); c != scap.DropClose && c != scap.DropProcExit {
			list = append(list, Metric{
				Prom: "scap_n_drops_buffer_total", Labels: [][2]string{{"dir", "enter"}, {"drop", word}},
				Group: Kernel, Driver: true, Help: help, count: func(*reading) uint64 { return 0 },
			})
		}
	}
	return list
}
