// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
)

// NoID is the value of a thread, process, session or group id that is not
// known; NoUID that of a user or group.
const (
	NoID  int64  = -1
	NoUID uint32 = ^uint32(0)
)

// Unknown is the command of a thread of which nothing could be learnt.
const Unknown = "<NA>"

// Thread is what is known of one thread. Strings are owned (never views over
// an event) and shared between threads where they repeat; nobody may change
// the slices.
type Thread struct {
	TID, PID, PTID   int64 // PTID: the parent thread; 0 without one
	SID, VPGID, PGID int64
	VTID, VPID       int64
	Comm             string
	Exe              string   // argv[0]
	ExePath          string   // the file that runs
	Args             []string // without argv[0]
	Env              []string // NAME=value
	Root             string
	Cgroups          []string // subsystem=path
	ContainerID      string   // empty on the host
	ContainerType    ContainerType
	UID, GID         uint32
	LoginUID         uint32
	TTY              uint32
	Flags            uint32 // Flag*
	FDLimit          int64
	CapInheritable   uint64
	CapPermitted     uint64
	CapEffective     uint64
	ExeIno           uint64
	ExeCtime         uint64 // ns since the epoch
	ExeMtime         uint64 // ns since the epoch
	ExeWritable      bool
	ExeUpperLayer    bool
	ExeLowerLayer    bool
	ExeMemfd         bool
	CloneTS          uint64 // when it was created, ns since the epoch; 0 = not known
	LastExecTS       uint64
	PidnsInitStartTS uint64
	// CtimeDuration is how long before the process's creation its file was
	// changed last, CtimePidnsDuration how long after the start of the pid
	// namespace; ns, 0 = not known.
	CtimeDuration      uint64
	CtimePidnsDuration uint64
	VMSize, VMRSS      uint32 // kB
	VMSwap             uint32 // kB
	PfMajor, PfMinor   uint64
	// CPU time by the switches of its processor, in ns: of the last slice, and
	// of all that were seen. 0 without events of switches.
	ExecTime, TotExecTime uint64
	// CPU time in percent of one processor, in its own code and in the kernel,
	// between the last two procinfo events. 0 without such events.
	CPUUser, CPUSystem float64

	// The same texts joined by blanks, made when the thread is created or
	// executes something, so that reading them per event costs nothing.
	Cmdline string // comm + args
	ExeLine string // exe + args
	ArgLine string // args
	EnvLine string

	// Owned by the engine.
	box       *container.Container // nil on the host
	group     *Group
	args, env *stringList
	ownFS     *fsState  // nil: that of its group
	inUserns  bool      // in a user namespace below the host's
	healTried lossCount // loss after which a reading was not complete; once more for it
	procTicks [2]uint64 // CPU time at the last procinfo event, 1/100 s
	procinfo  bool
	fds       *FDTable
	parent    *Thread // nil without one
	child     *Thread // first of its children
	sibPrev   *Thread // in the list of the parent's children
	sibNext   *Thread
	peerPrev  *Thread // in the list of the group
	peerNext  *Thread
	slot      int // in Engine.all
	nchildren int
	lastFD    int64
	accessTS  uint64 // of its last event
	aliveTS   uint64 // when it was found to exist last
	lastType  scap.EventType
	retryTS   uint64    // when /proc may be asked again for an uncertain thread
	enter     []byte    // remembered enter event
	sure      lossCount // Engine.lost when it was certain last who it is
	seen      lossCount // the same at its former event
	healed    lossCount // the same when nothing was left to heal
	engine    *Engine
}

// Group is a thread group (a process).
type Group struct {
	PID    int64
	Leader *Thread // the main thread, also after its end; nil when it is not known
	Alive  int     // threads that have not exited
	Reaper bool    // takes orphans (init of a pid namespace, or by prctl)

	fs       *fsState // atStart, or that of the process whose clone with CLONE_FS made this one
	atStart  fsState
	fsShared bool // fs may be that of other processes, too
	first    *Thread
	count    int
}

// IsMain reports whether t is the main thread of its process.
func (t *Thread) IsMain() bool { return t.TID == t.PID || t.Flags&FlagMainThread != 0 }

// InPidns reports whether t lives in a pid namespace below the host's.
func (t *Thread) InPidns() bool {
	return t.Flags&FlagChildInPidns != 0 || (t.VTID >= 0 && t.VTID != t.TID)
}

// Valid reports whether t's place among the processes is known.
func (t *Thread) Valid() bool { return t.TID >= 0 && t.PID >= 0 && t.PTID >= 0 }

// Dead reports whether t has exited.
func (t *Thread) Dead() bool { return t.Flags&FlagClosed != 0 }

// Group returns t's process, or nil when it is not known.
func (t *Thread) Group() *Group { return t.group }

// Main returns the main thread of t's process, t itself included; nil when it
// is not known. It may be dead while other threads of the process live.
func (t *Thread) Main() *Thread {
	if t.group != nil {
		return t.group.Leader
	}
	if t.IsMain() {
		return t
	}
	return nil
}

// Parent returns the main thread of the parent process of t's process, nil
// when there is none or it is not known. Walks that follow it end: a loop in
// the chain is cut where it would be closed.
func (t *Thread) Parent() *Thread {
	m := t.Main()
	if m == nil || m.parent == nil {
		return nil
	}
	return m.parent.Main()
}

// FDs returns the descriptors that t sees. It is never nil; a table without
// entries stands for one that is not known.
func (t *Thread) FDs() *FDTable {
	if t.fds == nil {
		return &noFDs
	}
	return t.fds
}

// LastFD returns the descriptor that t used last, or nil.
func (t *Thread) LastFD() *FD { return t.FDs().Get(t.lastFD) }

// NumChildren returns the number of known threads whose parent is t.
func (t *Thread) NumChildren() int { return t.nchildren }

// Len returns the number of known threads, the dead ones that are still kept
// included.
func (g *Group) Len() int { return g.count }

// All ranges over the known threads of the process.
func (g *Group) All() func(yield func(*Thread) bool) {
	return func(yield func(*Thread) bool) {
		for t := g.first; t != nil; t = t.peerNext {
			if !yield(t) {
				return
			}
		}
	}
}
