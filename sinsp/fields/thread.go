// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"math"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func resourceFields() []*Field {
	return []*Field{
		text("thread.cap_permitted", ofCaps(func(t *state.Thread) uint64 { return t.CapPermitted }), "Capabilities that the thread may use, by name."),
		text("thread.cap_inheritable", ofCaps(func(t *state.Thread) uint64 { return t.CapInheritable }), "Capabilities that the thread may hand on, by name."),
		text("thread.cap_effective", ofCaps(func(t *state.Thread) uint64 { return t.CapEffective }), "Capabilities that the thread uses, by name."),
		count("proc.fdopencount", ofThreadNum(fdCount), "Number of open descriptors that are known."),
		field("proc.fdlimit", scap.PTInt64, scap.PFDec, ofThreadInt(func(t *state.Thread) int64 { return t.FDLimit }), "How many descriptors the process may open (soft limit)."),
		field("proc.fdusage", scap.PTDouble, scap.PFNA, procFDUsage, "proc.fdopencount as a percentage of proc.fdlimit."),
		count("proc.vmsize", ofMainNum(vmSize), "Virtual memory of the process in kB."),
		count("proc.vmrss", ofMainNum(vmRSS), "Memory of the process that is in RAM, in kB."),
		count("proc.vmswap", ofMainNum(func(t *state.Thread) uint64 { return uint64(t.VMSwap) }), "Memory of the process that is swapped out, in kB."),
		count("thread.pfmajor", ofThreadNum(func(t *state.Thread) uint64 { return t.PfMajor }), "Page faults of the thread that needed the disk."),
		count("thread.pfminor", ofThreadNum(func(t *state.Thread) uint64 { return t.PfMinor }), "Page faults of the thread that did not need the disk."),
	}
}

func vmSize(t *state.Thread) uint64  { return uint64(t.VMSize) }
func vmRSS(t *state.Thread) uint64   { return uint64(t.VMRSS) }
func fdCount(t *state.Thread) uint64 { return uint64(t.FDs().Len()) }

func ofCaps(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Thread == nil {
			return false
		}
		from := len(ev.Arena)
		ev.Arena = appendCaps(ev.Arena, get(ev.Thread))
		return out.setArena(ev, from)
	}
}

// ofMainNum asks the main thread, which alone keeps what belongs to the
// process.
func ofMainNum(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Thread == nil {
			return false
		}
		m := ev.Thread.Main()
		return m != nil && out.setUint(get(m))
	}
}

func procFDUsage(ev *state.Event, _ *Arg, out *Value) bool {
	t := ev.Thread
	if t == nil || t.FDLimit <= 0 {
		return false
	}
	return out.setUint(math.Float64bits(float64(t.FDs().Len()) * 100 / float64(t.FDLimit)))
}

func threadFields() []*Field {
	return []*Field{
		id("thread.tid", threadTID, "Id of the thread that made the event."),
		boolean("thread.ismain", ofThreadBool((*state.Thread).IsMain), "Whether that thread is the main one of its process."),
		id("thread.vtid", ofThreadInt(func(t *state.Thread) int64 { return t.VTID }), "Thread id as the thread itself sees it, inside its pid namespace."),
		boolean("thread.uncertain", ofThreadBool((*state.Thread).Uncertain), "Whether events that changed the thread may have been lost, or little could be learnt of it: what is known of it may be old.").own(),
		text("thread.nametid", threadNameTID, "Name and id of the thread in one word.").hidden(),
		reltime("thread.exectime", atSwitch(func(t *state.Thread) uint64 { return t.ExecTime }), "CPU time of the last time slice; only of events that switch threads."),
		reltime("thread.totexectime", atSwitch(func(t *state.Thread) uint64 { return t.TotExecTime }), "CPU time of the thread so far; only of events that switch threads."),
		text("thread.cgroups", threadCgroups, "All control groups of the thread as subsystem=path words."),
		text("thread.cgroup", threadCgroup, "Control group of one subsystem (thread.cgroup.cpuset).").dot().key().required(),
		count("proc.nthreads", procThreads(0), "Number of live threads of the process."),
		count("proc.nchilds", procThreads(1), "Number of live threads of the process besides the main one."),
		field("thread.cpu", scap.PTDouble, scap.PFNA, atProcinfo(func(t *state.Thread) float64 { return min(100, t.CPUUser+t.CPUSystem) }), "Percentage of a CPU that the thread used in the last second; only of process notices, which other tools write into captures."),
		field("thread.cpu.user", scap.PTDouble, scap.PFNA, atProcinfo(func(t *state.Thread) float64 { return t.CPUUser }), "The part of thread.cpu that was spent in the program."),
		field("thread.cpu.system", scap.PTDouble, scap.PFNA, atProcinfo(func(t *state.Thread) float64 { return t.CPUSystem }), "The part of thread.cpu that was spent in the kernel."),
		count("thread.vmsize", ofThreadNum(mainOnly(vmSize, 1)), "Virtual memory in kB; 0 for all but the main thread."),
		count("thread.vmrss", ofThreadNum(mainOnly(vmRSS, 1)), "Memory in RAM in kB; 0 for all but the main thread."),
		count("thread.vmsize.b", ofThreadNum(mainOnly(vmSize, 1024)), "thread.vmsize in bytes.").hidden(),
		count("thread.vmrss.b", ofThreadNum(mainOnly(vmRSS, 1024)), "thread.vmrss in bytes.").hidden(),
		text("proc.stdin.type", stdType(0), "fd.type of the standard input."),
		text("proc.stdout.type", stdType(1), "fd.type of the standard output."),
		text("proc.stderr.type", stdType(2), "fd.type of the standard error output."),
		text("proc.stdin.name", stdName(0), "fd.name of the standard input."),
		text("proc.stdout.name", stdName(1), "fd.name of the standard output."),
		text("proc.stderr.name", stdName(2), "fd.name of the standard error output."),
	}
}

// atSwitch asks the thread that a switch has just stopped.
func atSwitch(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		t := ev.Type()
		return (t == scap.EvSchedswitchV6E || t == scap.EvSchedswitchV1E) && ev.Thread != nil && out.setUint(get(ev.Thread))
	}
}

// atProcinfo asks the thread that a notice about the use of a CPU is for.
func atProcinfo(get func(*state.Thread) float64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		return ev.Type() == scap.EvProcinfoE && ev.Thread != nil && out.setUint(math.Float64bits(get(ev.Thread)))
	}
}

func threadNameTID(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	from := len(ev.Arena)
	ev.Arena = append(ev.Arena, ev.Thread.Comm...)
	ev.Arena = appendInt(ev.Arena, ev.Thread.TID)
	return out.setArena(ev, from)
}

func threadCgroups(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	from := len(ev.Arena)
	ev.Arena = appendWords(ev.Arena, ev.Thread.Cgroups)
	return out.setArena(ev, from)
}

func appendWords(dst []byte, words []string) []byte {
	for i, w := range words {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, w...)
	}
	return dst
}

func threadCgroup(ev *state.Event, arg *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	for _, c := range ev.Thread.Cgroups {
		if len(c) > len(arg.Text) && c[len(arg.Text)] == '=' && strings.HasPrefix(c, arg.Text) {
			return out.setText(c[len(arg.Text)+1:])
		}
	}
	return out.setText("/")
}

func procThreads(less uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Thread == nil || ev.Thread.Group() == nil {
			return false
		}
		n := uint64(ev.Thread.Group().Alive)
		return out.setUint(n - min(n, less))
	}
}

func mainOnly(get func(*state.Thread) uint64, unit uint64) func(*state.Thread) uint64 {
	return func(t *state.Thread) uint64 {
		if !t.IsMain() {
			return 0
		}
		return get(t) * unit
	}
}

func stdFD(ev *state.Event, n int64) *state.FD {
	if ev.Thread == nil {
		return nil
	}
	return ev.Thread.FDs().Get(n)
}

func stdType(n int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		fd := stdFD(ev, n)
		if fd == nil {
			return false
		}
		return out.setText(typeWord(fd.Type))
	}
}

func stdName(n int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		fd := stdFD(ev, n)
		return fd != nil && out.setText(fd.Name)
	}
}

// threadTID is known even where nothing else is known of the thread.
func threadTID(ev *state.Event, _ *Arg, out *Value) bool {
	tid := ev.TID()
	if ev.Thread != nil {
		tid = ev.Thread.TID
	}
	out.setInt(tid)
	return tid >= 0
}
