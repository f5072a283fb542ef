// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wantedCaps are the capabilities that matter, and for what.
var wantedCaps = []struct {
	bit  uint
	name string
	use  string
}{
	{unix.CAP_BPF, "CAP_BPF", "modern_bpf"},
	{unix.CAP_PERFMON, "CAP_PERFMON", "modern_bpf"},
	{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "the first look at other users' processes"},
	{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "modern_bpf before Linux 5.8, namespaces"},
}

// process says what this process may do.
func (h *host) process() []Finding {
	caps, err := h.effectiveCaps()
	out := []Finding{capsFinding(caps, err)}
	mod := Finding{Name: findCapMod, Status: OK, Detail: "may load modules"}
	switch {
	case err != nil:
		mod.Status, mod.Detail = Unknown, err.Error()
	case caps&(1<<unix.CAP_SYS_MODULE) == 0:
		mod.Status, mod.Detail, mod.Advice = Missing, "may not load modules", "run as root, or load the module beforehand"
	}
	return append(out, mod, h.memlock())
}

func capsFinding(caps uint64, err error) Finding {
	f := Finding{Name: findCaps, Status: OK}
	if err != nil {
		f.Status, f.Detail = Unknown, err.Error()
		return f
	}
	var have, lacking []string
	for _, c := range wantedCaps {
		if caps&(1<<c.bit) != 0 {
			have = append(have, c.name)
		} else {
			lacking = append(lacking, c.name+" ("+c.use+")")
		}
	}
	if len(lacking) > 0 {
		f.Status, f.Detail, f.Advice = Missing, "lacks "+strings.Join(lacking, ", "), "run as root, or give it these capabilities"
		// The old one stands for the newer two.
		if caps&(1<<unix.CAP_SYS_ADMIN) != 0 && caps&(1<<unix.CAP_SYS_PTRACE) != 0 {
			f.Status, f.Advice = OK, ""
		}
		return f
	}
	f.Detail = strings.Join(have, ", ")
	return f
}

// effectiveCaps returns the effective capabilities of this process.
func (h *host) effectiveCaps() (uint64, error) {
	text, err := h.read("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(v), 16, 64)
		}
	}
	return 0, fmt.Errorf("/proc/self/status names no capabilities")
}

// mayUseBPF reports whether a refusal by the kernel is not for lack of
// capabilities.
func (h *host) mayUseBPF() bool {
	caps, err := h.effectiveCaps()
	const both = 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON
	return err == nil && (caps&both == both || caps&(1<<unix.CAP_SYS_ADMIN) != 0)
}

// memlock says whether the limit of locked memory bounds the rings.
func (h *host) memlock() Finding {
	f := Finding{Name: "locked memory limit", Status: OK, Detail: "does not matter: BPF memory is accounted to the cgroup since Linux 5.11"}
	major, minor, ok := h.kernelVersion()
	if !ok || major > 5 || major == 5 && minor >= 11 {
		return f
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		f.Status, f.Detail = Unknown, err.Error()
		return f
	}
	f.Detail = "unlimited"
	if l.Cur != unix.RLIM_INFINITY {
		f.Detail = fmt.Sprintf("%d KiB; the agent raises it when it starts, which needs CAP_SYS_RESOURCE", l.Cur/1024)
	}
	return f
}
