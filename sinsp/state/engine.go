// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp/container"
)

// ProcSource reads what runs already; *procfs.Reader is one.
type ProcSource interface {
	Scan(func(*procfs.Process) error) error
	Lookup(tid int64) (*procfs.Process, error)
	LookupFD(pid, num int64) (procfs.FD, error)
}

// EnvSource is a ProcSource that can read environments.
type EnvSource interface {
	Environ(tid int64, limit int) ([]string, error)
}

// WholeSource is a ProcSource that can read a process with all its threads.
type WholeSource interface {
	LookupWhole(tid int64) (*procfs.Process, error)
}

var (
	_ ProcSource  = (*procfs.Reader)(nil)
	_ WholeSource = (*procfs.Reader)(nil)
	_ EnvSource   = (*procfs.Reader)(nil)
)

// Options of an engine. The zero value is good for a capture: nothing is asked
// of the host, and the bounds have their defaults.
type Options struct {
	// Proc is asked for threads that events do not introduce (live sources);
	// nil: never.
	Proc ProcSource
	// Alive tells whether a process still exists, so that those whose exit was
	// lost are forgotten; nil: never.
	Alive func(pid int64) bool
	// Accounts reads users and groups; nil: only events bring them.
	Accounts AccountSource
	// LocalAddrs reads the addresses of the host's interfaces; nil: see
	// Engine.SetLocalAddrs.
	LocalAddrs func() []netip.Addr

	// Self is the agent's own process, which is never forgotten; 0 = none.
	Self int64

	MaxThreads   int // 0 = DefaultMaxThreads; beyond it the longest idle ones go, or new ones are refused
	MaxFDs       int // of a process; 0 = DefaultMaxFDs
	MaxFDsTotal  int // of all processes; 0 = DefaultMaxFDsTotal
	MaxTextBytes int // of arguments and environments of all threads; 0 = DefaultMaxTextBytes
	// MaxEnv is how many bytes of an environment are kept: what an event has no
	// room for (4096) is read from /proc. 0 = what the event has.
	MaxEnv int
	// LookupsPerSecond limits the questions to /proc after the first scan, in
	// seconds of event time; 0 = DefaultLookupsPerSecond. Four seconds' worth
	// may come at once. Half of them are kept for threads that are unknown; the
	// rest may be used to read processes again after a loss.
	LookupsPerSecond int
	// A thread without events for IdleAfter is forgotten when it does not exist
	// any more; 0 = DefaultIdleAfter. Each thread is looked at once every
	// SweepEvery; 0 = DefaultSweepEvery.
	IdleAfter, SweepEvery time.Duration

	// Containers holds the containers and may ask for their details; nil: only
	// events bring those.
	Containers *container.Table

	BootTime uint64 // ns since the epoch; 0 = not known
	Hostname string
	HostRoot string // where the host's file system is mounted; empty = "/"
}

// Default bounds.
const (
	DefaultMaxThreads       = 262144
	DefaultMaxFDs           = 4096
	DefaultMaxFDsTotal      = 1 << 20   // about 200 MB
	DefaultMaxTextBytes     = 256 << 20 // bytes
	DefaultLookupsPerSecond = 50
	DefaultIdleAfter        = 300 * time.Second
	DefaultSweepEvery       = 300 * time.Second
)

const cacheSize = 1024 // threads found without the map; a power of two

// Engine keeps the model. One goroutine owns it and everything that it hands
// out.
type Engine struct {
	opts       Options
	counters   Counters
	lost       lossCount // events lost; see lossCount
	lostBefore lossCount // the same before the last loss
	ev         Event
	enter      scap.Event // the decoded enter event of the current one
	now        uint64     // time of the current event
	clock      uint64     // what waits and ages goes by it; see tick
	// The times of the first and the last event that counts; see counts.
	first, counted uint64

	hideEnter bool // see HideEnter

	threads   map[int64]*Thread
	groups    map[int64]*Group
	cache     [cacheSize]*Thread
	all       []*Thread // in no order; Thread.slot is the index
	hand      int       // where the sweep over all goes on
	swept     uint64    // time of the last sweep, by the clock
	sweepStep uint64    // ns between two sweeps
	exited    [exitedSize]exitedThread
	creations *creations // nil before the first

	gen     uint64 // of descriptor tables
	freeFDs []*FD
	retired []*FD

	// What the next event has to finish.
	gone       *Thread  // exited by the last event
	goneReaper int64    // who takes its children, as the kernel said; 0 = not said
	closed     *FDTable // with closedFD, closed by the last event
	closedFD   int64

	tokens   float64 // questions to /proc that are allowed now
	tokensTS uint64

	switched     []uint64  // time of the last switch by CPU
	switchedLost lossCount // Engine.lost at that time
	enterBytes   int       // of large remembered enter events
	nums         []int64   // scratch
	enc          []byte    // scratch
	texts        interner[string]
	args, envs   interner[*stringList]
	cgroupSets   interner[*cgroupSet]

	boxes   *container.Table
	boxGen  uint64               // that the threads were last resolved with
	boxGone *container.Container // its first process exited with the last event

	hostAccounts accounts
	accounts     map[string]*accounts // by container id
	addrs        map[netip.Addr]struct{}
	addrList     []netip.Addr
	addrsTS      uint64
}

// New returns an engine that knows nothing yet.
func New(o Options) *Engine {
	if o.MaxThreads <= 0 {
		o.MaxThreads = DefaultMaxThreads
	}
	if o.MaxFDs <= 0 {
		o.MaxFDs = DefaultMaxFDs
	}
	if o.MaxFDsTotal <= 0 {
		o.MaxFDsTotal = DefaultMaxFDsTotal
	}
	if o.MaxTextBytes <= 0 {
		o.MaxTextBytes = DefaultMaxTextBytes
	}
	if o.LookupsPerSecond <= 0 {
		o.LookupsPerSecond = DefaultLookupsPerSecond
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = DefaultIdleAfter
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = DefaultSweepEvery
	}
	e := &Engine{
		opts:    o,
		threads: make(map[int64]*Thread),
		groups:  make(map[int64]*Group),
		freeFDs: make([]*FD, 0, 1024),
		retired: make([]*FD, 0, 64),
		tokens:  lookupBurst * float64(o.LookupsPerSecond),
		texts:   newInterner[string](internText),
		args:    newInterner[*stringList](internLists), envs: newInterner[*stringList](internLists),
		cgroupSets:   newInterner[*cgroupSet](internCgroups),
		hostAccounts: *newAccounts(),
		lost:         noLoss, lostBefore: noLoss,
		accounts: make(map[string]*accounts),
		addrs:    make(map[netip.Addr]struct{}),
	}
	e.sweepStep = uint64(o.SweepEvery) / sweepSteps
	e.openContainers()
	e.ev.Engine = e
	e.ev.FDNum = -1
	return e
}

// BootTime returns when the host was started, in ns since the epoch; 0 when it
// is not known.
func (e *Engine) BootTime() uint64 { return e.opts.BootTime }

// Hostname returns the name of the host that the events come from.
func (e *Engine) Hostname() string { return e.opts.Hostname }

// Process applies an event to the model and returns it with what is known of
// its thread and descriptor. What it returns is valid until the next call. An
// event that changes nothing costs no allocation.
func (e *Engine) Process(in *scap.Event) *Event {
	e.finish()
	ev := &e.ev
	e.begin(ev, in)
	t := in.Type()
	if int(t) >= len(kinds) {
		return ev
	}
	k := &kinds[t]
	if k.thread != noThread {
		e.attachThread(ev, k)
	}
	if ev.Thread != nil {
		e.attachEnter(ev, k)
		if k.usesFD {
			e.attachFD(ev, k)
		}
	}
	if k.hasRes {
		if res, ok := in.Int(0); ok && res < 0 {
			ev.ErrNo = -res
		}
	}
	if k.handle != nil && (ev.ErrNo == 0 || k.onError) {
		k.handle(e, ev)
	}
	return ev
}

// begin resets ev for the event in.
func (e *Engine) begin(ev *Event, in *scap.Event) {
	ts := in.Timestamp()
	e.now = ts
	e.tick(ts)
	if e.first == 0 {
		ev.FirstTS, e.counted = ts, ts
	}
	ev.PrevTS = e.counted
	if e.counts(in) {
		e.counted = ts
		if e.first == 0 {
			e.first = ts
		}
	}
	e.counters.Events++
	ev.Num++
	ev.Event = in
	ev.Thread, ev.FD, ev.Enter = nil, nil, nil
	ev.FDNum, ev.ErrNo, ev.LostBefore = -1, 0, 0
	ev.OldName, ev.hadFD = "", false
	ev.Arena = ev.Arena[:0]
}

// counts reports whether the times between events are measured from an event:
// from those that are looked at, and not those that only tell the model.
func (e *Engine) counts(in *scap.Event) bool {
	t := in.Type()
	if int(t) >= len(kinds) || in.Flags&capture.FlagFiltered != 0 {
		return false
	}
	k := &kinds[t]
	return !k.internal && (k.exit || !k.syscall || !e.hideEnter)
}

// HideEnter tells the engine that the beginnings of calls are not looked at,
// but only complete what is known of their ends. It is so in most captures.
func (e *Engine) HideEnter(hide bool) { e.hideEnter = hide }

// finish does what had to wait until nobody looks at the former event any more.
func (e *Engine) finish() {
	if len(e.retired) > 0 {
		e.recycle()
	}
	if e.closed != nil {
		e.removeFD(e.closed, e.closedFD)
		e.closed = nil
	}
	if e.boxGone != nil {
		e.removeContainer()
	}
	if e.gone != nil {
		t := e.gone
		e.gone = nil
		e.remove(t, e.goneReaper)
	}
	if e.clock-e.swept >= e.sweepStep {
		e.sweep()
	}
}

// maxTID is beyond what any kernel gives a thread as id (PID_MAX_LIMIT is 2^22).
const maxTID = 1<<31 - 1

func (e *Engine) attachThread(ev *Event, k *kind) {
	tid := ev.TID()
	if uint64(tid-1) >= maxTID {
		if tid != 0 { // 0 is the idle task
			e.counters.AbsurdEvents++
		}
		return
	}
	t := e.Thread(tid)
	if k.thread == lookupThread && (t == nil || (!t.Valid() && e.due(t.retryTS))) {
		t = e.resolve(tid, t)
	}
	if t == nil {
		return
	}
	t.Flags |= FlagActive
	if typ := ev.Type(); t.accessTS != e.now || t.lastType != typ {
		t.accessTS, t.lastType = e.now, typ
	} else {
		e.counters.DuplicateEvents++
	}
	ev.Thread = t
	if t.seen != e.lost || t.healed != e.lost {
		e.afterLoss(ev, k, t)
	}
}

// attachEnter remembers an enter event, or finds the one of an exit event.
func (e *Engine) attachEnter(ev *Event, k *kind) {
	t := ev.Thread
	if !k.exit {
		if !k.syscall {
			return
		}
		if len(t.enter) > 0 {
			e.counters.EnterDropped++
			t.enter = t.enter[:0]
		}
		if k.remember {
			e.rememberEnter(t, ev.Raw())
		}
		return
	}
	if len(t.enter) == 0 || !k.syscall {
		return
	}
	err := e.enter.Decode(t.enter)
	// The bytes stay in place until the thread's next enter event.
	t.enter = t.enter[:0]
	if err == nil && isEnterOf(e.enter.Type(), ev.Type()) {
		ev.Enter = &e.enter
		e.counters.EnterUsed++
		return
	}
	e.counters.EnterDropped++
}

// rememberEnter keeps the bytes of an enter event with its thread, as long as
// there is room.
func (e *Engine) rememberEnter(t *Thread, raw []byte) {
	if len(raw) > cap(t.enter) || (cap(t.enter) > keptEnterSize && len(raw) <= keptEnterSize) {
		e.forgetEnter(t)
	}
	if len(raw) > keptEnterSize && t.enter == nil {
		if len(raw) > maxEnterSize || e.enterBytes+len(raw) > maxEnterBytes {
			e.counters.EnterTooBig++
			return
		}
		e.enterBytes += len(raw)
		t.enter = make([]byte, 0, len(raw))
	}
	if t.enter == nil {
		t.enter = make([]byte, 0, keptEnterSize)
	}
	t.enter = append(t.enter, raw...)
	e.counters.EnterStored++
}

// forgetEnter gives back the memory of a large enter event.
func (e *Engine) forgetEnter(t *Thread) {
	if cap(t.enter) > keptEnterSize {
		e.enterBytes -= cap(t.enter)
	}
	t.enter = nil
}

// isEnterOf reports whether the two are halves of one call. A successful
// execveat ends as execve.
func isEnterOf(enter, exit scap.EventType) bool {
	return exit == enter+1 || (enter == scap.EvExecveatE && exit == scap.EvExecveV19X)
}

// attachFD finds the descriptor that the event works on.
func (e *Engine) attachFD(ev *Event, k *kind) {
	n, ok := int64(-1), false
	if k.fd >= 0 {
		n, ok = ev.Int(int(k.fd))
	}
	if !ok && ev.Enter != nil {
		if i := kinds[ev.Enter.Type()].fd; i >= 0 {
			n, ok = ev.Enter.Int(int(i))
		}
	}
	if !ok {
		return
	}
	t := ev.Thread
	ev.FDNum = n
	again := t.lastFD == n
	t.lastFD = n
	f := t.fds.Get(n)
	if f == nil {
		e.counters.FDMisses++
		if f = e.missedFD(ev, k, n); f == nil {
			return
		}
	}
	if again {
		e.counters.FDCacheHits++
	} else {
		e.counters.FDHits++
	}
	t.fds.usedTS = e.clock
	ev.FD = f
	ev.OldName = f.Name
	ev.hadFD = true
}

// setFD makes f the descriptor of the event.
func (ev *Event) setFD(f *FD) {
	if f == nil {
		return
	}
	ev.FD, ev.FDNum = f, f.Num
	ev.Thread.lastFD = f.Num
}

// result returns parameter 0 of an exit event.
func (ev *Event) result() (int64, bool) { return ev.Int(0) }
