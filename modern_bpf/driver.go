// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

// Driver is the modern eBPF probe, or the legacy one, loaded. It implements scap.Driver: Next and
// Release belong to one goroutine, everything else may be called from any.
type Driver struct {
	*ring.Reader
	opts  Options
	ncpu  int
	rings transport

	mu       sync.Mutex // guards all that follows
	closed   bool
	running  bool
	progs    *programs
	shared   *shared
	selected selection
	switched bool // programs may still read the plane that is not active
}

var _ scap.Driver = (*Driver)(nil)

// Open loads the probe. Nothing is collected before SetInterestingSyscalls and
// Start. Its errors say what the kernel or the process lacks: see
// NotSupportedError and PermissionError.
func Open(opts Options) (*Driver, error) {
	opts, err := opts.withDefaults()
	if err == nil {
		var d *Driver
		if d, err = open(opts); err == nil {
			return d, nil
		}
	}
	return nil, fmt.Errorf("open %s: %w", opts.name(), err)
}

// OpenLegacy loads the legacy probe (package bpf) from its compiled object. It
// has a ring for every CPU, whatever the options say, and needs no BTF.
func OpenLegacy(opts Options, object io.ReaderAt) (*Driver, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(object)
	if err != nil {
		return nil, fmt.Errorf("open bpf: read the object: %w (build it again: tiercel driver build bpf --force)", err)
	}
	opts.legacy = spec
	return Open(opts)
}

// probe returns the object to load and what is known of the kernel's types.
func (o *Options) probe() (*ebpf.CollectionSpec, *btf.Cache, error) {
	kernel := btf.NewCache()
	if o.legacy != nil {
		return o.legacy, kernel, nil
	}
	if _, err := kernel.Kernel(); err != nil {
		return nil, nil, explain(err, "read the kernel's BTF", "BTF type information", "5.4 built with CONFIG_DEBUG_INFO_BTF=y",
			"use a kernel that has it in /sys/kernel/btf/vmlinux")
	}
	spec, err := loadProbe()
	if err != nil {
		return nil, nil, fmt.Errorf("read the embedded object: %w", err)
	}
	return spec, kernel, nil
}

func open(opts Options) (_ *Driver, err error) {
	// Kernels since 5.11 account BPF memory to the cgroup and ignore the limit;
	// where it matters, making the maps fails and tells.
	_ = rlimit.RemoveMemlock()

	spec, kernel, err := opts.probe()
	if err != nil {
		return nil, err
	}
	ncpu, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count the CPUs: %w", err)
	}
	d := &Driver{opts: opts, ncpu: ncpu}
	defer func() {
		if err != nil {
			d.free()
		}
	}()
	if d.rings, err = newTransport(opts, ncpu); err != nil {
		return nil, err
	}
	if d.progs, err = newPrograms(spec, kernel, opts, d.rings); err != nil {
		return nil, err
	}
	if d.shared, err = newShared(d.progs.maps, ncpu); err != nil {
		return nil, err
	}
	offset := ring.BootOffset()
	d.shared.control.BootOffset = int64(offset)
	if !opts.ReportSelf {
		if err := d.progs.learnSelf(d.shared.control); err != nil {
			return nil, err
		}
	}
	d.Reader, err = ring.Open(d.rings.specs(), ring.Config{Clock: ring.BootClock(offset)})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Name returns modern_bpf, or bpf for the legacy probe.
func (d *Driver) Name() string { return d.opts.name() }

var errClosed = errors.New("eBPF driver is closed")

// Start attaches the probe for the current selection.
func (d *Driver) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	if err := d.progs.attach(d.selected.hooks()); err != nil {
		return fmt.Errorf("start %s: %w", d.Name(), err)
	}
	d.running = true
	return nil
}

// Stop detaches the probe: from then on it costs the host nothing. Events that
// are in the rings stay there to be read.
func (d *Driver) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	d.running = false
	return d.progs.attach(hookSet{})
}

// Close detaches and unloads the probe. The events of a batch that is out stay
// valid until its Release.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	err := d.Reader.Close()
	d.free()
	return err
}

func (d *Driver) free() {
	if d.shared != nil {
		d.shared.close()
	}
	if d.progs != nil {
		d.progs.close()
	}
	if d.rings != nil {
		d.rings.close()
	}
}

// Stats adds up the counters of all CPUs. Seen includes what the kernel itself
// skipped because a program was already running on the CPU; that number also
// holds skipped runs for calls that nobody selected, is not known by CPU, and
// stays 0 on kernels before 5.12.
func (d *Driver) Stats(st *scap.Stats) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	perCPU, byCall := st.PerCPU, st.DropsBySyscall
	*st = scap.Stats{PerCPU: perCPU, DropsBySyscall: byCall}
	clear(perCPU)
	for i := range min(len(byCall), callTable) {
		byCall[i] = atomic.LoadUint64(&d.shared.drops[i])
	}
	for i := range d.shared.counts {
		n := d.shared.counts[i].steady()
		c := n.sum(&st.DropsByClass)
		st.Faults += n.Faults
		st.Sampled += n.Sampled
		add(&st.Counters, c)
		if cpu := i / slots; cpu < len(perCPU) {
			add(&perCPU[cpu], c)
		}
	}
	misses, err := d.progs.recursionMisses()
	if err != nil {
		return fmt.Errorf("read recursion misses: %w", err)
	}
	st.Seen += misses
	st.DropsRecursion = misses
	rc := d.Reader.Counters()
	st.Truncated, st.Late = rc.Truncated, rc.Late
	st.RingBytes = d.RingBytes()
	return nil
}

// Programs yields, for each attached program, the tracepoint that it is on, how
// often it ran and for how many nanoseconds, follow-up programs included. The
// kernel counts while kernel.bpf_stats_enabled is 1; otherwise both are 0.
func (d *Driver) Programs(yield func(tracepoint string, runs, ns uint64)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	return d.progs.costs(yield)
}
