// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// bpfFeatures answers whether the kernel takes something. The answers are the
// kernel's errors.
type bpfFeatures interface {
	types() (bytes int64, err error)
	mapType(ebpf.MapType) error
	programType(ebpf.ProgramType) error
	// program loads, without attaching it, a program that does nothing.
	program(t ebpf.ProgramType, attach ebpf.AttachType, to string) error
}

// kernelBPF asks the running kernel.
type kernelBPF struct{ cache *btf.Cache }

func newKernelBPF() *kernelBPF {
	// Before Linux 5.11 what other processes of root have locked counts against
	// our limit: with an agent running, nothing could be tried.
	_ = rlimit.RemoveMemlock()
	return &kernelBPF{btf.NewCache()}
}

const kernelTypes = "/sys/kernel/btf/vmlinux"

func (k *kernelBPF) types() (int64, error) {
	var st unix.Stat_t
	if err := unix.Stat(kernelTypes, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", kernelTypes, err)
	}
	_, err := k.cache.Kernel()
	return st.Size, err
}

func (k *kernelBPF) mapType(t ebpf.MapType) error         { return features.HaveMapType(t) }
func (k *kernelBPF) programType(t ebpf.ProgramType) error { return features.HaveProgramType(t) }

func (k *kernelBPF) program(t ebpf.ProgramType, attach ebpf.AttachType, to string) error {
	coll, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"tcl_doctor": {
			Type: t, AttachType: attach, AttachTo: to,
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
			License:      "Dual MIT/GPL",
		},
	}}, ebpf.CollectionOptions{Cache: k.cache})
	if err != nil {
		return err
	}
	coll.Close()
	return nil
}

// bpfCheck is one thing to try.
type bpfCheck struct {
	name   string
	since  string // first kernel release, and its option
	use    string // what Tiercel has of it
	advice string
	ask    func(bpfFeatures) error
}

const (
	otherDriver = "use a newer kernel, or another driver"
	loadsOnly   = " (loads; attaching, which some kernels refuse, is not tried)"
	needsRoot   = "run as root, or with CAP_BPF and CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN)"
)

func traced(attach ebpf.AttachType, to string) func(bpfFeatures) error {
	return func(k bpfFeatures) error { return k.program(ebpf.Tracing, attach, to) }
}

// bpfChecks are what modern_bpf must have, then what makes it better, then
// what the legacy probe is made of.
var bpfChecks = []bpfCheck{
	{findRing, "5.8", "events come through it", otherDriver,
		func(k bpfFeatures) error { return k.mapType(ebpf.RingBuf) }},
	{findSysExit, "5.5", "the end of every call", otherDriver, traced(ebpf.AttachTraceRawTp, "sys_exit")},
	{"tracepoint sys_enter", "5.5", "the beginning of a call, for rules that ask for it", "", traced(ebpf.AttachTraceRawTp, "sys_enter")},
	{findExit, "5.5", "the end of a process", otherDriver, traced(ebpf.AttachTraceRawTp, "sched_process_exit")},
	{findExec, "5.5", "a program that starts", otherDriver, traced(ebpf.AttachTraceRawTp, "sched_process_exec")},
	{findFork, "5.5", "a process that is made", otherDriver, traced(ebpf.AttachTraceRawTp, "sched_process_fork")},
	{"tracepoint sched_switch", "5.5", "switch events", "", traced(ebpf.AttachTraceRawTp, "sched_switch")},
	{"tracepoint signal_deliver", "5.5", "signaldeliver events", "", traced(ebpf.AttachTraceRawTp, "signal_deliver")},
	{"fentry", "5.5", "hooks on single calls, free for all others" + loadsOnly, "", traced(ebpf.AttachTraceFEntry, "do_sys_openat2")},
	{"fexit", "5.5", "hooks on single calls, free for all others" + loadsOnly, "", traced(ebpf.AttachTraceFExit, "do_sys_openat2")},
	{"iterators", "5.8", "a faster first look at what runs already" + loadsOnly, "", traced(ebpf.AttachTraceIter, "task_file")},
	{findRawTP, "4.17", "the legacy probe hangs on them", "",
		func(k bpfFeatures) error { return k.programType(ebpf.RawTracepoint) }},
	{findPerf, "4.3", "events of the legacy probe come through them", "",
		func(k bpfFeatures) error { return k.mapType(ebpf.PerfEventArray) }},
}

// askBPF tries everything that has to do with eBPF.
func askBPF(h *host, k bpfFeatures, privileged bool) []Finding {
	out := []Finding{typesFinding(k)}
	haveTypes := out[0].Status == OK
	for _, c := range bpfChecks {
		out = append(out, c.finding(c.ask(k), privileged, haveTypes))
	}
	return append(out, lsmFinding(h, k, privileged, haveTypes))
}

// typesFinding checks that the kernel tells its own types. Everybody may read
// them.
func typesFinding(k bpfFeatures) Finding {
	f := Finding{Name: findBTF, Status: OK}
	size, err := k.types()
	switch {
	case err == nil:
		f.Detail = fmt.Sprintf("%s, %d KiB of types", kernelTypes, size/1024)
	case errors.Is(err, fs.ErrPermission):
		f.Status, f.Detail, f.Advice = Unknown, err.Error(), needsRoot
	default:
		f.Status, f.Detail = Missing, err.Error()
		f.Advice = "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's is), or another driver"
	}
	return f
}

// finding turns the kernel's answer into ours.
func (c *bpfCheck) finding(err error, privileged, haveTypes bool) Finding {
	f := Finding{Name: c.name}
	switch {
	case err == nil:
		f.Status, f.Detail = OK, c.use
	case refused(err) && !privileged:
		f.Status, f.Detail, f.Advice = Unknown, "needs root to be tried", needsRoot
	case refused(err):
		f.Status, f.Advice = Missing, c.advice
		f.Detail = "refused although we have the capabilities (lockdown, a security module or a container)"
	default:
		f.Status, f.Advice = Missing, c.advice
		f.Detail = fmt.Sprintf("not in this kernel; Linux has it since %s", c.since)
		if !haveTypes && !errors.Is(err, ebpf.ErrNotSupported) {
			f.Detail = "cannot be used without BTF"
		}
	}
	if f.Status == Missing && f.Advice == "" {
		f.Detail += "; not needed: " + strings.TrimSuffix(c.use, loadsOnly)
	}
	return f
}

// lsmFinding is about programs on LSM hooks: being able to load one is not
// enough, the kernel must have been started with that module on.
func lsmFinding(h *host, k bpfFeatures, privileged, haveTypes bool) Finding {
	c := bpfCheck{name: "BPF LSM", since: "5.7", use: "decisions at the kernel's own checkpoints"}
	f := c.finding(k.program(ebpf.LSM, ebpf.AttachLSMMac, "file_open"), privileged, haveTypes)
	if f.Status != OK {
		return f
	}
	switch on, known := h.lsmActive("bpf"); {
	case !known:
		f.Status, f.Detail = Unknown, "programs load, but the list of active security modules cannot be read"
		f.Advice = "mount securityfs on /sys/kernel/security"
	case !on:
		f.Status, f.Detail = Missing, "programs load, but the module bpf is not active; not needed: "+c.use
	}
	return f
}

func refused(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}
