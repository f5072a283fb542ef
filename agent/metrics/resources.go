// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Resources are what the agent and the host use. What could not be read is 0.
type Resources struct {
	CPUPercent      float64 // of one CPU, over the life of the process
	RSS, VSZ, PSS   uint64  // bytes
	ContainerMemory uint64  // bytes of the agent's own cgroup
	HostCPUPercent  float64 // of all CPUs, since boot
	HostMemory      uint64  // bytes, without caches and buffers
	HostRunning     uint64  // threads on a CPU or waiting for one
	HostOpenFDs     uint64
}

// resourceReader reads Resources. The zero value is not usable.
type resourceReader struct {
	own    string // the /proc of this process
	host   string // the /proc of the host
	cgroup string // where the cgroup file systems are mounted
	memory string // overrides the file of ContainerMemory; "": find it
	counts bool   // the kernel counts what programs do, whatever it says (tests)
}

func newResourceReader(o *Options) *resourceReader {
	r := &resourceReader{own: "/proc", host: path.Join("/", o.HostRoot, "proc"), cgroup: "/sys/fs/cgroup", counts: o.statsOn}
	if o.Env != nil {
		r.memory, _ = o.Env("FALCO_CGROUP_MEM_PATH")
	}
	return r
}

// read reads everything. The error names what is missing; the rest is right.
func (r *resourceReader) read() (Resources, error) {
	var res Resources
	err := errors.Join(r.readSelf(&res), r.readHost(&res))
	res.ContainerMemory = r.containerMemory()
	return res, err
}

const userHZ = 100 // ticks per second in /proc, whatever the kernel's own rate

func (r *resourceReader) readSelf(res *Resources) error {
	fs, err := procfs.NewFS(r.own)
	if err != nil {
		return fmt.Errorf("read own resources: %w", err)
	}
	self, err := fs.Self()
	if err != nil {
		return fmt.Errorf("read own resources: %w", err)
	}
	st, err := self.Stat()
	if err != nil {
		return fmt.Errorf("read own resources: %w", err)
	}
	res.VSZ, res.RSS = uint64(st.VirtualMemory()), uint64(max(st.ResidentMemory(), 0))
	if life := sinceBoot() - float64(st.Starttime)/userHZ; life > 0 {
		res.CPUPercent = oneDecimal(100 * st.CPUTime() / life)
	}
	rollup, err := self.ProcSMapsRollup()
	if err != nil {
		return fmt.Errorf("read own memory: %w", err)
	}
	res.PSS = rollup.Pss
	return nil
}

func (r *resourceReader) readHost(res *Resources) error {
	fs, err := procfs.NewFS(r.host)
	if err != nil {
		return fmt.Errorf("read resources of the host: %w", err)
	}
	var errs []error
	if st, err := fs.Stat(); err != nil {
		errs = append(errs, err)
	} else {
		c := &st.CPUTotal
		idle := c.Idle + c.Iowait
		// Time of guests is part of user and nice already.
		if all := idle + c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal; all > 0 {
			res.HostCPUPercent = oneDecimal(100 * (all - idle) / all)
		}
		res.HostRunning = st.ProcessesRunning
	}
	if m, err := fs.Meminfo(); err != nil {
		errs = append(errs, err)
	} else {
		res.HostMemory = usedMemory(m.MemTotalBytes, m.MemFreeBytes, m.BuffersBytes, m.CachedBytes)
	}
	text, err := os.ReadFile(path.Join(r.host, "sys/fs/file-nr"))
	if err == nil {
		res.HostOpenFDs, err = parseFileNr(string(text))
	}
	return errors.Join(append(errs, err)...)
}

func usedMemory(total *uint64, free ...*uint64) uint64 {
	if total == nil {
		return 0
	}
	used := *total
	for _, f := range free {
		if f != nil {
			used -= min(used, *f)
		}
	}
	return used
}

// parseFileNr reads /proc/sys/fs/file-nr (proc_sys_fs(5)): allocated, free and
// the most that there may be.
func parseFileNr(text string) (uint64, error) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return 0, fmt.Errorf("file-nr has %d numbers, not 3", len(f))
	}
	n, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("file-nr: %w", err)
	}
	return n, nil
}

// containerMemory reads what the agent's own cgroup uses: memory.current of
// version 2, or the memory controller of version 1. Inside of a container whose
// cgroup namespace is its own, the path in /proc/self/cgroup may not be there:
// then the root of the mount is the container's.
func (r *resourceReader) containerMemory() uint64 {
	if r.memory != "" {
		return readNumber(r.memory)
	}
	text, err := os.ReadFile(path.Join(r.own, "self/cgroup"))
	if err != nil {
		return 0
	}
	for _, file := range memoryFiles(string(text)) {
		if n := readNumber(path.Join(r.cgroup, file)); n > 0 {
			return n
		}
	}
	return 0
}

// memoryFiles returns where the memory of a process with this /proc/PID/cgroup
// may be told, the likeliest first (cgroups(7)).
func memoryFiles(text string) []string {
	var v1, v2 []string
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, dir, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		dir = path.Clean("/" + dir) // never above the mount
		if controllers == "" {
			v2 = append(v2, path.Join(dir, "memory.current"), "/memory.current")
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if c == "memory" {
				v1 = append(v1, path.Join("/memory", dir, "memory.usage_in_bytes"), "/memory/memory.usage_in_bytes")
			}
		}
	}
	return append(v1, v2...)
}

func readNumber(file string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// programStats reports whether the kernel counts what BPF programs do
// (kernel.bpf_stats_enabled): otherwise all such numbers are 0.
func (r *resourceReader) programStats() bool {
	return r.counts || readNumber(path.Join(r.own, "sys/kernel/bpf_stats_enabled")) == 1
}

// sinceBoot returns the seconds since boot, those asleep included.
func sinceBoot() float64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return float64(ts.Sec) + float64(ts.Nsec)/1e9
}

func oneDecimal(v float64) float64 { return math.Round(v*10) / 10 }
