// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap/procfs"
)

// After a loss every process is in doubt. The first event of one then has /proc
// asked what became of it, as long as the limit of questions allows. What /proc
// tells is of now, and the events that still wait are of before; once they are
// applied, too, both are the same.

// afterLoss is called for the events of a thread that was not made certain since
// the last loss.
func (e *Engine) afterLoss(ev *Event, k *kind, t *Thread) {
	if t.seen != e.lost {
		ev.LostBefore = uint64(e.lost - t.seen)
		t.seen = e.lost
	}
	switch {
	case e.opts.Proc == nil || t.Doubt() == 0:
		t.healed = e.lost
	case k.thread == lookupThread && k.heals && t.Valid() && e.due(t.retryTS):
		ev.Thread = e.heal(t)
	}
}

// startTick is how exactly /proc knows when a process began, in ns, and some
// more.
const startTick = 20e6

// heal reads the process of t again. It returns t, or the thread that has its id
// now.
func (e *Engine) heal(t *Thread) *Thread {
	if !e.allowed(e.opts.healReserve()) {
		e.counters.HealsDenied++
		return t
	}
	e.counters.Heals++
	t.retryTS = e.clock + retryAfter
	p, whole, err := e.askWhole(t.TID)
	if err != nil && t.TID != t.PID {
		p, whole, err = e.askWhole(t.PID) // the thread has ended since
	}
	if err != nil || p.Main.TID != p.PID {
		return t
	}
	main := e.Thread(p.PID)
	if p.PID != t.PID || main == nil || !main.sameStart(p) {
		// Another process has the id. Either the events that tell of it are
		// still to come, or they were lost: then this event is its own.
		if p.Main.StartTS+startTick > e.now {
			return t
		}
		var s scanned
		e.addProcess(p, &s)
		s.settle(e)
		return e.Thread(t.TID)
	}
	complete := e.refresh(main, p)
	e.addThreads(p, main)
	if whole {
		e.dropMissing(main, p)
	}
	// Sockets that are newer than what is known of them: once more, later, with
	// whichever thread comes first.
	again := !complete && main.healTried != e.lost
	for o := range main.group.All() {
		if o != main {
			o.takeIDs(main)
		}
		o.sure, o.healed, o.retryTS = e.lost, e.lost, t.retryTS
		if again {
			o.healed = neverSure
		}
	}
	if again {
		main.healTried = e.lost
		main.fds.sure = neverSure
	}
	return t
}

// dropMissing forgets the threads of a process that /proc does not have. The
// end of one may still be told: it is for nobody then.
func (e *Engine) dropMissing(main *Thread, p *procfs.Process) {
	for th := main.group.first; th != nil; {
		next := th.peerNext
		has := func(pt procfs.Thread) bool { return pt.TID == th.TID }
		if th != main && th != e.ev.Thread && !slices.ContainsFunc(p.Threads, has) {
			markDead(th)
			if th.child != nil {
				e.reparent(th, main)
			}
			e.drop(th)
			e.counters.ThreadsGone++
		}
		th = next
	}
}

// healReserve is how many questions healing leaves to unknown threads.
func (o *Options) healReserve() float64 { return lookupBurst * float64(o.LookupsPerSecond) / 2 }

// takeIDs copies what setuid and its like change in all threads of a process.
func (t *Thread) takeIDs(o *Thread) {
	t.UID, t.GID, t.LoginUID = o.UID, o.GID, o.LoginUID
	t.SID, t.PGID, t.VPGID = o.SID, o.PGID, o.VPGID
	t.CapInheritable, t.CapPermitted, t.CapEffective = o.CapInheritable, o.CapPermitted, o.CapEffective
	t.FDLimit, t.Root = o.FDLimit, o.Root
}

// refresh brings the main thread t of a process to what /proc says of it. Where
// both agree, what events told stays: they tell more. It reports whether /proc
// told all.
func (e *Engine) refresh(t *Thread, p *procfs.Process) bool {
	e.takeProcIDs(t, p, &p.Main)
	t.setEnded(p.MainEnded)
	if comm := e.string(p.Main.Comm); comm != t.Comm || p.ExePath != t.ExePath || p.Exe != t.Exe || !slices.Equal(p.Args, t.Args) {
		e.takeProcImage(t, p, comm)
	}
	e.setProcCgroups(t, p)
	t.Root = e.string(p.Root)
	t.setCWD(e.string(p.CWD), e.lost)
	if ptid := max(p.Main.PTID, 0); t.parent == nil || t.parent.PID != ptid {
		orphan(t)
		t.PTID = ptid
		if t.TID != 1 && ptid > 0 {
			e.adopt(t, e.Thread(ptid))
		}
	}
	return e.refreshFDs(t.fds, p)
}

// setEnded makes t one that has ended while others of its process go on, or one
// that has not.
func (t *Thread) setEnded(ended bool) {
	switch {
	case ended:
		markDead(t)
	case t.Dead() && t.group != nil:
		t.Flags &^= FlagClosed
		t.group.Alive++
	}
}

// refreshFDs brings a table to what /proc says of it. It reports whether /proc
// told all.
func (e *Engine) refreshFDs(t *FDTable, p *procfs.Process) (complete bool) {
	if len(p.FDs) == 0 && t.Len() > 0 {
		return true // most likely it may not be read
	}
	complete = true
	e.rangeFDs(t, 0, maxFDNum, func(f *FD) {
		if !p.FDsCut && !slices.ContainsFunc(p.FDs, func(pf procfs.FD) bool { return pf.Num == f.Num }) {
			e.removeFD(t, f.Num)
		}
	})
	var s scanned
	for i := range p.FDs {
		pf := &p.FDs[i]
		f := t.Get(pf.Num)
		if f == nil || !f.is(pf) {
			if pf.Type != procfs.FDUnsupported && strings.HasPrefix(pf.Name, "socket:") {
				complete = false
			}
			e.addProcFD(t, pf, p.NetNS, &s)
			continue
		}
		if cloexec := pf.Flags & OpenCloexec; f.Flags&OpenCloexec != cloexec {
			if f = e.ownFD(t, pf.Num); f != nil {
				f.Flags = f.Flags&^OpenCloexec | cloexec
			}
		}
	}
	s.settle(e)
	if !p.FDsCut {
		t.sure = e.lost
	}
	return complete
}

// is reports whether f is most likely the descriptor p of /proc.
func (f *FD) is(p *procfs.FD) bool {
	var g FD
	g.Type = FDType(p.Type)
	if g.IsIP() {
		g.V6 = g.Type == FDIPv6 || g.Type == FDIPv6Server
		g.SrcIP, g.SrcPort = fromAddrPort(p.Src)
		g.DstIP, g.DstPort = fromAddrPort(p.Dst)
		unmap(&g)
		if !f.IsIP() || f.V6 != g.V6 {
			return false
		}
		if g.DstPort == 0 || f.IsServer() {
			// No peer: it is bound to the port that /proc has as source.
			return !f.IsConn() && f.DstPort == g.SrcPort || f.IsConn() && !f.Connected
		}
		return sameEnds(f, &g) || f.SrcPort == g.DstPort && f.DstPort == g.SrcPort && f.SrcIP == g.DstIP && f.DstIP == g.SrcIP
	}
	if f.Type != g.Type {
		return false
	}
	switch f.Type {
	case FDFile, FDDirectory:
		// A relative name was joined to a directory that may have been lost.
		return f.Ino == p.Ino && f.Dev == p.Dev && (f.Name == p.Name || strings.HasPrefix(f.NameRaw, "/"))
	case FDFIFO:
		return f.Ino == p.Ino
	case FDPidfd:
		return f.PID == p.PID
	}
	return true
}

// missedFD asks /proc for a descriptor that an event works on and the table
// does not have, if the table is known to have holes.
func (e *Engine) missedFD(ev *Event, k *kind, n int64) *FD {
	t := ev.Thread
	if e.opts.Proc == nil || t.fds.sure >= e.lost || !k.exit || k.endsFD || n < 0 || n > maxFDNum || t.PID <= 0 {
		return nil
	}
	if res, ok := ev.Int(0); k.hasRes && (!ok || res < 0) {
		return nil
	}
	if t.fds.missed == n && !e.due(t.fds.missedTS) {
		return nil
	}
	t.fds.missed, t.fds.missedTS = n, e.clock+retryAfter
	return e.lookupFD(t, n)
}

// lookupFD adds the descriptor n of t as /proc has it, within the limit; nil
// when nobody knows it.
func (e *Engine) lookupFD(t *Thread, n int64) *FD {
	if !e.allowed(0) {
		e.counters.LookupsDenied++
		return nil
	}
	e.counters.FDLookups++
	p, err := e.opts.Proc.LookupFD(t.TID, n)
	if err != nil || p.Num != n {
		return nil
	}
	var s scanned
	e.addProcFD(t.fds, &p, 0, &s)
	for _, c := range s.conns {
		if c.fd.L4 == L4TCP && bound(t.fds, c.fd.SrcPort) {
			s.listening = map[listener]struct{}{{0, c.fd.SrcPort}: {}}
		}
	}
	s.settle(e)
	return t.fds.Get(n)
}
