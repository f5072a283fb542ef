// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"strings"
)

// onExec replaces the program of a process.
func onExec(e *Engine, ev *Event) {
	if res, ok := ev.result(); !ok || res != 0 || ev.Thread == nil {
		return
	}
	t := e.execThread(ev)
	if t == nil {
		return
	}
	if t.Dead() {
		// Another thread of the process did it and took over the main
		// thread's id.
		t.Flags &^= FlagClosed
		t.group.Alive++
	}
	e.takeTexts(ev, t, nil)
	e.takeNumbers(ev, t)
	e.setEnv(t, e.execEnv(ev, t))
	e.takeExecIDs(ev, t)
	t.LastExecTS = e.now
	t.ExePath = e.execPath(ev, t)
	e.takeExeFile(ev, t)
	t.sure = e.lost
	if cwd := ev.text(pCWD); len(cwd) > 0 && t.Doubt()&DoubtCWD != 0 {
		t.setCWD(e.text(cwd), e.lost)
	}
	t.Flags = t.Flags&(FlagPipeSrc|FlagPipeDst|FlagMainThread|FlagInverted|FlagChildInPidns) | FlagActive | FlagNameChanged
	t.execFS()
	e.ownTable(t)
	e.closeOnExec(t.fds)
	e.dropPeers(t)
	e.meetContainer(t)
}

// execThread returns the thread of an exec event, made anew when what the table
// has is another process or nothing certain.
func (e *Engine) execThread(ev *Event) *Thread {
	t, tid := ev.Thread, ev.TID()
	pid, ok := ev.int(pPID)
	if !ok || pid < 0 {
		pid = tid
	}
	ptid, ok := ev.int(pPTID)
	if t.Valid() && t.PID == pid {
		if ok && t.parent == nil && ptid > 0 && t.TID != 1 {
			t.PTID = ptid
			e.adopt(t, e.Thread(ptid))
		}
		return t
	}
	// Its creation was lost. It is a child of ptid, most likely with its
	// descriptors and directory.
	n := e.newThread(tid)
	n.CloneTS = e.now
	var like *Thread
	if ok && ptid > 0 {
		like = e.find(ptid)
		if again := e.Thread(tid); again != nil && again.Valid() && again.PID == pid {
			ev.Thread = again
			return again
		}
	}
	e.takeClone(ev, n, like, max(ptid, 0))
	n.PID = pid
	if n.VTID == NoID && n.VPID == NoID && (like == nil || !like.InPidns()) {
		n.VTID, n.VPID = tid, pid // older versions of the event do not tell
	}
	ev.Thread = e.insertClone(n, like)
	if ev.Thread != nil {
		n.fds.sure = neverSure
		if n.group != nil {
			n.group.fs.sure = neverSure
		}
	}
	return ev.Thread
}

// eventEnv is how many bytes of the environment an event has at most.
const eventEnv = 4096

// execEnv returns the environment of an exec event. What the event had no room
// for /proc knows, if large environments are wanted.
func (e *Engine) execEnv(ev *Event, t *Thread) *stringList {
	b := ev.bytes(pEnv)
	src, ok := e.opts.Proc.(EnvSource)
	if !ok || len(b) < eventEnv-1 || e.opts.MaxEnv <= eventEnv {
		return e.envList(b)
	}
	if !e.allowed(0) {
		e.counters.LookupsDenied++
		return e.envList(b)
	}
	e.counters.EnvLookups++
	// Another program may run there by now; then it has another beginning.
	env, err := src.Environ(t.TID, e.opts.MaxEnv)
	if full := e.joinNUL(env); err == nil && len(full) > len(b) && bytes.HasPrefix(full, withoutLast(b)) {
		return e.envList(full)
	}
	return e.envList(b)
}

// withoutLast returns b without its last text, which may be incomplete.
func withoutLast(b []byte) []byte {
	return b[:bytes.LastIndexByte(bytes.TrimSuffix(b, []byte{0}), 0)+1]
}

func (e *Engine) takeExecIDs(ev *Event, t *Thread) {
	if v, ok := ev.uint(pTTY); ok {
		t.TTY = uint32(v)
	}
	if v, ok := ev.int(pVPGID); ok {
		t.VPGID = v
	}
	t.PGID = idOr(ev, pPGID, NoID)
	if v, ok := ev.uint(pLoginUID); ok {
		t.LoginUID = uint32(v)
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

// Properties of the executed file (execve_flags).
const (
	exeWritable = 1 << 0
	exeUpper    = 1 << 1
	exeMemfd    = 1 << 2
	exeLower    = 1 << 3
)

func (e *Engine) takeExeFile(ev *Event, t *Thread) {
	flags := ev.u32(pFlags)
	t.ExeWritable = flags&exeWritable != 0
	t.ExeUpperLayer = flags&exeUpper != 0
	t.ExeMemfd = flags&exeMemfd != 0
	t.ExeLowerLayer = flags&exeLower != 0
	t.ExeIno, _ = ev.uint(pExeIno)
	t.ExeCtime, _ = ev.uint(pExeCtime)
	t.ExeMtime, _ = ev.uint(pExeMtime)
	t.setDurations()
}

func (t *Thread) setDurations() {
	t.CtimeDuration, t.CtimePidnsDuration = 0, 0
	if t.ExeCtime == 0 {
		return
	}
	if t.CloneTS > t.ExeCtime {
		t.CtimeDuration = t.CloneTS - t.ExeCtime
	}
	if t.PidnsInitStartTS != 0 && t.ExeCtime > t.PidnsInitStartTS {
		t.CtimePidnsDuration = t.ExeCtime - t.PidnsInitStartTS
	}
}

// execPath returns the file that runs: as the kernel says, else the name that
// was asked for, seen from where it was asked.
func (e *Engine) execPath(ev *Event, t *Thread) string {
	if b := ev.text(pTrustedExepath); len(b) > 0 {
		return e.text(bytes.TrimSuffix(b, []byte(" (deleted)")))
	}
	name := ev.text(pFilename)
	if len(name) == 0 {
		name = ev.text(pPathname)
	}
	dir := ""
	if dirfd, ok := ev.int(pDirFD); ok && dirfd != atFDCWD {
		f := t.FDs().Get(dirfd)
		if f == nil {
			if len(name) == 0 || name[0] != '/' {
				return Unknown
			}
		} else {
			dir = f.Name
		}
	} else {
		if len(name) == 0 {
			return Unknown
		}
		dir = t.CWD()
	}
	e.enc = JoinPath(e.enc[:0], dir, view(name))
	return strings.TrimSuffix(e.text(e.enc), " (deleted)")
}

// dropPeers removes the other threads of a process that executed something;
// they end without a word.
func (e *Engine) dropPeers(t *Thread) {
	g := t.group
	if g == nil {
		return
	}
	for p := g.first; p != nil; {
		next := p.peerNext
		if p != t && !p.IsMain() {
			markDead(p)
			if p.child != nil {
				e.reparent(p, t)
			}
			e.drop(p)
		}
		p = next
	}
}
