// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
)

// Status is the answer of a check.
type Status string

// Answers of a check.
const (
	OK      Status = "ok"
	Missing Status = "missing"
	Unknown Status = "unknown" // could not be asked, mostly for lack of privilege
)

// Finding is what one check found out about this kernel or this process.
type Finding struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"` // what to do; empty where nothing need be done
}

// Verdict says whether one driver can run here.
type Verdict struct {
	Driver string `json:"driver"`
	Status Status `json:"status"`
	Reason string `json:"reason"`
	Advice string `json:"advice,omitempty"`
}

// Diagnosis is everything that the doctor found.
type Diagnosis struct {
	Findings []Finding `json:"findings"`
	Drivers  []Verdict `json:"drivers"`
	// Chosen is the driver that auto would take, empty when none can run (or
	// when that cannot be told; see Why).
	Chosen string `json:"chosen"`
	Why    string `json:"why"`
}

// Names of the findings that verdicts are made of.
const (
	findBTF     = "BTF"
	findRing    = "ring buffer"
	findSysExit = "tracepoint sys_exit"
	findExit    = "tracepoint sched_process_exit"
	findExec    = "tracepoint sched_process_exec"
	findFork    = "tracepoint sched_process_fork"
	findRawTP   = "raw tracepoints"
	findPerf    = "perf event arrays"
	findModules = "loadable modules"
	findLocked  = "lockdown"
	findSigned  = "module signatures"
	findHeaders = "kernel headers"
	findCaps    = "capabilities"
	findCapMod  = "CAP_SYS_MODULE"
	findTools   = "module compiler"
	findModule  = "kernel module"
	findClang   = "probe compiler"
	findProbe   = "legacy probe"
)

// requirement is what a driver cannot do without.
var requirement = map[string][]string{
	ModernBPF: {findBTF, findRing, findSysExit, findExit, findExec, findFork, findLocked},
	BPF:       {findRawTP, findPerf, findLocked, findProbe},
	Kmod:      {findModule},
}

// loading and building are what the module needs while it is not loaded, or
// not even there.
var (
	loading  = []string{findModules, findSigned, findCapMod}
	building = []string{findHeaders, findTools}
)

// Doctor says what this kernel offers, what this process may use of it, and
// which driver auto would choose. It changes nothing on the host: what it
// loads to try a feature is never attached and is gone at once. Without
// privilege it says what it cannot tell.
func Doctor() *Diagnosis { return diagnose(thisHost(), newKernelBPF(), try) }

// diagnose asks the host's files, then the kernel, then tries to open what
// seems possible.
func diagnose(h *host, k bpfFeatures, try func(kind string) error) *Diagnosis {
	d := &Diagnosis{Findings: slices.Concat(h.system(), askBPF(h, k, h.mayUseBPF()), h.modules(), h.process())}
	for _, kind := range []string{ModernBPF, BPF, Kmod} {
		d.Drivers = append(d.Drivers, d.verdict(kind, try))
	}
	d.choose()
	return d
}

// tried are the calls whose programs try loads: the most demanding ones.
var tried = scap.NewSyscallSet(scap.SCExecve, scap.SCClone, scap.SCOpenat, scap.SCConnect, scap.SCSchedProcessExit)

// try opens a driver, loads some programs and closes it again, without
// starting it.
func try(kind string) (err error) {
	d, err := Open(kind, Options{RingBytes: 1 << 20})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	applied, err := d.SetInterestingSyscalls(scap.Selection{Exit: tried})
	for _, g := range applied.Degraded {
		err = errors.Join(err, fmt.Errorf("%s: %w", scap.Syscalls[g.Syscall].Name, g.Reason))
	}
	return err
}

// verdict judges one driver. Where nothing speaks against it, it is tried:
// that is the only proof.
func (d *Diagnosis) verdict(kind string, try func(string) error) Verdict {
	v := Verdict{Driver: kind, Status: OK}
	var lacking, unknown []string
	for _, name := range requirement[kind] {
		switch f := d.Finding(name); {
		case f == nil || f.Status == Unknown && f.Advice == needsRoot:
			unknown = append(unknown, name)
		case f.Status == Missing:
			lacking = append(lacking, name)
			if v.Advice == "" {
				v.Advice = f.Advice
			}
		}
	}
	switch {
	case slices.Equal(lacking, []string{findModule}):
		v.Status = Missing
		v.Reason, v.Advice = d.unloaded()
	case slices.Equal(lacking, []string{findProbe}):
		v.Status = Missing
		v.Reason, v.Advice = d.unbuilt()
	case len(lacking) > 0:
		v.Status, v.Reason = Missing, "the host lacks "+strings.Join(lacking, ", ")
	case len(unknown) > 0:
		v.Status, v.Advice = Unknown, needsRoot
		v.Reason = "cannot be told without more privilege: " + strings.Join(unknown, ", ")
	default:
		v.Reason = "opens and loads its programs"
		if err := try(kind); err != nil {
			v.Status, v.Reason = Missing, "has what it needs, but fails: "+err.Error()
		}
	}
	return v
}

// lacking returns those of the findings that are missing, and what to do about
// the first.
func (d *Diagnosis) lacking(names []string) (missing []string, advice string) {
	for _, n := range names {
		if f := d.Finding(n); f != nil && f.Status == Missing {
			missing = append(missing, n)
			if advice == "" {
				advice = f.Advice
			}
		}
	}
	return missing, advice
}

// unbuilt says what can be done about a probe that is not there.
func (d *Diagnosis) unbuilt() (reason, advice string) {
	needs := []string{findClang}
	if f := d.Finding(findBTF); f == nil || f.Status != OK { // else the types come from there
		needs = append(needs, findHeaders)
	}
	if names, advice := d.lacking(needs); len(names) > 0 {
		return "the probe is not built, and cannot be built here: the host lacks " + strings.Join(names, ", "), advice
	}
	return "the probe is not built; it can be built here", "tiercel driver build bpf"
}

// unloaded says what can be done about a module that is not loaded.
func (d *Diagnosis) unloaded() (reason, advice string) {
	if names, advice := d.lacking(loading); len(names) > 0 {
		return "the module is not loaded and would be refused: " + strings.Join(names, ", "), advice
	}
	if f := d.Finding(findModule); f != nil && strings.Contains(f.Detail, builtFor) {
		return "the module is built but not loaded", "tiercel driver load kmod"
	}
	if names, advice := d.lacking(building); len(names) > 0 {
		return "the module is neither loaded nor built, and cannot be built here: the host lacks " + strings.Join(names, ", "), advice
	}
	return "the module is neither loaded nor built; it can be built here", "tiercel driver build kmod, then tiercel driver load kmod"
}

// choose picks the driver that auto takes: the first of its order that runs.
func (d *Diagnosis) choose() {
	for _, kind := range autoOrder {
		v := d.Driver(kind)
		if v == nil {
			continue
		}
		switch v.Status {
		case OK:
			d.Chosen = kind
			d.Why = fmt.Sprintf("the first that runs here of those that it tries (%s)", strings.Join(autoOrder, ", "))
			return
		case Unknown:
			d.Why = fmt.Sprintf("it would try %s first, of which nothing can be said without root", kind)
			return
		}
	}
	d.Why = "none of those that it tries runs here: " + strings.Join(autoOrder, ", ")
}

// Finding returns the finding of that name, or nil.
func (d *Diagnosis) Finding(name string) *Finding {
	i := slices.IndexFunc(d.Findings, func(f Finding) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Findings[i]
}

// Driver returns the verdict on a driver, or nil.
func (d *Diagnosis) Driver(kind string) *Verdict {
	i := slices.IndexFunc(d.Drivers, func(v Verdict) bool { return v.Driver == kind })
	if i < 0 {
		return nil
	}
	return &d.Drivers[i]
}

// ModuleObstacles returns what keeps this kernel from taking a module that is
// built here, and what keeps a module from being built here. It asks no driver
// and changes nothing.
func ModuleObstacles() (refused, unbuildable []Finding) {
	h := thisHost()
	for _, f := range slices.Concat(h.modules(), h.process()) {
		switch {
		case f.Status != Missing:
		case slices.Contains(loading, f.Name):
			refused = append(refused, f)
		case slices.Contains(building, f.Name):
			unbuildable = append(unbuildable, f)
		}
	}
	return refused, unbuildable
}
