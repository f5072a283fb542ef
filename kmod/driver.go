// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
	"github.com/tiercel/tiercel/scap/ring"
)

// Defaults and limits of Options.
const (
	DefaultRingBytes = 8 << 20
	DefaultSnapLen   = 80
	MaxSnapLen       = 65000
	DefaultStatsd    = 8125
	MaxSampling      = 128
	// OneRing as Options.CPUsPerRing makes a single ring for all CPUs.
	OneRing = -1
)

// Options tune a Driver. The zero value is ready for use; the fields mean what
// they mean in package modernbpf.
type Options struct {
	RingBytes      int // a power of two and a multiple of the page size
	CPUsPerRing    int // default 1
	SnapLen        int
	DynamicSnapLen bool
	FullCapture    [2]uint16
	StatsdPort     uint16
	DropFailed     bool
	ReportSelf     bool
}

func (o Options) withDefaults() (Options, error) {
	if o.RingBytes == 0 {
		o.RingBytes = DefaultRingBytes
	}
	if o.CPUsPerRing == 0 {
		o.CPUsPerRing = 1
	}
	if o.SnapLen == 0 {
		o.SnapLen = DefaultSnapLen
	}
	if o.StatsdPort == 0 {
		o.StatsdPort = DefaultStatsd
	}
	page := os.Getpagesize()
	if o.RingBytes < page || o.RingBytes > 1<<30 || bits.OnesCount(uint(o.RingBytes)) != 1 {
		return o, fmt.Errorf("ring of %d bytes: the size must be a power of two from %d to %d", o.RingBytes, page, 1<<30)
	}
	if o.CPUsPerRing < OneRing {
		return o, fmt.Errorf("%d CPUs per ring: must be positive, or OneRing (%d)", o.CPUsPerRing, OneRing)
	}
	if o.FullCapture[0] > o.FullCapture[1] {
		return o, fmt.Errorf("ports %d to %d: the first must not be above the last", o.FullCapture[0], o.FullCapture[1])
	}
	if o.SnapLen < 0 {
		return o, fmt.Errorf("snaplen of %d bytes: must not be negative", o.SnapLen)
	}
	o.SnapLen = min(o.SnapLen, MaxSnapLen)
	return o, nil
}

func (o Options) setup(offset uint64) abiSetup {
	s := abiSetup{
		RingBytes: uint32(o.RingBytes), CPUsPerRing: uint32(max(o.CPUsPerRing, 0)), Snaplen: uint32(o.SnapLen),
		BootOffset: int64(offset), FullFirst: o.FullCapture[0], FullLast: o.FullCapture[1], Statsd: o.StatsdPort,
		WakeLevel: uint32(o.RingBytes / 4),
	}
	for _, f := range []struct {
		on  bool
		bit uint32
	}{{o.DropFailed, setupDropFailed}, {o.ReportSelf, setupReportSelf}, {o.DynamicSnapLen, setupDynamic}} {
		if f.on {
			s.Flags |= f.bit
		}
	}
	return s
}

// Driver is a consumer of the loaded module. It implements scap.Driver: Next
// and Release belong to one goroutine, everything else may be called from any.
type Driver struct {
	*ring.Reader
	opts Options
	info Info

	mu     sync.Mutex // guards all that follows
	fd     int        // of the device; -1 when closed
	ringFD []int
	drops  abiDrops // scratch of Stats
}

var _ scap.Driver = (*Driver)(nil)

// ErrNotLoaded says that there is no device: the module is not loaded.
var ErrNotLoaded = errors.New("the kernel module is not loaded")

// ErrNoDevice says that our module is loaded, and that this /dev, which is that
// of a container, does not have its device.
var ErrNoDevice = errors.New("the module is loaded, but its device is not in this /dev")

// misc is where the kernel lists our device, whatever /dev has.
const misc = "/sys/class/misc/" + ModuleName

// registered reports whether the device is there, whether it can be opened here
// or not.
func registered() bool {
	_, err := os.Stat(misc)
	return err == nil
}

// Open becomes a consumer of the module, which must be loaded. Nothing is
// collected before SetInterestingSyscalls and Start.
func Open(opts Options) (*Driver, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open kmod: %w", err)
	}
	d, err := open(opts)
	if err != nil {
		return nil, fmt.Errorf("open kmod: %w", err)
	}
	return d, nil
}

func openDevice() (int, error) {
	fd, err := unix.Open(devicePath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT) && registered():
		return -1, fmt.Errorf("%s: %w: devices are given to privileged containers only, and to those that start after the module was loaded", devicePath, ErrNoDevice)
	case errors.Is(err, unix.ENOENT) && Loaded():
		return -1, fmt.Errorf("there is no %s, but a module called %s is loaded: it is somebody else's; "+
			"end it with rmmod %s, then load ours with tiercel driver load kmod", devicePath, ModuleName, ModuleName)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return -1, fmt.Errorf("%s: %w; load it with tiercel driver load kmod (tiercel driver build kmod makes it)", devicePath, ErrNotLoaded)
	case errors.Is(err, unix.EUSERS):
		return -1, fmt.Errorf("%s: eight consumers have it open already; end one of them (fuser -v %s)", devicePath, devicePath)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return -1, fmt.Errorf("%s: %w: needs root, or the capabilities CAP_PERFMON and CAP_DAC_READ_SEARCH", devicePath, err)
	case err != nil:
		return -1, fmt.Errorf("%s: %w", devicePath, err)
	}
	return fd, nil
}

func open(opts Options) (_ *Driver, err error) {
	fd, err := openDevice()
	if err != nil {
		return nil, err
	}
	d := &Driver{opts: opts, fd: fd}
	defer func() {
		if err != nil {
			d.free()
		}
	}()
	if d.info, err = readInfo(fd); err != nil {
		return nil, err
	}
	if err := d.info.Check(); err != nil {
		return nil, err
	}
	offset := ring.BootOffset()
	setup := opts.setup(offset)
	if err := ioctl(fd, iocSetup, unsafe.Pointer(&setup)); err != nil {
		return nil, fmt.Errorf("make rings of %d bytes: %w; if memory is short, choose smaller rings or more CPUs per ring", opts.RingBytes, err)
	}
	specs := make([]ring.Spec, setup.Rings)
	for i := range specs {
		a := abiRing{Index: uint32(i)}
		if err := ioctl(fd, iocRing, unsafe.Pointer(&a)); err != nil {
			return nil, fmt.Errorf("ask for ring %d: %w", i, err)
		}
		d.ringFD = append(d.ringFD, int(a.FD))
		specs[i] = ring.Spec{FD: int(a.FD), Size: opts.RingBytes, CPU: uint16(a.CPU)}
	}
	d.Reader, err = ring.Open(specs, ring.Config{Clock: ring.BootClock(offset)})
	return d, err
}

// Name returns kmod.
func (d *Driver) Name() string { return "kmod" }

// Info returns what the module says of itself.
func (d *Driver) Info() Info { return d.info }

var errClosed = errors.New("kmod: driver is closed")

// do makes an ioctl while the driver is open.
func (d *Driver) do(what string, nr uint, arg unsafe.Pointer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return errClosed
	}
	if err := ioctl(d.fd, nr, arg); err != nil {
		return fmt.Errorf("kmod: %s: %w", what, err)
	}
	return nil
}

// SetInterestingSyscalls implements scap.Driver. The module has every filler,
// so nothing but a tracepoint that the kernel lacks is ever degraded.
func (d *Driver) SetInterestingSyscalls(sel scap.Selection) (scap.Applied, error) {
	p := plane.Of(sel, plane.HostArch(), runtime.GOARCH != "amd64")
	var applied scap.Applied
	for sc := range sel.Exit.All() {
		info := sc.Info()
		if info == nil || info.Kind != scap.KindTracepoint {
			continue
		}
		if bit := plane.Tracepoint(sc); bit == 0 || d.info.Tracepoints&bit == 0 {
			p.TP &^= bit
			applied.Degraded = append(applied.Degraded, scap.Degraded{Syscall: sc, Lack: scap.LackEvent, Reason: errNoTracepoint})
		}
	}
	if err := d.do("select system calls", iocSelect, unsafe.Pointer(&p)); err != nil {
		return scap.Applied{}, err
	}
	return applied, nil
}

var errNoTracepoint = errors.New("the kernel does not have this tracepoint")

// Start lets events flow.
func (d *Driver) Start() error { return d.do("start", iocStart, nil) }

// Stop takes the module's hooks away, unless another consumer needs them.
// Events that are in the rings stay there to be read.
func (d *Driver) Stop() error { return d.do("stop", iocStop, nil) }

// SetSampling turns sampling mode on with a ratio of 2, 4, ... MaxSampling, and
// off with 1. See package modernbpf, which does the same.
func (d *Driver) SetSampling(ratio int) error {
	if ratio < 1 || ratio > MaxSampling || bits.OnesCount(uint(ratio)) != 1 {
		return fmt.Errorf("kmod: sampling ratio %d: must be a power of two from 1 (off) to %d", ratio, MaxSampling)
	}
	v := uint32(ratio)
	return d.do("set the sampling ratio", iocSampling, unsafe.Pointer(&v))
}

// SetNameCheck says whether the name of every open is held against the opened
// file, or only that of processes with company. See package modernbpf, which does
// the same.
func (d *Driver) SetNameCheck(all bool) error {
	var v uint32
	if all {
		v = 1
	}
	return d.do("set the check of names", iocNames, unsafe.Pointer(&v))
}

// RingBytes returns the size of all rings.
func (d *Driver) RingBytes() uint64 { return uint64(len(d.ringFD)) * uint64(d.opts.RingBytes) }

// Stats adds up the counters of all CPUs.
func (d *Driver) Stats(st *scap.Stats) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return errClosed
	}
	perCPU, byCall := st.PerCPU, st.DropsBySyscall
	*st = scap.Stats{PerCPU: perCPU, DropsBySyscall: byCall}
	clear(perCPU)
	for cpu := range d.info.CPUs {
		a := abiStats{CPU: uint32(cpu)}
		if err := ioctl(d.fd, iocStats, unsafe.Pointer(&a)); errors.Is(err, unix.EINVAL) {
			continue // a number without a CPU
		} else if err != nil {
			return fmt.Errorf("kmod: read the counters of CPU %d: %w", cpu, err)
		}
		c := scap.Counters{Seen: a.Seen, Delivered: a.Delivered, DropsRing: a.DropsRing, DropsPage: a.DropsPage,
			DropsScratch: a.DropsScratch, DropsRecursion: a.DropsRecursion}
		addCounters(&st.Counters, c)
		st.Faults += a.Faults
		st.Sampled += a.Sampled
		for i := range st.DropsByClass {
			st.DropsByClass[i] += a.DropsClass[i]
		}
		if cpu < len(perCPU) {
			perCPU[cpu] = c
		}
	}
	if len(byCall) > 0 {
		if err := ioctl(d.fd, iocDrops, unsafe.Pointer(&d.drops)); err != nil {
			return fmt.Errorf("kmod: read the drops by call: %w", err)
		}
		copy(byCall, d.drops.ByCall[:])
	}
	rc := d.Reader.Counters()
	st.Truncated, st.Late = rc.Truncated, rc.Late
	st.RingBytes = d.RingBytes()
	return nil
}

func addCounters(to *scap.Counters, c scap.Counters) {
	to.Seen += c.Seen
	to.Delivered += c.Delivered
	to.DropsRing += c.DropsRing
	to.DropsPage += c.DropsPage
	to.DropsScratch += c.DropsScratch
	to.DropsRecursion += c.DropsRecursion
}

// Close leaves the module; the last consumer takes its hooks away. The events
// of a batch that is out stay valid until its Release.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return nil
	}
	err := d.Reader.Close()
	d.free()
	return err
}

func (d *Driver) free() {
	for _, fd := range d.ringFD {
		_ = unix.Close(fd)
	}
	d.ringFD = nil
	_ = unix.Close(d.fd)
	d.fd = -1
}
