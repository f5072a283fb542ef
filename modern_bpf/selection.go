// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/tiercel/tiercel/scap"
)

// selection is what a scap.Selection means for the probe.
type selection struct {
	plane  plane
	events []scap.EventType // of the exits
	calls  [][]scap.SC      // of each event
	enter  []scap.EventType // exit events of the calls whose entry is wanted
}

func (s *selection) hooks() hookSet {
	var h hookSet
	h[hookSysExit] = !s.plane.Exit.empty()
	h[hookSysEnter] = !s.plane.Enter.empty()
	h[hookProcExit] = s.plane.TP&tpExit != 0
	h[hookProcExec] = s.plane.TP&tpExec != 0
	h[hookProcFork] = s.plane.TP&tpFork != 0
	for i := range optionalHooks {
		h[firstOptionalHook+hook(i)] = s.plane.TP&optionalHooks[i].tp != 0
	}
	return h
}

// names says whether a selected call names its object in the caller's memory.
func (s *selection) names() bool {
	return slices.ContainsFunc(s.calls, func(calls []scap.SC) bool {
		return slices.ContainsFunc(calls, namingCalls.Has)
	})
}

func (c *calls) empty() bool { return *c == calls{} }

// add selects the native call nr.
func (c *calls) add(nr int16) { c.Native[nr/64] |= 1 << (nr % 64) }

// addIA32 selects the 32-bit numbers that stand for selected calls. ia32 maps
// 32-bit numbers to native ones; nil where the architecture has none.
func (c *calls) addIA32(ia32 []int16, want scap.SyscallSet) {
	for n, nr := range ia32 {
		if nr >= 0 && c.Native[nr/64]>>(nr%64)&1 != 0 {
			c.IA32[n/64] |= 1 << (n % 64)
		}
	}
	if ia32 != nil && !want.Intersect(socketCalls).IsEmpty() {
		c.IA32[ia32Socketcall/64] |= 1 << (ia32Socketcall % 64)
	}
}

// Numbers of ia32 socketcall(2) and of the calls it stands for.
const ia32Socketcall = 102

var socketCalls = scap.NewSyscallSet(scap.SCSocket, scap.SCBind, scap.SCConnect, scap.SCListen, scap.SCAccept,
	scap.SCGetsockname, scap.SCGetpeername, scap.SCSocketpair, scap.SCSendto, scap.SCRecvfrom, scap.SCShutdown,
	scap.SCSetsockopt, scap.SCGetsockopt, scap.SCSendmsg, scap.SCRecvmsg, scap.SCAccept4, scap.SCRecvmmsg, scap.SCSendmmsg)

var (
	execCalls  = scap.NewSyscallSet(scap.SCExecve, scap.SCExecveat)
	cloneCalls = scap.NewSyscallSet(scap.SCClone, scap.SCClone3, scap.SCFork, scap.SCVfork)
	// Calls with a name in the caller's memory that can be held against what the
	// kernel made of it.
	namingCalls = scap.NewSyscallSet(scap.SCOpen, scap.SCOpenat, scap.SCOpenat2, scap.SCCreat, scap.SCConnect)
)

var errNoTracepoint = errors.New("modern_bpf does not have this tracepoint")

// choose works out planes and events. ia32 maps 32-bit numbers to native ones;
// nil where the architecture has none.
func choose(want scap.SyscallSet, arch scap.Arch, ia32 []int16, childSide bool) (selection, []scap.Degraded) {
	var s selection
	var degraded []scap.Degraded
	index := make(map[scap.EventType]int)
	for sc := range want.All() {
		info := sc.Info()
		if info == nil {
			continue
		}
		if info.Kind == scap.KindTracepoint {
			if tp := tracepoints[sc]; tp != 0 {
				s.plane.TP |= tp
			} else {
				degraded = append(degraded, scap.Degraded{Syscall: sc, Lack: scap.LackEvent, Reason: errNoTracepoint})
			}
			continue
		}
		nr := info.Number[arch]
		if nr < 0 {
			continue // not a call of this architecture
		}
		s.plane.Exit.add(nr)
		i, ok := index[info.Exit]
		if !ok {
			i = len(s.events)
			index[info.Exit] = i
			s.events = append(s.events, info.Exit)
			s.calls = append(s.calls, nil)
		}
		s.calls[i] = append(s.calls[i], sc)
	}
	if !want.Intersect(execCalls).IsEmpty() {
		s.plane.TP |= tpExec
	}
	if childSide && !want.Intersect(cloneCalls).IsEmpty() {
		s.plane.TP |= tpFork
	}
	s.plane.Exit.addIA32(ia32, want)
	return s, degraded
}

// chooseEnter adds the calls whose entry is wanted. Kernel tracepoints have none.
func (s *selection) chooseEnter(want scap.SyscallSet, arch scap.Arch, ia32 []int16) {
	for sc := range want.All() {
		info := sc.Info()
		if info == nil || info.Kind == scap.KindTracepoint {
			continue
		}
		nr := info.Number[arch]
		if nr < 0 {
			continue
		}
		s.plane.Enter.add(nr)
		if !slices.Contains(s.enter, info.Exit) {
			s.enter = append(s.enter, info.Exit)
		}
	}
	s.plane.Enter.addIA32(ia32, want)
}

// SetInterestingSyscalls implements scap.Driver. Programs for calls that are
// new are loaded and in place before the switch; those that the kernel refuses
// are told in Degraded, with what their call then lacks.
// Programs stay loaded when their call is no longer wanted.
func (d *Driver) SetInterestingSyscalls(sel scap.Selection) (scap.Applied, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return scap.Applied{}, errClosed
	}
	next, degraded := choose(sel.Exit, hostArch(), d.progs.ia32Table(), d.opts.forceFork || runtime.GOARCH != "amd64")
	next.chooseEnter(sel.Enter, hostArch(), d.progs.ia32Table())
	more, err := d.progs.prepareFor(&next)
	if err != nil {
		return scap.Applied{}, fmt.Errorf("modern_bpf: select system calls: %w", err)
	}
	if err := d.quiesce(); err != nil {
		return scap.Applied{}, err
	}
	if d.running {
		// New hooks find the old selection in force and stay silent until the switch.
		h := next.hooks()
		old := d.selected.hooks()
		for i := range h {
			h[i] = h[i] || old[i]
		}
		if err := d.progs.attach(h); err != nil {
			return scap.Applied{}, errors.Join(err, d.progs.attach(old))
		}
	}
	d.shared.install(&next.plane)
	d.switched = true
	d.selected = next
	if d.running {
		if err := d.progs.attach(next.hooks()); err != nil {
			return scap.Applied{}, err
		}
	}
	return scap.Applied{Degraded: append(degraded, more...)}, nil
}

// quiesce waits until no program reads the plane that is about to be
// overwritten: the kernel answers an update of a map of maps only when all
// running programs have seen it.
func (d *Driver) quiesce() error {
	if !d.switched || !d.running {
		return nil
	}
	d.switched = false
	if err := d.progs.maps[mapRings].Put(uint32(0), d.rings.maps[d.rings.byCPU[0]]); err != nil {
		return fmt.Errorf("modern_bpf: wait for running programs: %w", err)
	}
	return nil
}

// prepareFor loads what the selection needs. The error is for what cannot be done
// without: the programs on the hooks themselves.
func (p *programs) prepareFor(s *selection) ([]scap.Degraded, error) {
	var names []string
	for h, on := range s.hooks() {
		if on {
			names = append(names, hookPrograms[h].first)
			names = append(names, hookPrograms[h].parts...)
		}
	}
	for i, t := range s.events {
		if name := p.program(t); name != "" {
			names = append(names, name)
			for _, part := range tails(s.calls[i]) {
				names = append(names, tailPrograms[part].name)
			}
		}
	}
	for _, t := range s.enter {
		if name := p.enterProgram(t); name != "" {
			names = append(names, name)
		}
	}
	if s.names() {
		names = append(names, tailPrograms[tailTruth].name)
	}
	if p.dynamic {
		names = append(names, tailPrograms[tailSnaplen].name)
	}
	if err := p.loadAll(names); err != nil {
		return nil, err
	}
	if err := p.enableSnaplen(); err != nil {
		return nil, err
	}
	var degraded []scap.Degraded
	for h, on := range s.hooks() {
		if !on {
			continue
		}
		err := p.prepare(hook(h))
		if err == nil {
			continue
		}
		if hook(h) < firstOptionalHook {
			return nil, err
		}
		o := optionalHooks[hook(h)-firstOptionalHook]
		s.plane.TP &^= o.tp
		degraded = append(degraded, scap.Degraded{Syscall: o.sc, Lack: scap.LackEvent, Reason: err})
	}
	for i, t := range s.events {
		if err := p.enable(t, s.calls[i]); err != nil {
			for _, sc := range s.calls[i] {
				degraded = append(degraded, scap.Degraded{Syscall: sc, Reason: err})
			}
		}
	}
	if s.names() {
		if err := p.enableTruth(); err != nil {
			for _, sc := range slices.Concat(s.calls...) {
				if namingCalls.Has(sc) {
					degraded = append(degraded, scap.Degraded{Syscall: sc, Lack: scap.LackNameCheck, Reason: err})
				}
			}
		}
	}
	for _, t := range s.enter {
		if err := p.enableEnter(t); err != nil {
			for _, sc := range t.Info().Syscalls {
				degraded = append(degraded, scap.Degraded{Syscall: sc, Lack: scap.LackEnterParams, Reason: err})
			}
		}
	}
	return degraded, nil
}

// ia32Table returns the table of 32-bit numbers that the object carries.
func (p *programs) ia32Table() []int16 {
	v := p.spec.Variables["tcl_nr_of_ia32"]
	if v == nil {
		return nil
	}
	t := make([]int16, v.Size()/2)
	if v.Get(t) != nil {
		return nil
	}
	return t
}

func hostArch() scap.Arch {
	if runtime.GOARCH == "arm64" {
		return scap.ARM64
	}
	return scap.AMD64
}
