// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// Names in the object.
const (
	mapControl   = ".data.control"
	mapDrops     = ".data.drops"
	mapCounts    = "tcl_counts"
	mapSlots     = "tcl_slots"
	mapRings     = "tcl_rings"
	mapTailExit  = "tcl_tail_exit"
	mapTailEnter = "tcl_tail_enter"
	mapTailExec  = "tcl_tail_exec"
	mapTailFork  = "tcl_tail_fork"
)

// tailParts is how many entries of the tail table lie behind the event codes:
// the parts that long events share. They mirror TCL_TAIL_* in bpf/maps.h.
const (
	firstTailPart = 512
	tailParts     = 5
	tailSnaplen   = 3
	tailTruth     = 4
)

// tailPrograms are those parts, in the order of the table, and which events
// need them.
var tailPrograms = [tailParts]struct {
	name  string
	needs scap.SyscallSet
}{
	{"tcl_exit_exec_2", execCalls},
	{"tcl_exit_exec_3", execCalls},
	{"tcl_exit_clone_2", cloneCalls},
	tailSnaplen: {"tcl_exit_snaplen", scap.SyscallSet{}}, // with dynamic snaplen, whatever is selected
	tailTruth:   {"tcl_exit_truth", scap.SyscallSet{}},   // with namingCalls, and none of them depends on it
}

// hook is a place in the kernel that a program of ours hangs on.
type hook uint8

const (
	hookSysExit hook = iota
	hookSysEnter
	hookProcExit
	hookProcExec
	hookProcFork
	hookSignal
	hookSwitch
	hookFaultUser
	hookFaultKernel
	numHooks

	firstOptionalHook = hookSignal
)

type hookSet [numHooks]bool

// hookPrograms are the programs of a hook: the one that is attached, then its
// follow-up parts with the table that leads to them.
var hookPrograms = [numHooks]struct {
	tracepoint string
	first      string
	parts      []string
	table      string
}{
	hookSysExit:  {tracepoint: "sys_exit", first: "tcl_sys_exit"},
	hookSysEnter: {tracepoint: "sys_enter", first: "tcl_sys_enter"},
	hookProcExit: {tracepoint: "sched_process_exit", first: "tcl_proc_exit"},
	hookProcExec: {tracepoint: "sched_process_exec", first: "tcl_proc_exec", parts: []string{"tcl_proc_exec_2", "tcl_proc_exec_3"}, table: mapTailExec},
	hookProcFork: {tracepoint: "sched_process_fork", first: "tcl_proc_fork", parts: []string{"tcl_proc_fork_2"}, table: mapTailFork},

	// Those from here on may be missing in a kernel.
	hookSignal:      {tracepoint: "signal_deliver", first: "tcl_signal"},
	hookSwitch:      {tracepoint: "sched_switch", first: "tcl_switch"},
	hookFaultUser:   {tracepoint: "page_fault_user", first: "tcl_fault_user"},
	hookFaultKernel: {tracepoint: "page_fault_kernel", first: "tcl_fault_kernel"},
}

// programs is what is loaded into the kernel. Its owner serialises all calls.
type programs struct {
	spec    *ebpf.CollectionSpec
	without []string
	dynamic bool // dynamic snaplen
	legacy  bool // the legacy probe: raw tracepoints, no types
	kernel  *btf.Cache
	maps    map[string]*ebpf.Map
	ready   map[string]asm.Instructions // relocated, not necessarily loaded

	hooks   [numHooks]*ebpf.Program
	links   [numHooks]link.Link
	loaded  map[string]*ebpf.Program
	refused map[string]error
}

func newPrograms(spec *ebpf.CollectionSpec, kernel *btf.Cache, opts Options, rings transport) (_ *programs, err error) {
	p := &programs{
		spec:    spec,
		without: opts.without,
		dynamic: opts.DynamicSnapLen,
		legacy:  opts.legacy != nil,
		kernel:  kernel,
		ready:   make(map[string]asm.Instructions),
		loaded:  make(map[string]*ebpf.Program),
		refused: make(map[string]error),
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := setConstants(spec, opts); err != nil {
		return nil, err
	}
	for _, name := range []string{mapSlots, mapCounts, mapControl, mapDrops} {
		if spec.Maps[name] == nil {
			return nil, fmt.Errorf("the object has no map %s", name)
		}
	}
	ncpu := uint32(rings.cpus())
	spec.Maps[mapSlots].MaxEntries = ncpu * slots
	spec.Maps[mapCounts].MaxEntries = ncpu * slots
	spec.Maps[mapControl].Flags |= unix.BPF_F_MMAPABLE
	spec.Maps[mapDrops].Flags |= unix.BPF_F_MMAPABLE
	rings.declare(spec.Maps)
	// The library puts the constants in place and freezes them: the verifier
	// knows their values.
	coll, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Maps: spec.Maps, Variables: spec.Variables},
		ebpf.CollectionOptions{Cache: kernel})
	if err != nil {
		return nil, explain(fmt.Errorf("make the maps of the probe: %w", err),
			"make BPF maps", "BPF maps of all kinds that the probe uses", "5.8", "memory may be short: choose smaller rings")
	}
	p.maps = coll.Maps
	if err := rings.connect(p.maps); err != nil {
		return nil, err
	}
	return p, nil
}

func setConstants(spec *ebpf.CollectionSpec, opts Options) error {
	flag := func(on bool) uint32 {
		if on {
			return 1
		}
		return 0
	}
	for name, v := range map[string]any{
		"tcl_drop_failed": flag(opts.DropFailed),
		"tcl_wake_level":  uint32(opts.RingBytes / 4),
		"tcl_snaplen":     uint32(opts.SnapLen),
		"tcl_dynamic":     flag(opts.DynamicSnapLen),
		"tcl_full_first":  opts.FullCapture[0],
		"tcl_full_last":   opts.FullCapture[1],
		"tcl_statsd_port": opts.StatsdPort,
	} {
		vs := spec.Variables[name]
		if vs == nil {
			return fmt.Errorf("the object has no constant %s", name)
		}
		if err := vs.Set(v); err != nil {
			return fmt.Errorf("set constant %s: %w", name, err)
		}
	}
	return nil
}

// load loads one program of the object that relocate has prepared.
func (p *programs) load(name string) (*ebpf.Program, error) {
	if slices.Contains(p.without, name) {
		return nil, errors.New("refused for a test")
	}
	ps := *p.spec.Programs[name]
	ps.Instructions = p.ready[name]
	// A collection of one, because that shares what is known of the kernel's types.
	coll, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Programs:  map[string]*ebpf.ProgramSpec{name: &ps},
		ByteOrder: p.spec.ByteOrder,
	}, ebpf.CollectionOptions{Cache: p.kernel})
	if err != nil {
		var ve *ebpf.VerifierError
		if isPermission(err) && (!errors.As(err, &ve) || len(ve.Log) == 0) {
			return nil, explain(err, "load BPF program "+name, "", "", "")
		}
		return nil, fmt.Errorf("load BPF program %s: %w", name, err)
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

// relocate adapts programs to the running kernel: fields to its offsets, map
// references to our maps. Doing all of them in one go, and keeping only the
// bare instructions, is several times faster than what the library does for
// one program at a time; source lines in the verifier's messages are the price.
func (p *programs) relocate(names []string) error {
	var relos []*btf.CORERelocation
	var sites []*asm.Instruction
	insns := make(map[string]asm.Instructions)
	for _, name := range names {
		ps := p.spec.Programs[name]
		if ps == nil {
			return fmt.Errorf("the object has no program %s", name)
		}
		if p.ready[name] != nil {
			continue
		}
		bare := make(asm.Instructions, len(ps.Instructions))
		for i := range ps.Instructions {
			ins := &ps.Instructions[i]
			out := &bare[i]
			*out = asm.Instruction{OpCode: ins.OpCode, Dst: ins.Dst, Src: ins.Src, Offset: ins.Offset, Constant: ins.Constant}
			if sym := ins.Symbol(); sym != "" {
				*out = out.WithSymbol(sym)
			}
			if ins.IsFunctionReference() {
				*out = out.WithReference(ins.Reference())
			}
			if ins.IsLoadFromMap() && ins.Reference() != "" {
				m := p.maps[ins.Reference()]
				if m == nil {
					return fmt.Errorf("program %s uses the unknown map %s", name, ins.Reference())
				}
				// The upper half is an offset into the map's value.
				out.Constant = out.Constant&^0xffffffff | int64(m.FD())
			}
			if relo := btf.CORERelocationMetadata(ins); relo != nil {
				relos = append(relos, relo)
				sites = append(sites, out)
			}
		}
		insns[name] = bare
	}
	if len(relos) == 0 { // as all of the legacy probe: it was compiled for this kernel
		maps.Copy(p.ready, insns)
		return nil
	}
	kernel, err := p.kernel.Kernel()
	if err != nil {
		return err
	}
	var local btf.Builder
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{kernel}, p.spec.ByteOrder, local.Add)
	if err != nil {
		return fmt.Errorf("relocate to the running kernel: %w", err)
	}
	for i := range fixups {
		if err := fixups[i].Apply(sites[i]); err != nil {
			return fmt.Errorf("relocate to the running kernel: %s: %w", relos[i], err)
		}
		// A relocation that cannot be reached leaves a comment, which would count as
		// source information; the kernel wants that for all of a program or none.
		*sites[i] = sites[i].WithSource(nil)
	}
	maps.Copy(p.ready, insns)
	return nil
}

// loadAll loads the programs that are not there yet, several at a time, and
// remembers those that the kernel refuses.
func (p *programs) loadAll(names []string) error {
	if err := p.relocate(names); err != nil {
		return err
	}
	// What is missing is found out before the first goroutine writes the maps.
	var missing []string
	for _, name := range names {
		if p.loaded[name] == nil && p.refused[name] == nil {
			missing = append(missing, name)
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(max(2, runtime.NumCPU()))
	for _, name := range missing {
		g.Go(func() error {
			prog, err := p.load(name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				p.refused[name] = err
			} else {
				p.loaded[name] = prog
			}
			return nil
		})
	}
	return g.Wait()
}

// program returns the program that builds events of type t, "" for the generic
// event and for types without a filler.
func (p *programs) program(t scap.EventType) string {
	info := t.Info()
	if info == nil || t == scap.EvGenericX {
		return ""
	}
	name := "x_" + info.Enum
	if p.spec.Programs[name] == nil {
		return ""
	}
	return name
}

// enterProgram returns the program for the enter event of calls whose exit
// event is t, "" for the generic event.
func (p *programs) enterProgram(t scap.EventType) string {
	info := t.Info()
	if info == nil || t == scap.EvGenericX {
		return ""
	}
	name := "e_" + strings.TrimSuffix(info.Enum, "_X") + "_E"
	if p.spec.Programs[name] == nil {
		return ""
	}
	return name
}

// tails returns the parts that the calls go on with, as indexes into tailPrograms.
func tails(calls []scap.SC) []int {
	var parts []int
	set := scap.NewSyscallSet(calls...)
	for i := range tailPrograms {
		if !tailPrograms[i].needs.Intersect(set).IsEmpty() {
			parts = append(parts, i)
		}
	}
	return parts
}

// enable puts the loaded programs of t, the event of these calls, into the tail
// table. An error means that t arrives as the generic event.
func (p *programs) enable(t scap.EventType, calls []scap.SC) error {
	name := p.program(t)
	if name == "" {
		return nil
	}
	put := func(index uint32, name string) error {
		if err := p.refused[name]; err != nil {
			return err
		}
		if err := p.maps[mapTailExit].Put(index, p.loaded[name]); err != nil {
			return fmt.Errorf("enter program %s: %w", name, err)
		}
		return nil
	}
	for _, i := range tails(calls) {
		if err := put(firstTailPart+uint32(i), tailPrograms[i].name); err != nil {
			return err
		}
	}
	return put(uint32(t), name)
}

// enableTruth puts the program in place that tells a call for the second time
// where its name and its object disagree. An error means that it is told once,
// as the caller's memory has it.
func (p *programs) enableTruth() error {
	name := tailPrograms[tailTruth].name
	if err := p.refused[name]; err != nil {
		return err
	}
	if err := p.maps[mapTailExit].Put(uint32(firstTailPart+tailTruth), p.loaded[name]); err != nil {
		return fmt.Errorf("enter program %s: %w", name, err)
	}
	return nil
}

// enableEnter puts the loaded enter program of calls with the exit event t into
// the table. An error means that they arrive as the generic enter event.
func (p *programs) enableEnter(t scap.EventType) error {
	name := p.enterProgram(t)
	if name == "" {
		return nil
	}
	if err := p.refused[name]; err != nil {
		return err
	}
	if err := p.maps[mapTailEnter].Put(uint32(t), p.loaded[name]); err != nil {
		return fmt.Errorf("enter program %s: %w", name, err)
	}
	return nil
}

// enableSnaplen puts the program of dynamic snaplen in place.
func (p *programs) enableSnaplen() error {
	if !p.dynamic {
		return nil
	}
	name := tailPrograms[tailSnaplen].name
	if err := p.refused[name]; err != nil {
		return err
	}
	return p.maps[mapTailExit].Put(uint32(firstTailPart+tailSnaplen), p.loaded[name])
}

// prepare loads the programs of a hook and links its parts together.
func (p *programs) prepare(h hook) error {
	if p.hooks[h] != nil {
		return nil
	}
	hp := &hookPrograms[h]
	if err := p.loadAll(append([]string{hp.first}, hp.parts...)); err != nil {
		return err
	}
	for i, name := range hp.parts {
		if err := p.refused[name]; err != nil {
			return err
		}
		if err := p.maps[hp.table].Put(uint32(i), p.loaded[name]); err != nil {
			return fmt.Errorf("enter program %s: %w", name, err)
		}
	}
	if err := p.refused[hp.first]; err != nil {
		return err
	}
	if h >= firstOptionalHook {
		// Whether it can be attached is found out now, when there is someone to tell.
		l, err := p.link(h, p.loaded[hp.first])
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	p.hooks[h] = p.loaded[hp.first]
	return nil
}

// link hangs a program on its tracepoint.
func (p *programs) link(h hook, prog *ebpf.Program) (link.Link, error) {
	name := hookPrograms[h].tracepoint
	if p.legacy {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: prog})
		if err != nil {
			return nil, explain(err, "attach to raw tracepoint "+name, "raw tracepoint "+name, "4.17",
				"the kernel must be built with tracepoints and not be locked down")
		}
		return l, nil
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return nil, explain(err, "attach to tracepoint "+name,
			"BTF tracepoint "+name, "5.5", "the kernel must be built with tracepoints and not be locked down")
	}
	return l, nil
}

// attach makes exactly the hooks of want active.
func (p *programs) attach(want hookSet) error {
	var errs []error
	// The exit of calls comes last: what a process does is not told without its beginning.
	for h := numHooks; h > 0; h-- {
		i := h - 1
		if want[i] == (p.links[i] != nil) {
			continue
		}
		if !want[i] {
			errs = append(errs, p.links[i].Close())
			p.links[i] = nil
			continue
		}
		l, err := p.link(i, p.hooks[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.links[i] = l
	}
	return errors.Join(errs...)
}

// learnSelf lets a program that runs in our own context note our thread group:
// its number in the initial pid namespace, which is not ours in a container.
func (p *programs) learnSelf(c *control) error {
	if err := p.loadAll([]string{"tcl_whoami"}); err != nil {
		return err
	}
	prog := p.loaded["tcl_whoami"]
	if prog == nil {
		return p.refused["tcl_whoami"]
	}
	if _, err := prog.Run(&ebpf.RunOptions{}); err != nil || c.Self == 0 {
		// Kernels before 5.10 cannot run it; then there is no namespace to think of
		// but our own.
		c.Self = uint32(unix.Getpid())
	}
	return nil
}

// recursionMisses adds up the runs that the kernel skipped.
func (p *programs) recursionMisses() (uint64, error) {
	var sum uint64
	for _, prog := range p.hooks {
		if prog == nil {
			continue
		}
		st, err := prog.Stats()
		if err != nil {
			return 0, err
		}
		sum += st.RecursionMisses
	}
	return sum, nil
}

// costs yields what the kernel says of the attached programs.
func (p *programs) costs(yield func(name string, runs, ns uint64)) error {
	for i, prog := range p.hooks {
		if prog == nil || p.links[i] == nil {
			continue
		}
		st, err := prog.Stats()
		if err != nil {
			return err
		}
		yield(hookPrograms[i].tracepoint, st.RunCount, uint64(st.Runtime))
	}
	return nil
}

func (p *programs) close() {
	for i, l := range p.links {
		if l != nil {
			l.Close()
			p.links[i] = nil
		}
	}
	for _, prog := range p.loaded {
		prog.Close()
	}
	for _, m := range p.maps {
		m.Close()
	}
}
