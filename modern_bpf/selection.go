// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
)

// selection is what a scap.Selection means for the probe.
type selection struct {
	plane  plane.Plane
	events []scap.EventType // of the exits
	calls  [][]scap.SC      // of each event
	enter  []scap.EventType // exit events of the calls whose entry is wanted
}

func (s *selection) hooks() hookSet {
	var h hookSet
	h[hookSysExit] = !s.plane.Exit.Empty()
	h[hookSysEnter] = !s.plane.Enter.Empty()
	h[hookProcExit] = s.plane.TP&plane.TPExit != 0
	h[hookProcExec] = s.plane.TP&plane.TPExec != 0
	h[hookProcFork] = s.plane.TP&plane.TPFork != 0
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

var (
	execCalls  = scap.NewSyscallSet(scap.SCExecve, scap.SCExecveat)
	cloneCalls = scap.NewSyscallSet(scap.SCClone, scap.SCClone3, scap.SCFork, scap.SCVfork)
	// Calls with a name in the caller's memory that can be held against what the
	// kernel made of it.
	namingCalls = scap.NewSyscallSet(scap.SCOpen, scap.SCOpenat, scap.SCOpenat2, scap.SCCreat, scap.SCChdir, scap.SCConnect)
)

var errNoTracepoint = errors.New("the driver does not have this tracepoint")

// choose works out planes and events of a selection.
func choose(sel scap.Selection, arch scap.Arch, childSide bool) (selection, []scap.Degraded) {
	s := selection{plane: plane.Of(sel, arch, childSide)}
	var degraded []scap.Degraded
	index := make(map[scap.EventType]int)
	for sc := range sel.Exit.All() {
		info := sc.Info()
		if info == nil {
			continue
		}
		if info.Kind == scap.KindTracepoint {
			if plane.Tracepoint(sc) == 0 {
				degraded = append(degraded, scap.Degraded{Syscall: sc, Lack: scap.LackEvent, Reason: errNoTracepoint})
			}
			continue
		}
		if info.Number[arch] < 0 {
			continue // not a call of this architecture
		}
		i, ok := index[info.Exit]
		if !ok {
			i = len(s.events)
			index[info.Exit] = i
			s.events = append(s.events, info.Exit)
			s.calls = append(s.calls, nil)
		}
		s.calls[i] = append(s.calls[i], sc)
	}
	for sc := range sel.Enter.All() {
		info := sc.Info()
		if info == nil || info.Kind == scap.KindTracepoint || info.Number[arch] < 0 {
			continue
		}
		if !slices.Contains(s.enter, info.Exit) {
			s.enter = append(s.enter, info.Exit)
		}
	}
	return s, degraded
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
	next, degraded := choose(sel, plane.HostArch(), d.opts.forceFork || runtime.GOARCH != "amd64")
	more, err := d.progs.prepareFor(&next)
	if err != nil {
		return scap.Applied{}, fmt.Errorf("%s: select system calls: %w", d.Name(), err)
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
// overwritten.
func (d *Driver) quiesce() error {
	if !d.switched || !d.running {
		return nil
	}
	d.switched = false
	if err := d.rings.quiesce(d.progs.maps); err != nil {
		return fmt.Errorf("%s: wait for running programs: %w", d.Name(), err)
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
