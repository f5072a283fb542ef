// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestForkExecExit(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	c := h.thread(200)
	equal(t, "comm of the child before exec", c.Comm, "sh")
	equal(t, "its pid", c.PID, 200)
	equal(t, "its parent thread", c.PTID, 100)
	equal(t, "its directory", c.CWD(), "/root/")
	h.parent(200, 100)

	ev := h.exec(200, "/bin/cat", p{
		"args": []string{"-n", "/etc/shadow"}, "env": []string{"HOME=/root", "A=b c"},
		"uid": 1000, "gid": 100, "tty": 34816, "vpgid": 200, "pgid": 200, "loginuid": 1000,
		"cap_effective": 7, "exe_ino": 99, "exe_ino_ctime": epoch - 5e9, "flags": exeWritable | exeLower,
	})
	equal(t, "event's thread", ev.Thread, c)
	equal(t, "Cmdline", c.Cmdline, "cat -n /etc/shadow")
	equal(t, "ExeLine", c.ExeLine, "/bin/cat -n /etc/shadow")
	equal(t, "ArgLine", c.ArgLine, "-n /etc/shadow")
	equal(t, "EnvLine", c.EnvLine, "HOME=/root A=b c")
	if !slices.Equal(c.Args, []string{"-n", "/etc/shadow"}) || !slices.Equal(c.Env, []string{"HOME=/root", "A=b c"}) {
		t.Fatalf("args %q, env %q", c.Args, c.Env)
	}
	equal(t, "ExePath", c.ExePath, "/bin/cat")
	equal(t, "UID", c.UID, 1000)
	equal(t, "GID", c.GID, 100)
	equal(t, "TTY", c.TTY, 34816)
	equal(t, "LoginUID", c.LoginUID, 1000)
	equal(t, "CapEffective", c.CapEffective, 7)
	equal(t, "ExeWritable", c.ExeWritable, true)
	equal(t, "ExeLowerLayer", c.ExeLowerLayer, true)
	equal(t, "ExeUpperLayer", c.ExeUpperLayer, false)
	equal(t, "CtimeDuration", c.CtimeDuration, c.CloneTS-(epoch-5e9))
	equal(t, "LastExecTS", c.LastExecTS, h.ts)

	ev = h.exit(200)
	equal(t, "thread of its exit", ev.Thread, c)
	equal(t, "dead", c.Dead(), true)
	equal(t, "command during its exit", ev.Thread.Cmdline, "cat -n /etc/shadow")
	h.tick()
	h.absent(200)
	equal(t, "children of the shell", h.thread(100).NumChildren(), 0)
	equal(t, "threads", h.e.NumThreads(), 2)
}

func TestFailedCallsChangeNothing(t *testing.T) {
	h := newHost(t)
	h.clone(100, -11, 0)
	ev := h.play(scap.EvExecveV19X, 100, p{"res": -2, "exe": "/nowhere", "comm": "sh", "pid": 100})
	equal(t, "error", ev.ErrNo, 2)
	h.open(100, -13, "/etc/shadow", OpenRead)
	h.play(scap.EvChdirX, 100, p{"res": -2, "path": "/tmp"})
	h.play(scap.EvSetuidX, 100, p{"res": -1, "uid": 7})
	h.play(scap.EvMemfdCreateX, 100, p{"fd": -24, "name": "x", "flags": 0})
	s := h.thread(100)
	equal(t, "exe", s.Exe, "/bin/sh")
	equal(t, "directory", s.CWD(), "/root/")
	equal(t, "uid", s.UID, 0)
	equal(t, "descriptors", s.FDs().Len(), 0)
	equal(t, "threads", h.e.NumThreads(), 2)
}

func TestThreads(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/etc/passwd", OpenRead)
	h.clone(100, 101, FlagThread|FlagFiles)
	th := h.thread(101)
	equal(t, "pid of a thread", th.PID, 100)
	equal(t, "its main thread", th.Main(), h.thread(100))
	equal(t, "its parent thread is its creator's", th.PTID, 1)
	equal(t, "alive", th.Group().Alive, 2)
	equal(t, "IsMain", th.IsMain(), false)
	h.parent(101, 1)

	h.open(101, 4, "/etc/hosts", OpenRead)
	h.fd(100, 4, "/etc/hosts")
	h.fd(101, 3, "/etc/passwd")
	h.play(scap.EvChdirX, 101, p{"res": 0, "path": "sub"})
	equal(t, "directory after a relative chdir of a thread", h.thread(100).CWD(), "/root/sub/")

	h.exit(101)
	h.tick()
	h.absent(101)
	equal(t, "alive", h.thread(100).Group().Alive, 1)
	h.fd(100, 4, "/etc/hosts")
}

func TestThreadIsKnownByItsIDs(t *testing.T) {
	h := newHost(t)
	h.cloned(101, 100, 1, 0)
	equal(t, "flags of a thread that lacks them", h.thread(101).Flags&(FlagThread|FlagFiles), FlagThread|FlagFiles)
	equal(t, "alive", h.thread(100).Group().Alive, 2)
	h.cloned(200, 200, 100, FlagThread)
	equal(t, "flags of a process", h.thread(200).Flags&FlagThread, 0)
	equal(t, "its main thread", h.thread(200).Main(), h.thread(200))
	h.parent(200, 100)
}

func TestMainThreadOutlivedByItsProcess(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/etc/passwd", OpenRead)
	h.clone(100, 101, FlagThread)
	h.clone(100, 200, 0)
	h.exit(100)
	h.tick()
	main := h.thread(100)
	equal(t, "dead", main.Dead(), true)
	equal(t, "still the leader", h.thread(101).Main(), main)
	equal(t, "the child went to the other thread", h.thread(200).PTID, 101)
	h.parent(200, 100)
	h.fd(101, 3, "/etc/passwd")
	h.exit(101)
	h.tick()
	h.absent(101)
	h.absent(100)
	h.parent(200, 1)
}

func TestExecFromSecondaryThread(t *testing.T) {
	h := newHost(t)
	h.clone(100, 101, FlagThread)
	h.clone(100, 102, FlagThread)
	h.clone(101, 200, 0)
	h.open(101, 3, "/keep", OpenRead)
	h.open(101, 4, "/drop", OpenRead|OpenCloexec)
	// The kernel ends the others first, then 101 becomes 100.
	h.exit(100)
	h.exit(102)
	h.exec(100, "/bin/true", p{"ptid": 1})
	m := h.thread(100)
	equal(t, "dead", m.Dead(), false)
	equal(t, "comm", m.Comm, "true")
	equal(t, "alive", m.Group().Alive, 1)
	equal(t, "members", m.Group().Len(), 1)
	h.absent(101)
	h.absent(102)
	h.fd(100, 3, "/keep")
	h.fd(100, 4, "-")
	h.parent(200, 100)
}

func TestVforkIsTakenFromTheChild(t *testing.T) {
	h := newHost(t)
	params := p{"res": 0, "tid": 200, "pid": 200, "ptid": 100, "vtid": 200, "vpid": 200, "flags": FlagVfork, "exe": "/bin/sh", "comm": "sh"}
	ev := h.play(scap.EvVforkV20X, 200, params)
	equal(t, "event's thread", ev.Thread, h.thread(200))
	equal(t, "directory", h.thread(200).CWD(), "/root/")
	h.exec(200, "/bin/ls")
	h.exit(200)
	// Only now the parent goes on.
	h.play(scap.EvVforkV20X, 100, p{"res": 200, "tid": 100, "pid": 100, "ptid": 1, "vtid": 100, "vpid": 100, "flags": FlagVfork, "exe": "/bin/sh", "comm": "sh"})
	h.tick()
	h.absent(200)
}

func TestCloneSidesInAnyOrder(t *testing.T) {
	t.Run("parent first", func(t *testing.T) {
		h := newHost(t)
		h.clone(100, 200, 0)
		c := h.thread(200)
		h.cloned(200, 200, 100, 0)
		equal(t, "thread after the second side", h.thread(200), c)
	})
	t.Run("child first", func(t *testing.T) {
		h := newHost(t)
		h.cloned(200, 200, 100, 0)
		c := h.thread(200)
		h.parent(200, 100)
		h.exec(200, "/bin/ls")
		h.clone(100, 200, 0)
		equal(t, "thread after the second side", h.thread(200), c)
		equal(t, "comm is not set back", c.Comm, "ls")
	})
	t.Run("child first, but late", func(t *testing.T) {
		h := newHost(t)
		h.clone(100, 200, 0)
		h.exec(200, "/bin/ls")
		h.ts -= 5e6
		h.cloned(200, 200, 100, 0)
		equal(t, "comm is not set back", h.thread(200).Comm, "ls")
	})
	t.Run("child gone before its parent returns", func(t *testing.T) {
		h := newHost(t)
		h.cloned(200, 200, 100, 0)
		h.exit(200)
		h.clone(100, 200, 0)
		h.tick()
		h.absent(200)
	})
}

func TestPidReuse(t *testing.T) {
	t.Run("exit lost, creator's side", func(t *testing.T) {
		h := newHost(t)
		h.clone(100, 200, 0)
		h.exec(200, "/bin/old")
		h.clone(200, 201, FlagThread)
		h.clone(200, 300, 0)
		h.ts += 60e9
		h.clone(1, 200, 0)
		equal(t, "comm", h.thread(200).Comm, "init")
		equal(t, "members", h.thread(200).Group().Len(), 1)
		h.parent(200, 1)
		h.absent(201)
		h.parent(300, 1)
	})
	t.Run("exit lost, child's side", func(t *testing.T) {
		h := newHost(t)
		h.clone(100, 200, 0)
		h.exec(200, "/bin/old")
		h.ts += 60e9
		ev := h.cloned(200, 200, 1, 0)
		equal(t, "event's thread", ev.Thread, h.thread(200))
		equal(t, "comm", h.thread(200).Comm, "init")
		h.parent(200, 1)
	})
	t.Run("exec of another process", func(t *testing.T) {
		h := newHost(t)
		h.clone(100, 200, 0)
		h.clone(200, 201, FlagThread)
		h.exec(201, "/bin/new", p{"pid": 201, "ptid": 1})
		equal(t, "pid", h.thread(201).PID, 201)
		equal(t, "members of the former process", h.thread(200).Group().Len(), 1)
		h.parent(201, 1)
	})
}

func TestExecOfUnknownThread(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/etc/passwd", OpenRead)
	ev := h.exec(500, "/bin/lost", p{"ptid": 100})
	c := ev.Thread
	equal(t, "in the table", h.thread(500), c)
	equal(t, "comm", c.Comm, "lost")
	equal(t, "uncertain", c.Uncertain(), true)
	equal(t, "directory, as its parent's", c.CWD(), "/root/")
	h.fd(500, 3, "/etc/passwd")
	h.parent(500, 100)
}

func TestUnknownThreadIsAPlaceholder(t *testing.T) {
	h := newHost(t)
	ev := h.open(900, 3, "/etc/passwd", OpenRead)
	equal(t, "comm", ev.Thread.Comm, Unknown)
	equal(t, "pid", ev.Thread.PID, NoID)
	equal(t, "uncertain", ev.Thread.Uncertain(), true)
	h.fd(900, 3, "/etc/passwd")
	// Its own clone call says who it is.
	h.clone(900, 901, 0, p{"pid": 900, "ptid": 100, "vpid": 900, "exe": "/bin/x", "comm": "x", "args": []string{"-v"}})
	equal(t, "comm", h.thread(900).Cmdline, "x -v")
	h.parent(901, 900)
	h.parent(900, 100)
	h.fd(901, 3, "/etc/passwd")
}

func TestReparenting(t *testing.T) {
	tests := []struct {
		name  string
		setup func(h *host)
		want  int64
	}{
		{"to init", func(h *host) { h.exit(200) }, 1},
		{"to the subreaper", func(h *host) {
			h.play(scap.EvPrctlX, 100, p{"res": 0, "option": prSetChildSubreaper, "arg2_int": 1})
			h.exit(200)
		}, 100},
		{"not to a former subreaper", func(h *host) {
			h.play(scap.EvPrctlX, 100, p{"res": 0, "option": prSetChildSubreaper, "arg2_int": 1})
			h.play(scap.EvPrctlX, 100, p{"res": 0, "option": prSetChildSubreaper, "arg2_int": 0})
			h.exit(200)
		}, 1},
		{"to whom the kernel says", func(h *host) { h.exit(200, 100) }, 100},
		{"as before when the kernel says somebody unknown", func(h *host) { h.exit(200, 4711) }, 1},
		{"stays as long as the parent lives", func(h *host) {}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.clone(100, 200, 0)
			h.clone(200, 300, 0)
			tt.setup(h)
			h.tick()
			h.parent(300, tt.want)
		})
	}
}

func TestReaperOfAPidNamespace(t *testing.T) {
	h := newHost(t)
	// 200 is init of a namespace, 201 its child, 202 a grandchild.
	const in = FlagChildInPidns
	h.cloned(200, 200, 100, FlagNewPID|in, p{"vtid": 1, "vpid": 1, "pidns_init_start_ts": 500})
	h.cloned(201, 201, 200, in, p{"vtid": 2, "vpid": 2})
	h.cloned(202, 202, 201, in, p{"vtid": 3, "vpid": 3})
	equal(t, "in the namespace", h.thread(202).InPidns(), true)
	equal(t, "start of the namespace", h.thread(200).PidnsInitStartTS, boot+500)
	equal(t, "its session, seen from inside", h.thread(200).SID, 0)
	h.exit(201)
	h.tick()
	h.parent(202, 200)
	h.exit(200)
	h.tick()
	h.parent(202, 0)
}

func TestCallerInPidnsLeavesTheChildToItself(t *testing.T) {
	h := newHost(t)
	h.cloned(200, 200, 100, FlagNewPID|FlagChildInPidns, p{"vtid": 1, "vpid": 1})
	// The result is the id in the namespace: not a thread of ours.
	h.clone(200, 2, FlagChildInPidns, p{"vtid": 1, "vpid": 1})
	h.absent(2)
}

func TestParentLoopIsCut(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	h.clone(200, 300, 0)
	// A lying event: the grandparent becomes a child of its grandchild.
	h.exec(600, "/bin/a", p{"ptid": 300})
	h.exit(300, 600)
	h.tick()
	h.cloned(300, 300, 600, 0)
	for _, th := range h.e.all {
		n := 0
		for a := th; a != nil; a = a.Parent() {
			if n++; n > 100 {
				t.Fatalf("the ancestors of %d do not end", th.TID)
			}
		}
	}
}

func TestSessionsAndGroups(t *testing.T) {
	h := newHost(t)
	h.play(scap.EvSetsidX, 100, p{"res": 100})
	h.clone(100, 200, 0)
	h.clone(200, 300, 0)
	c := h.thread(300)
	equal(t, "session", c.SID, 100)
	equal(t, "leader of the session", h.e.SessionLeader(c), h.thread(100))

	h.play(scap.EvSetpgidX, 200, p{"res": 0, "pid": 300, "pgid": 0})
	equal(t, "own group, set by the parent", c.VPGID, 300)
	equal(t, "its id on the host", c.PGID, 300)
	equal(t, "leader of the group", h.e.GroupLeader(c), c)
	h.play(scap.EvSetpgidX, 200, p{"res": 0, "pid": 300, "pgid": 100})
	equal(t, "group of another", h.e.VGroupLeader(c), h.thread(100))

	h.exit(100)
	h.tick()
	c.SID, h.thread(200).SID = 100, 100
	equal(t, "leader of a session whose first process is gone", h.e.SessionLeader(c), h.thread(200))
}

func TestIdentity(t *testing.T) {
	const keep = NoUID
	h := newHost(t)
	s := h.thread(100)
	h.play(scap.EvSetresuidX, 100, p{"res": 0, "ruid": 5, "euid": 6, "suid": 7})
	equal(t, "setresuid", s.UID, 6)
	h.play(scap.EvSetresuidX, 100, p{"res": 0, "ruid": 5, "euid": keep, "suid": 7})
	equal(t, "setresuid -1 keeps", s.UID, 6)
	h.play(scap.EvSetreuidX, 100, p{"res": 0, "ruid": keep, "euid": 8})
	equal(t, "setreuid", s.UID, 8)
	h.play(scap.EvSetuidX, 100, p{"res": 0, "uid": 9})
	equal(t, "setuid", s.UID, 9)
	h.play(scap.EvSetgidX, 100, p{"res": 0, "gid": 10})
	equal(t, "setgid", s.GID, 10)
	h.play(scap.EvSetregidX, 100, p{"res": 0, "rgid": 3, "egid": keep})
	equal(t, "setregid -1 keeps", s.GID, 10)
	h.play(scap.EvSetresgidX, 100, p{"res": 0, "rgid": 3, "egid": 11, "sgid": 3})
	equal(t, "setresgid", s.GID, 11)
	s.CapPermitted, s.CapEffective, s.UID = 7, 3, 0
	h.play(scap.EvSetreuidX, 100, p{"res": 0, "ruid": keep, "euid": 8})
	equal(t, "effective capabilities of a former root", s.CapEffective, 0)
	equal(t, "permitted ones, real user still root", s.CapPermitted, 7)
	h.play(scap.EvSetuidX, 100, p{"res": 0, "uid": 0})
	equal(t, "effective capabilities, root again", s.CapEffective, 7)
	h.play(scap.EvSetresuidX, 100, p{"res": 0, "ruid": 5, "euid": 6, "suid": 7})
	equal(t, "permitted ones, root for good no more", s.CapPermitted, 0)
	h.play(scap.EvCapsetX, 100, p{"res": 0, "cap_inheritable": 1, "cap_permitted": 3, "cap_effective": 2})
	equal(t, "capset", [3]uint64{s.CapInheritable, s.CapPermitted, s.CapEffective}, [3]uint64{1, 3, 2})
	h.play(scap.EvUnshareX, 100, p{"res": 0, "flags": FlagNewUser})
	equal(t, "new user namespace", s.CapEffective, allCaps)
}

func TestLimits(t *testing.T) {
	h := newHost(t)
	h.clone(100, 101, FlagThread)
	h.play(scap.EvSetrlimitX, 100, p{"res": 0, "cur": 64, "max": 64, "resource": rlimitNoFile})
	equal(t, "setrlimit, seen by a thread", h.thread(101).FDLimit, 64)
	h.play(scap.EvSetrlimitX, 100, p{"res": 0, "cur": 5, "max": 5, "resource": 5})
	equal(t, "another limit", h.thread(100).FDLimit, 64)
	h.clone(100, 200, 0, p{"fdlimit": 64})
	h.play(scap.EvPrlimitX, 100, p{"res": 0, "newcur": 32, "newmax": 32, "oldcur": 64, "oldmax": 64, "pid": 200, "resource": rlimitNoFile})
	equal(t, "prlimit of another", h.thread(200).FDLimit, 32)
	equal(t, "prlimit leaves the caller", h.thread(100).FDLimit, 64)
	h.play(scap.EvPrlimitX, 100, p{"res": 0, "newcur": -1, "newmax": -1, "oldcur": 77, "oldmax": 77, "pid": 0, "resource": rlimitNoFile})
	equal(t, "prlimit that only reads", h.thread(100).FDLimit, 77)
}

func TestDirectories(t *testing.T) {
	h := newHost(t)
	s := h.thread(100)
	steps := []struct{ path, want string }{
		{"sub/dir", "/root/sub/dir/"},
		{"../..", "/root/"},
		{"../../..", "/"},
		{"/srv//www/./x/../", "/srv/www/"},
	}
	for _, st := range steps {
		h.play(scap.EvChdirX, 100, p{"res": 0, "path": st.path})
		equal(t, "after chdir "+st.path, s.CWD(), st.want)
	}
	h.open(100, 5, "/var/log", OpenRead|OpenDirectory)
	h.play(scap.EvFchdirX, 100, p{"res": 0, "fd": 5})
	equal(t, "after fchdir", s.CWD(), "/var/log/")
	h.play(scap.EvGetcwdX, 100, p{"res": 5, "path": "/real"})
	equal(t, "after getcwd", s.CWD(), "/real/")
	h.play(scap.EvChrootX, 100, p{"res": 0, "path": "jail"})
	equal(t, "after chroot", s.Root, "/real/jail")
	equal(t, "of an unknown process", newHost(t).e.newThread(7).CWD(), "./")
}

func TestEventsWithoutThread(t *testing.T) {
	h := newHost(t)
	for _, tid := range []int64{0, -1} {
		if ev := h.play(scap.EvReadX, tid, p{"res": 0, "fd": 0}); ev.Thread != nil {
			t.Fatalf("tid %d has a thread", tid)
		}
	}
	ev := h.exit(12345)
	if ev.Thread != nil {
		t.Fatal("the exit of an unknown thread has one")
	}
	h.absent(12345)
}

func TestEventNumbersAndTimes(t *testing.T) {
	e := New(Options{})
	at := func(ts uint64) *Event {
		return e.Process(scaptest.Named(scap.EvReadX, ts, 5, p{"res": 0, "fd": 0}))
	}
	ev := at(1000)
	equal(t, "first", [3]uint64{ev.Num, ev.FirstTS, ev.PrevTS}, [3]uint64{1, 1000, 1000})
	ev = at(1500)
	equal(t, "second", [3]uint64{ev.Num, ev.FirstTS, ev.PrevTS}, [3]uint64{2, 1000, 1000})
	ev = at(1700)
	equal(t, "third", [3]uint64{ev.Num, ev.FirstTS, ev.PrevTS}, [3]uint64{3, 1000, 1500})
}
