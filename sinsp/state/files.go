// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/tiercel/tiercel/scap"

// Error numbers of Linux that matter to the model. A call that a signal
// interrupts ends with errRestart inside the kernel, where events are made.
const (
	errIntr       = 4
	errBadFD      = 9
	errIsConn     = 106
	errAlready    = 114
	errInProgress = 115
	errRestart    = 512
)

// fdOf returns the result of a call that makes a descriptor, from parameter res
// or fd; ok is false when there is none.
func fdOf(ev *Event) (n int64, ok bool) {
	n, ok = ev.result()
	return n, ok && n >= 0 && ev.Thread != nil
}

// add makes f the descriptor of its number, and of the event.
func (e *Engine) add(ev *Event, f *FD) {
	ev.setFD(e.addFD(ev.Thread.fds, f))
}

// addKind adds a descriptor that is described by its kind and flags alone.
func (e *Engine) addKind(ev *Event, typ FDType, flags uint32) {
	if n, ok := fdOf(ev); ok {
		f := e.newFD(n, typ)
		f.Flags = flags
		e.add(ev, f)
	}
}

// onOpen adds a file or directory. What the enter event says of the path was
// read before another thread could change it, so it counts more.
func onOpen(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	f := e.newFD(n, FDFile)
	f.Flags = openFlags(ev)
	if f.Flags&OpenDirectory != 0 {
		f.Type = FDDirectory
	}
	f.Upper, f.Lower = f.Flags&OpenUpper != 0, f.Flags&OpenLower != 0
	if v := ev.u32(pCreatFlags); v != 0 {
		f.Upper, f.Lower = v&1 != 0, v&2 != 0
	}
	f.Dev = ev.u32(pDev)
	f.Ino, _ = ev.uint(pIno)
	path := openPath(ev)
	f.NameRaw = e.text(path)
	f.Name = e.joined(ev.Thread, openDir(ev), path)
	e.add(ev, f)
}

func openPath(ev *Event) []byte {
	if ev.Enter != nil {
		if b := cText(paramOf(ev.Enter, pName)); len(b) > 0 {
			return b
		}
	}
	if b := ev.text(pName); len(b) > 0 {
		return b
	}
	return ev.text(pPath) // open_by_handle_at
}

// openFlags takes the flags of the enter event where it has a path, and from
// the exit event what only the kernel knows.
func openFlags(ev *Event) uint32 {
	flags := ev.u32(pFlags)
	if ev.Enter == nil || len(cText(paramOf(ev.Enter, pName))) == 0 {
		return flags
	}
	i := paramIndex(ev.Enter.Type(), pFlags)
	if i < 0 {
		return flags
	}
	asked, ok := ev.Enter.Uint(i)
	if !ok {
		return flags
	}
	const kernels = ^(OpenCreated - 1)
	return uint32(asked)&^kernels | flags&kernels
}

func openDir(ev *Event) int64 {
	if ev.Enter != nil && len(cText(paramOf(ev.Enter, pName))) > 0 {
		if i := paramIndex(ev.Enter.Type(), pDirFD); i >= 0 {
			if v, ok := ev.Enter.Int(i); ok {
				return v
			}
		}
	}
	if v, ok := ev.int(pDirFD); ok {
		return v
	}
	return atFDCWD
}

// joined returns path as seen from a directory descriptor of t. From one that
// is not known it is the path as it was given.
func (e *Engine) joined(t *Thread, dirfd int64, path []byte) string {
	if len(path) == 0 {
		return ""
	}
	dir := ""
	if path[0] != '/' {
		if dirfd == atFDCWD {
			dir = t.CWD()
		} else if f := t.FDs().Get(dirfd); f != nil {
			dir = f.Name
		}
	}
	e.enc = JoinPath(e.enc[:0], dir, view(path))
	return e.text(e.enc)
}

func view(b []byte) string { return scap.View(b) }

// onClose lets the descriptor go with the next event. The kernel releases it
// even when it reports an error, unless there was none.
func onClose(e *Engine, ev *Event) {
	if ev.Thread == nil || ev.FD == nil || ev.ErrNo == errBadFD {
		return
	}
	if _, ok := ev.result(); ok {
		e.closed, e.closedFD = ev.Thread.fds, ev.FDNum
	}
}

// Flags of close_range.
const (
	closeRangeUnshare = 2
	closeRangeCloexec = 4
)

func onCloseRange(e *Engine, ev *Event) {
	t := ev.Thread
	first, ok1 := ev.uint(pFirst)
	last, ok2 := ev.uint(pLast)
	if t == nil || !ok1 || !ok2 {
		return
	}
	flags := ev.u32(pFlags)
	if flags&closeRangeUnshare != 0 {
		e.ownTable(t)
	}
	if first > maxFDNum {
		return
	}
	e.rangeFDs(t.fds, int64(first), int64(min(last, maxFDNum)), func(f *FD) {
		if flags&closeRangeCloexec == 0 {
			e.removeFD(t.fds, f.Num)
		} else if f := e.ownFD(t.fds, f.Num); f != nil {
			f.Flags |= OpenCloexec
		}
	})
}

// onDup copies a descriptor: dup, dup2, dup3.
func onDup(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	e.duplicate(ev, n, ev.u32(pFlags)&OpenCloexec)
	switch n {
	case 0:
		ev.Thread.Flags |= FlagPipeDst
	case 1:
		ev.Thread.Flags |= FlagPipeSrc
	}
}

// duplicate makes n a copy of the event's descriptor. Of one that is not known
// /proc may know what became of the copy.
func (e *Engine) duplicate(ev *Event, n int64, cloexec uint32) {
	t, old := ev.Thread.fds, ev.FD
	if old == nil {
		e.receiveFD(ev.Thread, n)
		ev.FD = t.Get(n)
		return
	}
	if n == old.Num {
		return
	}
	c := e.copyFD(old, n)
	c.Flags = c.Flags&^OpenCloexec | cloexec
	ev.FD = e.addFD(t, c)
}

// Commands of fcntl in the portable encoding.
const (
	fcntlDupFD        = 1
	fcntlSetFD        = 3
	fcntlDupFDCloexec = 26
)

func onFcntl(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	switch cmd, _ := ev.uint(pCmd); cmd {
	case fcntlDupFD:
		e.duplicate(ev, n, 0)
	case fcntlDupFDCloexec:
		e.duplicate(ev, n, OpenCloexec)
	case fcntlSetFD:
		if arg, ok := ev.uint(pArg); ok {
			e.setCloexec(ev, arg&1 != 0)
		}
	}
}

func (e *Engine) setCloexec(ev *Event, on bool) {
	f := e.ownEventFD(ev)
	if f == nil {
		return
	}
	f.Flags &^= OpenCloexec
	if on {
		f.Flags |= OpenCloexec
	}
}

// The requests of ioctl that mark a descriptor, and take the mark away.
const (
	ioctlFIONCLEX = 0x5450
	ioctlFIOCLEX  = 0x5451
)

func onIoctl(e *Engine, ev *Event) {
	switch req, _ := ev.uint(pRequest); req {
	case ioctlFIOCLEX:
		e.setCloexec(ev, true)
	case ioctlFIONCLEX:
		e.setCloexec(ev, false)
	}
}

func onPipe(e *Engine, ev *Event) {
	if _, ok := fdOf(ev); !ok {
		return
	}
	ino, _ := ev.uint(pIno)
	flags := ev.u32(pFlags)
	for _, p := range [...]pname{pFD1, pFD2} { // the event is about the last one
		f := e.newFD(ev.fdNum(p), FDFIFO)
		f.Ino, f.Flags = ino, flags
		e.add(ev, f)
	}
}

func onEventfd(e *Engine, ev *Event)     { e.addKind(ev, FDEvent, ev.u32(pFlags)) }
func onTimerfd(e *Engine, ev *Event)     { e.addKind(ev, FDTimerfd, 0) }
func onInotify(e *Engine, ev *Event)     { e.addKind(ev, FDInotify, ev.u32(pFlags)) }
func onUserfaultfd(e *Engine, ev *Event) { e.addKind(ev, FDUserfaultfd, ev.u32(pFlags)) }
func onIOURing(e *Engine, ev *Event)     { e.addKind(ev, FDIOURing, OpenCloexec) }

// onSignalfd adds a signalfd, unless the call only changed the mask of one.
func onSignalfd(e *Engine, ev *Event) {
	if given, ok := ev.int(pFD); ok && given >= 0 {
		return
	}
	e.addKind(ev, FDSignalfd, ev.u32(pFlags))
}

// epoll_create1 and memfd_create have flags of their own; close-on-exec is the
// first of both.
func onEpoll(e *Engine, ev *Event) { e.addKind(ev, FDEventpoll, (ev.u32(pFlags)&1)*OpenCloexec) }

func onMemfd(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	f := e.newFD(n, FDMemfd)
	f.Flags = (ev.u32(pFlags) & 1) * OpenCloexec
	f.Name = e.text(ev.text(pName))
	e.add(ev, f)
}

// The commands of bpf(2) whose result is a descriptor: BPF_MAP_CREATE,
// BPF_PROG_LOAD, BPF_OBJ_GET, BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID,
// BPF_RAW_TRACEPOINT_OPEN, BPF_BTF_LOAD, BPF_BTF_GET_FD_BY_ID, BPF_LINK_CREATE,
// BPF_LINK_GET_FD_BY_ID, BPF_ENABLE_STATS, BPF_ITER_CREATE, BPF_TOKEN_CREATE.
const bpfMakesFD = 1<<0 | 1<<5 | 1<<7 | 1<<13 | 1<<14 | 1<<17 | 1<<18 | 1<<19 | 1<<28 | 1<<30 | 1<<32 | 1<<33 | 1<<36

func onBPF(e *Engine, ev *Event) {
	if cmd, ok := ev.uint(pCmd); ok && cmd < 64 && bpfMakesFD&(1<<cmd) != 0 {
		e.addKind(ev, FDBPF, OpenCloexec)
	}
}

func onPidfdOpen(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	f := e.newFD(n, FDPidfd)
	f.Flags = OpenCloexec
	f.PID, _ = ev.int(pPID)
	f.Name = e.procPath(f.PID)
	e.add(ev, f)
}

// onPidfdGetfd copies a descriptor of another process.
func onPidfdGetfd(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	var src *FD
	if p := ev.Thread.fds.Get(ev.fdNum(pPidFD)); p != nil && p.Type == FDPidfd {
		if owner := e.find(p.PID); owner != nil {
			src = owner.FDs().Get(ev.fdNum(pTargetFD))
		}
	}
	if ev.Thread.fds == nil {
		return // /proc brought the process anew
	}
	if src == nil {
		e.removeFD(ev.Thread.fds, n)
		return
	}
	c := e.copyFD(src, n)
	c.Flags |= OpenCloexec
	e.add(ev, c)
}
