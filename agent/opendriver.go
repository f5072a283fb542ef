// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/hold"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/container/runtimes"
	"github.com/tiercel/tiercel/sinsp/state"
)

// liveEngines are the values of engine.kind that watch this kernel, with the
// words that the log has for them.
var liveEngines = map[string]string{
	drivers.Auto:      "the best probe that this kernel runs",
	drivers.ModernBPF: "modern BPF probe",
	drivers.BPF:       "legacy BPF probe",
	drivers.Kmod:      "Kernel module",
}

// opening is the event source and the model of the host while they are made.
// They are made beside the loading of the rules: the probe is attached first,
// /proc is scanned while events already wait in the rings, and when both the
// rules and the model are ready the first event is looked at. So nothing that
// happens between the start and the first look is missed.
type opening struct {
	opened chan struct{} // closed when drv and err are final
	primed chan struct{} // closed when engine is ready
	early  scap.SyscallSet

	drv       scap.Driver // nil without a driver
	src       scap.Source
	err       error
	degraded  scap.Applied
	engine    *state.Engine
	runtimes  *runtimes.Runtimes // nil: nobody is asked for containers
	primeErr  error
	startOnce sync.Once
	startErr  error
	began     time.Time
	// How long after began each part was ready.
	attachedAfter, primedAfter time.Duration
}

// openEarly begins to open the event source when the run will need one.
func (r *run) openEarly() (bool, error) {
	if r.ends() || r.cfg.Engine.Kind == "replay" {
		return false, nil
	}
	if r.cfg.Engine.Kind != "nodriver" {
		if err := r.checkHostRoot(); err != nil {
			return false, err
		}
	}
	o := &opening{opened: make(chan struct{}), primed: make(chan struct{}), began: time.Now()}
	r.opening = o
	if r.cfg.Engine.Kind == "nodriver" {
		r.log.Info("Opening 'syscall' source with no driver")
		r.log.Warn("Enabled event source 'syscall' will be opened with no driver, no event will be produced")
		o.src = newIdleSource()
		o.engine = state.New(state.Options{})
		close(o.opened)
		close(o.primed)
		return false, nil
	}
	r.log.Info(fmt.Sprintf("Opening 'syscall' source with %s.", liveEngines[r.cfg.Engine.Kind]))
	r.logRings()
	if len(r.cfg.BaseSyscalls.CustomSet) == 0 && !r.cfg.BaseSyscalls.Repair {
		if g, err := r.generation(); err == nil {
			// Part of every selection with these settings: begin with it.
			o.early = sinsp.StateSet(g).Union(sinsp.ProcessExit())
		}
	}
	go o.open(r.Open, r.cfg.Engine.Kind, r.driverOptions(), r.log.Logger)
	model := r.stateOptions()
	model.Containers, o.runtimes = r.openContainers()
	o.runtimes.Start() // before the scan of /proc, which finds containers
	go o.prime(model)
	return false, nil
}

// checkHostRoot refuses a place without the host's processes. The agent would
// run, know nothing of whoever was there before it, and take that for strange.
func (r *run) checkHostRoot() error {
	first := filepath.Join(r.root(), "proc/1")
	if _, err := os.Stat(first); err != nil {
		return fmt.Errorf("the host's processes are not below HOST_ROOT=%s: %w (in a container: mount the host's /proc on %s; on the host: unset HOST_ROOT)",
			r.HostRoot, err, filepath.Join(r.root(), "proc"))
	}
	return nil
}

// ends reports whether the options only ask for an answer.
func (r *run) ends() bool {
	o := r.opts
	return o.DryRun || o.Describe || o.DescribeRule != "" || o.Support || o.Version || o.PageSize || o.ListPlugins || o.PluginInfo != "" ||
		o.List || len(o.Validate) > 0
}

// logRings says how CPUs share rings, and lowers a number that makes no sense.
// The other drivers have a ring for each CPU, whatever is configured.
func (r *run) logRings() {
	kind := r.cfg.Engine.Kind
	if (kind == drivers.Kmod || kind == drivers.BPF) && !slices.Contains(r.cfg.Engine.Fallback, drivers.ModernBPF) {
		return
	}
	n, cpus := r.cfg.Engine.CPUsPerBuffer, uint32(runtime.NumCPU())
	if n > cpus {
		r.log.Warn(fmt.Sprintf("engine.modern_ebpf.cpus_for_each_buffer is %d, but there are only %d CPUs: lowered", n, cpus))
		n = cpus
		r.cfg.Engine.CPUsPerBuffer = n
	}
	if n == 0 {
		r.log.Info("One ring buffer for all CPUs.")
		return
	}
	r.log.Info(fmt.Sprintf("One ring buffer every '%d' CPUs.", n))
}

func (r *run) driverOptions() drivers.Options {
	preset, dropFailed := r.cfg.Engine.ModernPreset, r.cfg.Engine.ModernFailed
	if r.cfg.Engine.Kind == drivers.Kmod {
		preset, dropFailed = r.cfg.Engine.KmodPreset, r.cfg.Engine.KmodDropFailed
	}
	o := drivers.Options{CPUsPerRing: int(r.cfg.Engine.CPUsPerBuffer), DropFailedCalls: dropFailed, Snaplen: int(r.cfg.Snaplen), Fallback: r.cfg.Engine.Fallback}
	o.PassedOver = func(kind string, err error) { r.log.Warn(fmt.Sprintf("The driver %s cannot run here: %v", kind, err)) }
	if r.cfg.Engine.DynamicSnaplen {
		o.DynamicSnaplen, o.FullCapture, o.StatsdPort = true, r.cfg.Engine.FullCapture, uint16(r.cfg.Engine.StatsdPort)
	}
	if preset >= 1 && preset <= 10 {
		o.RingBytes = 1 << 20 << (preset - 1)
	}
	return o
}

func (o *opening) open(open func(string, drivers.Options) (scap.Driver, error), kind string, opts drivers.Options, log *zap.Logger) {
	defer close(o.opened)
	o.drv, o.err = open(kind, opts)
	if o.err != nil {
		o.drv, o.err = nil, noDriver(o.err)
		return
	}
	o.src = o.drv
	if kind == drivers.Auto {
		log.Info(fmt.Sprintf("Driver chosen: %s", o.drv.Name()))
	} else if opts.Fallback != nil && o.drv.Name() != kind {
		log.Warn(fmt.Sprintf("Driver chosen: %s, in place of %s (engine.fallback)", o.drv.Name(), kind))
	}
	if o.early.IsEmpty() {
		return
	}
	if o.degraded, o.err = o.drv.SetInterestingSyscalls(scap.Selection{Exit: o.early}); o.err != nil {
		o.err = noDriver(fmt.Errorf("select system calls: %w", o.err))
		return
	}
	o.err = o.start()
	o.attachedAfter = time.Since(o.began)
}

// start lets events flow; only the first call does anything.
func (o *opening) start() error {
	o.startOnce.Do(func() {
		if err := o.drv.Start(); err != nil {
			o.startErr = noDriver(fmt.Errorf("start %s: %w", o.drv.Name(), err))
		}
	})
	return o.startErr
}

// maxHeld bounds what is kept of the events that come while /proc is scanned,
// which takes seconds on a host with very many processes. Beyond it they wait
// in the rings, and are lost, and counted, when those are full.
const maxHeld = 64 << 20

// prime fills the model from /proc. It waits for the driver: what starts after
// the scan is told by events, so events have to be kept first.
func (o *opening) prime(opts state.Options) {
	defer close(o.primed)
	o.engine = state.New(opts)
	<-o.opened
	if o.err == nil {
		src := hold.New(o.src, maxHeld)
		o.primeErr = src.While(o.engine.Prime)
		o.src = src
	}
	o.primedAfter = time.Since(o.began)
}

func (o *opening) close() error {
	<-o.opened
	<-o.primed
	if o.runtimes != nil {
		o.runtimes.Close()
	}
	if o.src == nil {
		return nil
	}
	return o.src.Close()
}

// stateOptions is the model of this host with the bounds of the configuration.
func (r *run) stateOptions() state.Options {
	c := r.cfg
	o := r.hostState()
	o.Proc = procfs.New(r.root(), procfs.Options{NoIterators: c.Engine.ModernIterators})
	o.MaxThreads = int(c.ThreadTableSize)
	o.MaxFDs, o.MaxFDsTotal = int(c.State.MaxFDs), int(c.State.MaxFDsTotal)
	o.MaxEnv = int(c.State.MaxEnv)
	o.MaxTextBytes, o.LookupsPerSecond = int(c.State.MaxTextMB)<<20, int(c.State.LookupsPerSecond)
	o.IdleAfter = time.Duration(c.ThreadTimeoutS) * time.Second
	o.SweepEvery = time.Duration(c.ThreadPurgeS) * time.Second
	return o
}

// root is where the host's file system is found.
func (r *run) root() string {
	if r.HostRoot == "" {
		return "/"
	}
	return r.HostRoot
}

// hostState is the model of this host.
func (r *run) hostState() state.Options {
	root := r.root()
	proc := filepath.Join(root, "proc")
	host, _ := os.Hostname()
	return state.Options{
		Proc: procfs.New(root, procfs.Options{}),
		Alive: func(pid int64) bool {
			_, err := os.Lstat(proc + "/" + strconv.FormatInt(pid, 10))
			return err == nil
		},
		LocalAddrs: addrsOf(r.HostRoot),
		Self:       int64(os.Getpid()),
		BootTime:   scap.BootTime(), Hostname: host, HostRoot: r.HostRoot,
		Accounts: state.AccountFiles(r.HostRoot),
	}
}

// idleSource is the source of engine.kind nodriver: nothing ever comes.
type idleSource struct{ closed chan struct{} }

func newIdleSource() *idleSource { return &idleSource{make(chan struct{})} }

// Next implements scap.Source.
func (s *idleSource) Next(b *scap.Batch, wait time.Duration) error {
	*b = scap.Batch{Events: b.Events[:0]}
	select {
	case <-s.closed:
	case <-time.After(wait):
	}
	return nil
}

// Release implements scap.Source.
func (s *idleSource) Release(*scap.Batch) {}

// Close implements scap.Source.
func (s *idleSource) Close() error {
	close(s.closed)
	return nil
}
