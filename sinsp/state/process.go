// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"strings"
)

// onClone takes either side of clone, clone3, fork and vfork.
func onClone(e *Engine, ev *Event) {
	switch res, ok := ev.result(); {
	case !ok:
	case res > 0:
		e.cloneCaller(ev, res)
	case res == 0:
		e.cloneChild(ev)
	}
}

// cloneCaller makes the child as its creator tells it, unless the child's own
// side of the call will do that with better data.
func (e *Engine) cloneCaller(ev *Event, tid int64) {
	if tid > maxTID {
		e.counters.AbsurdEvents++
		return
	}
	caller := ev.Thread
	if caller == nil || !caller.Valid() {
		caller = e.completeCaller(ev, caller)
		if caller == nil {
			return
		}
	}
	flags := ev.u32(pFlags)
	if flags&(FlagChildInPidns|FlagNewPID|FlagParent|FlagVfork) != 0 || caller.InPidns() || ev.Info().Name == "vfork" {
		return
	}
	if e.justExited(tid, caller.TID) || (flags&FlagThread != 0 && e.justExited(tid, caller.PTID)) {
		return
	}
	if old := e.Thread(tid); old != nil && old.Flags&FlagInverted != 0 && (old.PTID == caller.TID || e.young(old)) {
		// The child's side was first. A later caller with this id means
		// another child.
		old.Flags &^= FlagInverted
		return
	}
	t := e.newThread(tid)
	t.Flags |= flags
	t.VTID, t.VPID = tid, tid
	if flags&FlagThread != 0 {
		t.VPID = caller.PID
	}
	t.PidnsInitStartTS = e.opts.BootTime
	e.takeClone(ev, t, caller, caller.TID)
	e.insertClone(t, caller)
}

// completeCaller finds out who made a call for which the table has no valid
// thread. The child is a copy, so that what the event says of it holds for the
// caller too.
func (e *Engine) completeCaller(ev *Event, caller *Thread) *Thread {
	tid := ev.TID()
	if caller == nil {
		if tid <= 0 {
			return nil
		}
		if caller = e.resolve(tid, nil); caller == nil {
			return nil
		}
		ev.Thread = caller
	}
	if caller.Valid() {
		return caller
	}
	pid, ok1 := ev.int(pPID)
	ptid, ok2 := ev.int(pPTID)
	if !ok1 || !ok2 || pid < 0 || ptid < 0 {
		return nil
	}
	caller.PID, caller.PTID = pid, ptid
	caller.VTID, caller.VPID = idOr(ev, pVTID, tid), idOr(ev, pVPID, pid)
	if pid != tid {
		caller.Flags |= FlagThread | FlagFiles
		e.releaseTable(caller.fds)
		caller.fds = nil
	}
	e.takeTexts(ev, caller, nil)
	e.link(caller)
	return caller
}

func idOr(ev *Event, p pname, def int64) int64 {
	if v, ok := ev.int(p); ok {
		return v
	}
	return def
}

func (e *Engine) young(t *Thread) bool { return near(e.now, t.CloneTS) }

// cloneChild makes the thread that the event comes from, unless its creator's
// side was first.
func (e *Engine) cloneChild(ev *Event) {
	tid := ev.TID()
	if tid <= 0 {
		return
	}
	if old := ev.Thread; old != nil && old.Valid() && e.young(old) {
		old.VTID, old.VPID = idOr(ev, pVTID, old.VTID), idOr(ev, pVPID, old.VPID)
		return
	}
	pid, ok1 := ev.int(pPID)
	ptid, ok2 := ev.int(pPTID)
	if !ok1 || !ok2 || pid < 0 || ptid < 0 {
		return
	}
	// By now the creator may have reused the memory with the flags of clone3.
	// Whether this is a thread shows in its ids.
	flags := ev.u32(pFlags) &^ FlagThread
	if pid != tid {
		flags |= FlagThread | FlagFiles
	}
	t := e.newThread(tid)
	t.Flags |= flags | FlagInverted
	t.VTID, t.VPID = idOr(ev, pVTID, tid), idOr(ev, pVPID, pid)
	t.PidnsInitStartTS = e.opts.BootTime
	if start, ok := ev.uint(pPidnsStart); ok && t.InPidns() {
		t.PidnsInitStartTS += start
	}
	// A stale thread with this id must not be its own template.
	if old := ev.Thread; old != nil {
		e.dropStale(old)
		ev.Thread = nil
	}
	var like *Thread
	if flags&FlagThread != 0 {
		like = e.find(pid)
	} else {
		like = e.find(ptid)
	}
	if again := e.Thread(tid); again != nil {
		// /proc brought the whole process, this thread included.
		ev.Thread = again
		return
	}
	if like != nil && !like.Valid() {
		like = nil
	}
	e.takeClone(ev, t, like, ptid)
	t.PID, t.PTID = pid, ptid
	if t.VTID == 1 && tid != 1 {
		// The first of a pid namespace: its session and process group have no
		// ids in there.
		t.SID, t.VPGID = 0, 0
	}
	ev.Thread = e.insertClone(t, like)
	if ev.Thread != nil {
		ev.Thread.Flags |= FlagActive
	}
}

// takeClone fills the new thread t from the event and from like, the thread
// that it is a copy of (nil when that is not known).
func (e *Engine) takeClone(ev *Event, t, like *Thread, caller int64) {
	t.CloneTS = e.now
	t.PID, t.PTID = t.TID, caller
	if like != nil {
		t.takeImage(like)
		t.sure, t.healed = like.sure, like.healed
		t.inUserns = like.inUserns || t.Flags&FlagNewUser != 0
		t.Root, t.LoginUID, t.TTY = like.Root, like.LoginUID, like.TTY
		t.SID, t.VPGID, t.PGID = like.SID, like.VPGID, like.PGID
		t.CapInheritable, t.CapPermitted, t.CapEffective = like.CapInheritable, like.CapPermitted, like.CapEffective
		t.UID, t.GID, t.FDLimit = like.UID, like.GID, like.FDLimit
		if t.Flags&FlagThread != 0 {
			t.PID, t.PTID = like.PID, like.PTID
			t.LastExecTS = like.LastExecTS
			t.ownFS = like.ownFS
		}
	}
	if t.Flags&FlagThread != 0 {
		t.Flags |= FlagFiles
	}
	e.takeTexts(ev, t, like)
	e.takeNumbers(ev, t)
}

// insertClone puts a thread made by takeClone into the table, with the
// descriptors and the directory of the one that it is a copy of.
func (e *Engine) insertClone(t, like *Thread) *Thread {
	if like != nil && t.PID != like.PID {
		switch {
		case t.Flags&FlagFiles != 0 && like.fds != nil:
			t.fds = like.fds
			t.fds.refs++
		default:
			t.fds = e.forkTable(like.fds)
		}
	}
	var fs fsState
	if like != nil && like.fs() != nil {
		fs = *like.fs()
	}
	if e.insert(t) == nil {
		return nil
	}
	if t.group != nil && t.group.fs.cwd == "" {
		t.group.fs = fs
	}
	return t
}

// takeTexts takes command, arguments and cgroups from a clone or exec event,
// where it has them.
func (e *Engine) takeTexts(ev *Event, t, like *Thread) {
	exe, args := t.Exe, t.args
	// An empty argv[0] is a NUL and not nothing: whoever starts a program
	// without a name must not pass for the former one.
	if b := ev.bytes(pExe); len(b) > 0 {
		exe = e.text(cText(b))
		// Without exe the arguments were not readable either.
		args = e.argList(ev.bytes(pArgs))
	}
	comm := t.Comm
	if b := ev.text(pComm); len(b) > 0 {
		comm = e.text(b)
	} else if comm == "" || comm == Unknown {
		comm = exe
	}
	e.setCommand(t, comm, exe, args, like)
	if b := ev.bytes(pCgroups); len(b) > 0 {
		e.setCgroups(t, e.cgroups(b))
	}
}

// takeNumbers takes the numbers that clone and exec events have in common.
func (e *Engine) takeNumbers(ev *Event, t *Thread) {
	if v, ok := ev.int(pFDLimit); ok {
		t.FDLimit = v
	}
	if v, ok := ev.uint(pUID); ok {
		t.UID = uint32(v)
	}
	if v, ok := ev.uint(pGID); ok {
		t.GID = uint32(v)
	}
	takeMemory(ev, t)
}

func takeMemory(ev *Event, t *Thread) {
	if v, ok := ev.uint(pPfMajor); ok {
		t.PfMajor = v
	}
	if v, ok := ev.uint(pPfMinor); ok {
		t.PfMinor = v
	}
	if v, ok := ev.uint(pVMSize); ok {
		t.VMSize = uint32(v)
	}
	if v, ok := ev.uint(pVMRSS); ok {
		t.VMRSS = uint32(v)
	}
	if v, ok := ev.uint(pVMSwap); ok {
		t.VMSwap = uint32(v)
	}
}

// onMemory takes the counters of brk, mmap, munmap and context switches.
func onMemory(_ *Engine, ev *Event) {
	if ev.Thread != nil {
		takeMemory(ev, ev.Thread)
	}
}

// takeImage copies what belongs to the program that runs.
func (t *Thread) takeImage(o *Thread) {
	t.Comm, t.Exe, t.ExePath = o.Comm, o.Exe, o.ExePath
	t.args, t.Args, t.env, t.Env = o.args, o.Args, o.env, o.Env
	t.Cmdline, t.ExeLine, t.ArgLine, t.EnvLine = o.Cmdline, o.ExeLine, o.ArgLine, o.EnvLine
	t.Cgroups, t.ContainerID, t.ContainerType, t.box = o.Cgroups, o.ContainerID, o.ContainerType, o.box
	t.ExeIno, t.ExeCtime, t.ExeMtime = o.ExeIno, o.ExeCtime, o.ExeMtime
	t.ExeWritable, t.ExeMemfd = o.ExeWritable, o.ExeMemfd
	t.ExeUpperLayer, t.ExeLowerLayer = o.ExeUpperLayer, o.ExeLowerLayer
	t.CtimeDuration, t.CtimePidnsDuration = o.CtimeDuration, o.CtimePidnsDuration
}

// setCommand sets the command and the lines that follow from it. The lines of
// like are shared where they are the same.
func (e *Engine) setCommand(t *Thread, comm, exe string, args *stringList, like *Thread) {
	t.Comm, t.Exe = comm, exe
	e.setArgs(t, args)
	args = t.args
	if like != nil && like.ArgLine == args.line && like.Comm == comm && like.Exe == exe {
		t.Cmdline, t.ExeLine = like.Cmdline, like.ExeLine
		return
	}
	t.Cmdline = e.words(comm, args.line)
	t.ExeLine = e.words(exe, args.line)
}

// setComm changes the command alone.
func (e *Engine) setComm(t *Thread, comm string) {
	if comm != "" && comm != t.Comm {
		t.Comm = comm
		t.Cmdline = e.words(comm, t.ArgLine)
	}
}

// words returns a and b joined by a blank.
func (e *Engine) words(a, b string) string {
	if b == "" {
		return a
	}
	e.enc = append(append(append(e.enc[:0], a...), ' '), b...)
	return e.text(e.enc)
}

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

// onProcexit marks a thread as gone. It leaves with the next event.
func onProcexit(e *Engine, ev *Event) {
	t := ev.Thread
	if t == nil {
		return
	}
	e.noteExit(t)
	markDead(t)
	e.leaveContainer(t)
	e.gone = t
	e.goneReaper, _ = ev.int(pReaperTID)
}
