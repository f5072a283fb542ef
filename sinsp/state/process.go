// SPDX-License-Identifier: Apache-2.0

package state

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
	if flags&FlagVfork != 0 || ev.Info().Name == "vfork" {
		return
	}
	if flags&(FlagChildInPidns|FlagNewPID|FlagParent) != 0 || caller.InPidns() {
		e.noteCreation(ev, caller, tid, flags)
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
	made := e.creationOf(ev)
	if made != nil {
		defer e.forgetCreation(made)
	}
	if again := e.Thread(tid); again != nil {
		// /proc brought the whole process, this thread included.
		ev.Thread = again
		return
	}
	if made != nil && flags&FlagThread == 0 {
		like = e.template(made, flags)
	}
	if like != nil && !like.Valid() {
		like = nil
	}
	e.takeClone(ev, t, like, ptid)
	t.PID, t.PTID = pid, ptid
	if t.Flags&FlagThread == 0 {
		t.PTID = e.livingParent(ptid)
	}
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
	if e.insert(t) == nil {
		return nil
	}
	t.startFS(like)
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

// onProcexit marks a thread as gone. It leaves with the next event.
func onProcexit(e *Engine, ev *Event) {
	t := ev.Thread
	if t == nil {
		return
	}
	e.goneReaper, _ = ev.int(pReaperTID)
	e.noteExit(t, e.goneReaper)
	markDead(t)
	e.leaveContainer(t)
	e.gone = t
}
