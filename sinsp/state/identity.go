// SPDX-License-Identifier: Apache-2.0

package state

import "strconv"

// onSetuid takes the new effective user. The id -1 keeps the former one.
func onSetuid(e *Engine, ev *Event) {
	v, ok := effectiveID(ev, pEUID, pUID)
	if !ok || e.idsOfNamespace(ev.Thread) {
		return
	}
	t := ev.Thread
	switch {
	case t.UID == 0 && v != 0:
		// capabilities(7): leaving root clears the effective set, and the
		// permitted one when no id stays root. What a program keeps beyond
		// that it asks for by capset, which is an event of its own.
		t.CapEffective = 0
		if !staysRoot(ev) {
			t.CapPermitted = 0
		}
	case t.UID != 0 && v == 0:
		t.CapEffective = t.CapPermitted
	}
	t.UID = v
}

// staysRoot reports whether the real or saved user may still be root. setuid
// changes all of them at once.
func staysRoot(ev *Event) bool {
	for _, p := range [...]pname{pRUID, pSUID} {
		if v, ok := ev.uint(p); ok && (v == 0 || uint32(v) == NoUID) {
			return true
		}
	}
	return false
}

func onSetgid(e *Engine, ev *Event) {
	if v, ok := effectiveID(ev, pEGID, pGID); ok && !e.idsOfNamespace(ev.Thread) {
		ev.Thread.GID = v
	}
}

// idsOfNamespace reports whether the ids that t asks for are those of a user
// namespace, and not the host's, which the model has. /proc is asked then what
// they became; where it cannot be, the former ones stay, in doubt: root in there
// is mostly who made the namespace.
func (e *Engine) idsOfNamespace(t *Thread) bool {
	if !t.inUserns {
		return false
	}
	t.sure = neverSure
	if e.opts.Proc == nil {
		return true
	}
	if !e.allowed(0) {
		e.counters.LookupsDenied++
		return true
	}
	e.counters.Lookups++
	p, err := e.askProc(t.TID)
	if err != nil || p.PID != t.PID {
		e.counters.LookupsFailed++
		return true
	}
	for _, pt := range p.Threads {
		if pt.TID == t.TID {
			e.takeProcIDs(t, p, &pt)
		}
	}
	if t.TID == p.PID {
		e.takeProcIDs(t, p, &p.Main)
	}
	return true
}

// effectiveID returns the id that a call has set: its parameter for the
// effective one, or its only one.
func effectiveID(ev *Event, effective, only pname) (uint32, bool) {
	if ev.Thread == nil {
		return 0, false
	}
	if res, ok := ev.result(); !ok || res != 0 {
		return 0, false
	}
	v, ok := ev.uint(effective)
	if !ok {
		v, ok = ev.uint(only)
	}
	return uint32(v), ok && uint32(v) != NoUID
}

// peers calls f for every thread of t's process.
func (t *Thread) peers(f func(*Thread)) {
	if t.group == nil {
		f(t)
		return
	}
	for p := t.group.first; p != nil; p = p.peerNext {
		f(p)
	}
}

// onSetsid makes the process the leader of a new session and process group.
func onSetsid(_ *Engine, ev *Event) {
	sid, ok := ev.result()
	if !ok || sid <= 0 || ev.Thread == nil {
		return
	}
	ev.Thread.peers(func(t *Thread) {
		t.SID, t.VPGID, t.PGID = sid, sid, t.PID
	})
}

// onSetpgid moves a process into a process group. Both ids are those of the
// caller's pid namespace, 0 stands for the caller and for the process's own
// group.
func onSetpgid(e *Engine, ev *Event) {
	caller := ev.Thread
	pid, ok1 := ev.int(pPID)
	pgid, ok2 := ev.int(pPGID)
	if caller == nil || !ok1 || !ok2 {
		return
	}
	target := caller
	if pid != 0 && pid != caller.VPID {
		if target = e.byVPID(caller, pid); target == nil {
			return
		}
	}
	host := target.PID
	if pgid == 0 {
		pgid = target.VPID
	}
	if pgid != target.VPID {
		host = NoID
		if leader := e.byVPID(caller, pgid); leader != nil {
			host = leader.PID
		}
	}
	target.peers(func(t *Thread) { t.VPGID, t.PGID = pgid, host })
}

// byVPID finds a process by its id in the pid namespace of t, among t's
// relatives when that is not the host's.
func (e *Engine) byVPID(t *Thread, vpid int64) *Thread {
	if !t.InPidns() {
		return e.Thread(vpid)
	}
	if t.VPID == vpid {
		return t
	}
	for p := range t.group.All() {
		for c := p.child; c != nil; c = c.sibNext {
			if c.VPID == vpid {
				return c
			}
		}
	}
	for a := t.Parent(); a != nil && a.InPidns(); a = a.Parent() {
		if a.VPID == vpid {
			return a
		}
		for c := a.child; c != nil; c = c.sibNext {
			if c.VPID == vpid {
				return c
			}
		}
	}
	return nil
}

func onCapset(_ *Engine, ev *Event) {
	t := ev.Thread
	if t == nil {
		return
	}
	if v, ok := ev.uint(pCapInheritable); ok {
		t.CapInheritable = v
	}
	if v, ok := ev.uint(pCapPermitted); ok {
		t.CapPermitted = v
	}
	if v, ok := ev.uint(pCapEffective); ok {
		t.CapEffective = v
	}
}

// allCaps are the capabilities that exist: 0 to CAP_CHECKPOINT_RESTORE (40).
const allCaps = 1<<41 - 1

// onUnshare takes unshare and setns. In a user namespace that it makes or joins
// a process has all capabilities, and its ids are those of the namespace.
func onUnshare(e *Engine, ev *Event) {
	t := ev.Thread
	if t == nil {
		return
	}
	flags, ok := ev.uint(pFlags)
	if !ok {
		flags, _ = ev.uint(pNSType)
	}
	if uint32(flags)&FlagNewUser != 0 {
		t.CapInheritable, t.CapPermitted, t.CapEffective = allCaps, allCaps, allCaps
		t.inUserns = true
	}
	if uint32(flags)&FlagFiles != 0 {
		e.ownTable(t)
	}
	switch {
	case uint32(flags)&FlagNewNS != 0 && ev.Info().Name == "setns":
		e.enterMounts(t)
	case uint32(flags)&(FlagFS|FlagNewNS) != 0: // the second brings the first
		t.ownRoot()
	}
}

// Options of prctl in the portable encoding.
const (
	prSetChildSubreaper = 36
	prGetChildSubreaper = 37
)

func onPrctl(_ *Engine, ev *Event) {
	opt, _ := ev.uint(pOption)
	if ev.Thread == nil || ev.Thread.group == nil || (opt != prSetChildSubreaper && opt != prGetChildSubreaper) {
		return
	}
	if v, ok := ev.int(pArg2Int); ok {
		ev.Thread.group.Reaper = v != 0
	}
}

const rlimitNoFile = 7 // in the portable encoding

func onRlimit(e *Engine, ev *Event) {
	if r, ok := ev.uint(pResource); !ok || r != rlimitNoFile || ev.Thread == nil {
		return
	}
	t := ev.Thread
	if pid, ok := ev.int(pPID); ok && pid > 0 && pid != t.VPID {
		if t = e.byVPID(t, pid); t == nil {
			return
		}
	}
	limit, ok := ev.int(pCur)
	if !ok {
		// prlimit64 may set, read, or both; -1 is what it did not do.
		if limit, ok = ev.int(pNewCur); !ok || limit < 0 {
			limit, ok = ev.int(pOldCur)
		}
	}
	if ok && limit >= 0 {
		t.peers(func(p *Thread) { p.FDLimit = limit })
	}
}

// procPath returns the folder of a process.
func (e *Engine) procPath(pid int64) string {
	e.enc = append(e.enc[:0], e.opts.HostRoot...)
	e.enc = append(e.enc, "/proc/"...)
	e.enc = strconv.AppendInt(e.enc, pid, 10)
	return e.text(e.enc)
}

// accountsFor returns the accounts that an event about users or groups is for.
func (e *Engine) accountsFor(ev *Event) *accounts {
	if id := ev.text(pContainerID); len(id) > 0 && string(id) != "host" {
		return e.containerAccounts(string(id))
	}
	return &e.hostAccounts
}

func onUserAdded(e *Engine, ev *Event) {
	uid, ok := ev.uint(pUID)
	if !ok {
		return
	}
	a := e.accountsFor(ev)
	delete(a.users, uint32(uid))
	a.addUser(User{
		UID: uint32(uid), GID: ev.u32(pGID),
		Name: string(ev.text(pName)), Home: string(ev.text(pHome)), Shell: string(ev.text(pShell)),
	})
}

func onUserDeleted(e *Engine, ev *Event) {
	if uid, ok := ev.uint(pUID); ok {
		delete(e.accountsFor(ev).users, uint32(uid))
	}
}

func onGroupAdded(e *Engine, ev *Event) {
	gid, ok := ev.uint(pGID)
	if !ok {
		return
	}
	a := e.accountsFor(ev)
	delete(a.groups, uint32(gid))
	a.addGroup(UserGroup{GID: uint32(gid), Name: string(ev.text(pName))})
}

func onGroupDeleted(e *Engine, ev *Event) {
	if gid, ok := ev.uint(pGID); ok {
		delete(e.accountsFor(ev).groups, uint32(gid))
	}
}
