// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
)

func TestOpenNames(t *testing.T) {
	tests := []struct {
		name  string
		dirfd int64
		path  string
		want  string
	}{
		{"absolute", atFDCWD, "/etc/passwd", "/etc/passwd"},
		{"absolute, in spite of the directory", 9, "/etc/passwd", "/etc/passwd"},
		{"from the current directory", atFDCWD, "x/../y", "/root/y"},
		{"from a directory descriptor", 9, "syslog", "/var/log/syslog"},
		{"upwards from a directory descriptor", 9, "../run/./x", "/var/run/x"},
		{"from an unknown descriptor it stays relative", 77, "syslog", "syslog"},
		{"above the root", atFDCWD, "../../../x", "/x"},
		{"the directory itself", 9, ".", "/var/log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.open(100, 9, "/var/log", OpenRead|OpenDirectory)
			ev := h.play(scap.EvOpenatV2X, 100, p{"fd": 3, "dirfd": tt.dirfd, "name": tt.path, "flags": OpenRead, "dev": 5, "ino": 6})
			f := h.fd(100, 3, tt.want)
			equal(t, "event's descriptor", ev.FD, f)
			equal(t, "event's number", ev.FDNum, 3)
			equal(t, "raw name", f.NameRaw, tt.path)
			equal(t, "dev and ino", [2]uint64{uint64(f.Dev), f.Ino}, [2]uint64{5, 6})
		})
	}
}

func TestOpenKinds(t *testing.T) {
	h := newHost(t)
	h.play(scap.EvOpenX, 100, p{"fd": 3, "name": "/a", "flags": OpenRead | OpenUpper})
	f := h.fd(100, 3, "/a")
	equal(t, "type of a file", f.Type, FDFile)
	equal(t, "upper layer", f.Upper, true)
	h.play(scap.EvOpenat2X, 100, p{"fd": 3, "dirfd": atFDCWD, "name": "/d", "flags": OpenRead | OpenDirectory})
	equal(t, "type of a directory", h.fd(100, 3, "/d").Type, FDDirectory)
	h.play(scap.EvCreatX, 100, p{"fd": 4, "name": "new", "mode": 0o600, "creat_flags": 2})
	equal(t, "lower layer", h.fd(100, 4, "/root/new").Lower, true)
	h.play(scap.EvOpenByHandleAtX, 100, p{"fd": 5, "mountfd": 3, "flags": OpenRead, "path": "/by/handle"})
	h.fd(100, 5, "/by/handle")
}

func TestCloseIsSeenByItsOwnEvent(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/etc/passwd", OpenRead)
	ev := h.play(scap.EvCloseX, 100, p{"res": 0, "fd": 3})
	equal(t, "name during close", ev.FD.Name, "/etc/passwd")
	h.tick()
	h.fd(100, 3, "-")
	ev = h.play(scap.EvCloseX, 100, p{"res": -errBadFD, "fd": 3})
	if ev.FD != nil {
		t.Fatal("a closed descriptor is still attached")
	}
}

func TestCloseThatReportsAnError(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/a", OpenRead)
	h.play(scap.EvCloseX, 100, p{"res": -errBadFD, "fd": 3})
	h.tick()
	h.fd(100, 3, "/a")
	h.play(scap.EvCloseX, 100, p{"res": -4, "fd": 3}) // EINTR: closed nevertheless
	h.tick()
	h.fd(100, 3, "-")
}

func TestNumberIsReusedAtOnce(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/a", OpenRead)
	h.play(scap.EvCloseX, 100, p{"res": 0, "fd": 3})
	ev := h.open(100, 3, "/b", OpenRead)
	equal(t, "name", ev.FD.Name, "/b")
	equal(t, "not a change of the name", ev.FDNameChanged(), false)
	h.fd(100, 3, "/b")
	equal(t, "descriptors", h.thread(100).FDs().Len(), 1)
}

func TestForkCopiesDescriptors(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/a", OpenRead)
	h.clone(100, 200, 0)
	h.fd(200, 3, "/a")
	h.open(100, 4, "/parents", OpenRead)
	h.open(200, 4, "/childs", OpenRead)
	h.fd(100, 4, "/parents")
	h.fd(200, 4, "/childs")
	h.play(scap.EvCloseX, 200, p{"res": 0, "fd": 3})
	h.tick()
	h.fd(200, 3, "-")
	h.fd(100, 3, "/a")
	// A change in place must not show on the other side either.
	h.play(scap.EvFcntlX, 100, p{"res": 0, "fd": 3, "cmd": fcntlSetFD, "arg": 1})
	h.clone(100, 300, 0)
	h.play(scap.EvFcntlX, 300, p{"res": 0, "fd": 3, "cmd": fcntlSetFD, "arg": 0})
	equal(t, "flags of the parent", h.fd(100, 3, "/a").Flags, OpenRead|OpenCloexec)
	equal(t, "flags of the child", h.fd(300, 3, "/a").Flags, OpenRead)
	h.exit(100)
	h.tick()
	h.fd(300, 3, "/a")
}

func TestProcessesThatShareDescriptors(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/a", OpenRead|OpenCloexec)
	h.clone(100, 200, FlagFiles)
	h.open(200, 4, "/b", OpenRead)
	h.fd(100, 4, "/b")
	h.exec(200, "/bin/x")
	h.fd(200, 3, "-")
	h.fd(100, 3, "/a")
	h.open(200, 5, "/own", OpenRead)
	h.fd(100, 5, "-")
	h.clone(100, 300, FlagFiles)
	h.play(scap.EvUnshareX, 300, p{"res": 0, "flags": FlagFiles})
	h.open(300, 6, "/own", OpenRead)
	h.fd(100, 6, "-")
	equal(t, "descriptors counted", h.e.Counters().FDs, countFDs(h.e))
}

func TestExecClosesWhatIsMarked(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	h.open(200, 3, "/keep", OpenRead)
	h.open(200, 4, "/drop", OpenRead|OpenCloexec)
	h.open(200, 5000, "/high", OpenRead|OpenCloexec)
	h.exec(200, "/bin/x")
	h.fd(200, 3, "/keep")
	h.fd(200, 4, "-")
	h.fd(200, 5000, "-")
}

func TestDuplicates(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/a", OpenRead|OpenCloexec)
	sh := h.thread(100)

	ev := h.play(scap.EvDupV1X, 100, p{"res": 4, "oldfd": 3})
	equal(t, "flags after dup", h.fd(100, 4, "/a").Flags, OpenRead)
	equal(t, "event's descriptor", ev.FD.Name, "/a")
	h.play(scap.EvDup2X, 100, p{"res": 1, "oldfd": 3, "newfd": 1})
	h.fd(100, 1, "/a")
	equal(t, "output redirected", sh.Flags&FlagPipeSrc != 0, true)
	equal(t, "input redirected", sh.Flags&FlagPipeDst != 0, false)
	h.play(scap.EvDup2X, 100, p{"res": 0, "oldfd": 3, "newfd": 0})
	equal(t, "input redirected", sh.Flags&FlagPipeDst != 0, true)
	h.play(scap.EvDup2X, 100, p{"res": 3, "oldfd": 3, "newfd": 3})
	equal(t, "flags after dup2 onto itself", h.fd(100, 3, "/a").Flags, OpenRead|OpenCloexec)
	h.play(scap.EvDup3X, 100, p{"res": 5, "oldfd": 4, "newfd": 5, "flags": OpenCloexec})
	equal(t, "flags after dup3", h.fd(100, 5, "/a").Flags, OpenRead|OpenCloexec)
	h.play(scap.EvFcntlX, 100, p{"res": 6, "fd": 3, "cmd": fcntlDupFD, "arg": 6})
	equal(t, "flags after F_DUPFD", h.fd(100, 6, "/a").Flags, OpenRead)
	h.play(scap.EvFcntlX, 100, p{"res": 7, "fd": 4, "cmd": fcntlDupFDCloexec, "arg": 6})
	equal(t, "flags after F_DUPFD_CLOEXEC", h.fd(100, 7, "/a").Flags, OpenRead|OpenCloexec)
	h.play(scap.EvDup2X, 100, p{"res": 5, "oldfd": 99, "newfd": 5})
	h.fd(100, 5, "-")
	h.play(scap.EvIoctlV3X, 100, p{"res": 0, "fd": 3, "request": ioctlFIONCLEX, "argument": 0})
	equal(t, "flags after FIONCLEX", h.fd(100, 3, "/a").Flags, OpenRead)
	h.play(scap.EvIoctlV3X, 100, p{"res": 0, "fd": 3, "request": ioctlFIOCLEX, "argument": 0})
	equal(t, "flags after FIOCLEX", h.fd(100, 3, "/a").Flags, OpenRead|OpenCloexec)
}

func TestCloseRange(t *testing.T) {
	setup := func(t *testing.T) *host {
		h := newHost(t)
		for _, n := range []int64{3, 4, 5, 6, 5000} {
			h.open(100, n, "/x", OpenRead)
		}
		return h
	}
	t.Run("closes", func(t *testing.T) {
		h := setup(t)
		h.play(scap.EvCloseRangeX, 100, p{"res": 0, "first": 4, "last": ^uint32(0), "flags": 0})
		h.fd(100, 3, "/x")
		equal(t, "left", h.thread(100).FDs().Len(), 1)
	})
	t.Run("bounded", func(t *testing.T) {
		h := setup(t)
		h.play(scap.EvCloseRangeX, 100, p{"res": 0, "first": 4, "last": 5, "flags": 0})
		h.fd(100, 6, "/x")
		h.fd(100, 5000, "/x")
		h.fd(100, 5, "-")
	})
	t.Run("marks", func(t *testing.T) {
		h := setup(t)
		h.play(scap.EvCloseRangeX, 100, p{"res": 0, "first": 4, "last": 6000, "flags": closeRangeCloexec})
		equal(t, "flags", h.fd(100, 4, "/x").Flags, OpenRead|OpenCloexec)
		equal(t, "flags", h.fd(100, 3, "/x").Flags, OpenRead)
	})
	t.Run("unshares", func(t *testing.T) {
		h := setup(t)
		h.clone(100, 101, FlagThread)
		h.play(scap.EvCloseRangeX, 101, p{"res": 0, "first": 3, "last": 10, "flags": closeRangeUnshare})
		h.fd(101, 3, "-")
		h.fd(100, 3, "/x")
	})
}

func TestKindsOfDescriptors(t *testing.T) {
	const cloexec = OpenCloexec
	tests := []struct {
		typ   scap.EventType
		p     p
		want  FDType
		flags uint32
		name  string
	}{
		{scap.EvEventfdX, p{"res": 8}, FDEvent, 0, ""},
		{scap.EvEventfd2X, p{"res": 8, "flags": cloexec}, FDEvent, cloexec, ""},
		{scap.EvSignalfdX, p{"res": 8, "fd": -1}, FDSignalfd, 0, ""},
		{scap.EvSignalfd4X, p{"res": 8, "fd": -1, "flags": cloexec}, FDSignalfd, cloexec, ""},
		{scap.EvTimerfdCreateX, p{"res": 8}, FDTimerfd, 0, ""},
		{scap.EvInotifyInitX, p{"res": 8}, FDInotify, 0, ""},
		{scap.EvInotifyInit1X, p{"res": 8, "flags": cloexec}, FDInotify, cloexec, ""},
		{scap.EvEpollCreateX, p{"res": 8}, FDEventpoll, 0, ""},
		{scap.EvEpollCreate1X, p{"res": 8, "flags": 1}, FDEventpoll, cloexec, ""},
		{scap.EvMemfdCreateX, p{"fd": 8, "name": "payload", "flags": 1}, FDMemfd, cloexec, "payload"},
		{scap.EvBpfV2X, p{"fd": 8, "cmd": 5}, FDBPF, cloexec, ""},
		{scap.EvUserfaultfdX, p{"res": 8, "flags": cloexec}, FDUserfaultfd, cloexec, ""},
		{scap.EvIoUringSetupX, p{"res": 8}, FDIOURing, cloexec, ""},
		{scap.EvPidfdOpenX, p{"fd": 8, "pid": 1}, FDPidfd, cloexec, "/proc/1"},
		{scap.EvSocketX, p{"fd": 8, "domain": 16, "type": 3, "proto": 0}, FDNetlink, 0, ""},
		{scap.EvSocketX, p{"fd": 8, "domain": 17, "type": 3, "proto": 0}, FDUnknown, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.typ.Info().Enum, func(t *testing.T) {
			h := newHost(t)
			ev := h.play(tt.typ, 100, tt.p)
			f := h.fd(100, 8, tt.name)
			equal(t, "event's descriptor", ev.FD, f)
			equal(t, "type", f.Type, tt.want)
			equal(t, "flags", f.Flags, tt.flags)
		})
	}
}

func TestCallsThatMakeNoDescriptor(t *testing.T) {
	h := newHost(t)
	h.open(100, 0, "/dev/pts/0", OpenRead)
	h.play(scap.EvBpfV2X, 100, p{"fd": 0, "cmd": 2}) // map update: 0 is success
	h.fd(100, 0, "/dev/pts/0")
	h.play(scap.EvSignalfd4X, 100, p{"res": 8, "fd": -1})
	f := h.fd(100, 8, "")
	h.play(scap.EvSignalfd4X, 100, p{"res": 8, "fd": 8}) // a new mask only
	equal(t, "same entry", h.fd(100, 8, ""), f)
}

func TestPipes(t *testing.T) {
	h := newHost(t)
	ev := h.play(scap.EvPipe2X, 100, p{"res": 0, "fd1": 3, "fd2": 4, "ino": 77, "flags": OpenCloexec})
	equal(t, "event's number", ev.FDNum, 4)
	for _, n := range []int64{3, 4} {
		f := h.fd(100, n, "")
		equal(t, "type", f.Type, FDFIFO)
		equal(t, "inode", f.Ino, 77)
		equal(t, "flags", f.Flags, OpenCloexec)
	}
}

func TestPidfdGetfd(t *testing.T) {
	h := newHost(t)
	h.open(1, 12, "/secret", OpenRead)
	h.play(scap.EvPidfdOpenX, 100, p{"fd": 8, "pid": 1, "flags": 0})
	h.play(scap.EvPidfdGetfdX, 100, p{"fd": 9, "pid_fd": 8, "target_fd": 12, "flags": 0})
	equal(t, "flags", h.fd(100, 9, "/secret").Flags, OpenRead|OpenCloexec)
}

func TestFullTableForgetsTheOldest(t *testing.T) {
	h := newHostWith(t, Options{MaxFDs: 4})
	for n := range int64(10) {
		h.open(100, n, "/f", OpenRead)
	}
	equal(t, "descriptors", h.thread(100).FDs().Len(), 4)
	h.fd(100, 9, "/f")
	equal(t, "evicted", h.e.Counters().FDsEvicted, 6)
	equal(t, "counted", h.e.Counters().FDs, countFDs(h.e))
}

func TestUnlikelyNumbers(t *testing.T) {
	h := newHost(t)
	for _, n := range []int64{-100, 1 << 40, 1<<63 - 1} {
		h.play(scap.EvDupV1X, 100, p{"res": n, "oldfd": 3})
		h.open(100, n, "/x", OpenRead)
	}
	equal(t, "descriptors", h.thread(100).FDs().Len(), 0)
}

func TestReceivedDescriptors(t *testing.T) {
	fake := &fakeProc{fds: map[int64]procfs.FD{6: {Num: 6, Type: procfs.FDFile, Name: "/passed"}}}
	h := newHostWith(t, Options{Proc: fake})
	h.play(scap.EvSocketpairX, 100, p{"res": 0, "fd1": 3, "fd2": 4, "source": 1, "peer": 2, "domain": 1, "type": 1})
	cmsg := []byte{24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0}
	h.open(100, 7, "/stale", OpenRead)
	h.play(scap.EvRecvmsgX, 100, p{"res": 1, "fd": 3, "msgcontrol": cmsg})
	equal(t, "from /proc", h.fd(100, 6, "/passed").FromProc, true)
	h.fd(100, 7, "-")
	ev := h.play(scap.EvDup2X, 100, p{"res": 6, "oldfd": 99, "newfd": 6})
	equal(t, "copy of an unknown descriptor", ev.FD.Name, "/passed")
}

// countFDs counts the entries of all tables, shared ones once.
func countFDs(e *Engine) uint64 {
	seen := map[*FDTable]bool{}
	n := 0
	for _, th := range append(remembered(e), slices.Collect(e.Threads())...) {
		if t := th.FDs(); !seen[t] {
			seen[t] = true
			n += t.Len()
		}
	}
	return uint64(n)
}
