// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestPrime(t *testing.T) {
	child := proc(50, 60, "/usr/bin/worker", 51, 52)
	child.Cgroups = []string{"cpu=/default/box"}
	addr := netip.MustParseAddrPort
	child.FDs = []procfs.FD{
		{Num: 0, Type: procfs.FDFile, Name: "/dev/null", Flags: OpenRead, Ino: 5},
		{Num: 3, Type: procfs.FDIPv4Server, L4: procfs.L4TCP, Listen: true, Src: addr("0.0.0.0:80")},
		{Num: 4, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: addr("10.0.0.1:80"), Dst: addr("9.9.9.9:1234")},
		{Num: 5, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: addr("10.0.0.1:4000"), Dst: addr("9.9.9.9:443")},
		{Num: 6, Type: procfs.FDUnix, Name: "/run/x", Ptr: 1},
		{Num: 7, Type: procfs.FDIPv6, L4: procfs.L4UDP, Src: addr("[::1]:9"), Dst: addr("[::1]:10")},
	}
	// The parent comes later, as its id is higher.
	parent := proc(60, 1, "/usr/sbin/master")
	fake := &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), child, parent}}
	e := New(Options{Proc: fake})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, e: e, ts: epoch}
	equal(t, "threads", e.NumThreads(), 5)
	w := h.thread(50)
	equal(t, "command", w.Cmdline, "worker -x y")
	equal(t, "exepath", w.ExePath, "/usr/bin/worker")
	equal(t, "environment", w.EnvLine, "A=1")
	equal(t, "directory", w.CWD(), "/srv/")
	equal(t, "container", w.ContainerID, "box")
	equal(t, "alive", w.Group().Alive, 3)
	equal(t, "uncertain", w.Uncertain(), false)
	equal(t, "clone time", w.CloneTS, boot)
	h.parent(50, 60)
	h.parent(60, 1)
	h.parent(1, 0)
	th := h.thread(52)
	equal(t, "main thread", th.Main(), w)
	equal(t, "flags", th.Flags&(FlagThread|FlagFiles), FlagThread|FlagFiles)
	equal(t, "command of a thread", th.Cmdline, "worker -x y")
	h.fd(52, 0, "/dev/null")
	sock(t, h.fd(50, 3, "0.0.0.0:80"), FDIPv4Server, L4TCP, RoleServer)
	sock(t, h.fd(50, 4, "9.9.9.9:1234->10.0.0.1:80"), FDIPv4, L4TCP, RoleServer)
	sock(t, h.fd(50, 5, "10.0.0.1:4000->9.9.9.9:443"), FDIPv4, L4TCP, RoleClient)
	sock(t, h.fd(50, 7, "::1:9->::1:10"), FDIPv6, L4UDP, RoleClient)
	h.fd(50, 6, "/run/x")
	// Events go on from there.
	h.clone(50, 70, 0)
	h.fd(70, 3, "0.0.0.0:80")
	h.parent(70, 50)
}

func TestLookupOfUnknownThread(t *testing.T) {
	fake := &fakeProc{procs: []*procfs.Process{proc(500, 100, "/usr/bin/late", 501)}}
	fake.procs[0].FDs = []procfs.FD{{Num: 1, Type: procfs.FDFile, Name: "/var/log/x"}}
	h := newHostWith(t, Options{Proc: fake})
	fake.asked = nil

	ev := h.open(501, 4, "f", OpenRead)
	equal(t, "command", ev.Thread.Cmdline, "late -x y")
	equal(t, "uncertain", ev.Thread.Uncertain(), false)
	equal(t, "name from its directory", ev.FD.Name, "/srv/f")
	h.fd(500, 1, "/var/log/x")
	h.parent(501, 100)
	h.open(500, 5, "/x", OpenRead)
	h.open(501, 5, "/x", OpenRead)
	equal(t, "questions", len(fake.asked), 1)
}

func TestLookupsAreLimited(t *testing.T) {
	fake := &fakeProc{}
	h := newHostWith(t, Options{Proc: fake, LookupsPerSecond: 5})
	before := h.e.Counters()
	for tid := range int64(100) {
		h.ts -= 1e6 // no time passes
		h.open(1000+tid, 3, "/x", OpenRead)
	}
	s := h.e.Counters()
	if n := s.Lookups - before.Lookups; n > 5*lookupBurst {
		t.Fatalf("%d questions in no time, want at most %d", n, 5*lookupBurst)
	}
	equal(t, "all accounted for", s.Lookups+s.LookupsDenied-before.Lookups-before.LookupsDenied, 100)

	t.Run("and not repeated at once", func(t *testing.T) {
		h.ts += 10e9
		h.open(1000, 3, "/x", OpenRead)
		n := len(fake.asked)
		for range 20 {
			h.open(1000, 3, "/x", OpenRead)
		}
		equal(t, "questions", len(fake.asked), n)
	})
	t.Run("but later", func(t *testing.T) {
		fake.procs = []*procfs.Process{proc(1000, 1, "/bin/there")}
		h.ts += retryAfter
		equal(t, "comm", h.open(1000, 3, "/x", OpenRead).Thread.Comm, "there")
	})
}

func TestNoLookupForClonesAndExits(t *testing.T) {
	fake := &fakeProc{}
	h := newHostWith(t, Options{Proc: fake})
	fake.asked = nil
	h.exit(700)
	h.cloned(701, 701, 100, 0)
	equal(t, "questions", len(fake.asked), 0)
}

func TestThreadTableIsBounded(t *testing.T) {
	h := newHostWith(t, Options{MaxThreads: 10})
	for i := range int64(50) {
		h.clone(100, 200+i, 0)
	}
	equal(t, "threads", h.e.NumThreads(), 10)
	equal(t, "evicted", h.e.Counters().ThreadsEvicted, 42)
	h.thread(1)
	h.thread(100)
	h.thread(249)
	equal(t, "descriptors counted", h.e.Counters().FDs, countFDs(h.e))
}

func TestFullTableGivesUpWhatIsUnknown(t *testing.T) {
	h := newHostWith(t, Options{MaxThreads: 10})
	for i := range int64(50) {
		h.open(900+i, 3, "/x", OpenRead) // placeholders
	}
	equal(t, "threads", h.e.NumThreads(), 10)
	h.clone(100, 200, 0)
	h.parent(200, 100)
	if h.e.Counters().ThreadsEvicted == 0 {
		t.Fatal("evictions are not counted")
	}
}

func TestSweepForgetsLostExits(t *testing.T) {
	alive := map[int64]bool{1: true, 100: true, 300: true}
	h := newHostWith(t, Options{Alive: func(pid int64) bool { return alive[pid] }})
	h.clone(100, 200, 0)
	h.clone(100, 300, 0)
	for range 1000 {
		h.ts += uint64(DefaultSweepEvery) / sweepSteps
		h.tick()
	}
	h.absent(200)
	h.thread(300)
	equal(t, "gone", h.e.Counters().ThreadsGone, 1)
}

func TestPrimeWhileEventsWait(t *testing.T) {
	// The source runs before /proc is read: what the first events tell is in
	// the tables already.
	pr := proc(500, 1, "/bin/new")
	pr.Main.StartTS = epoch
	e := New(Options{Proc: &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), pr}}})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, e: e, ts: epoch}
	h.cloned(500, 500, 1, 0, p{"exe": "/sbin/init", "comm": "init"})
	equal(t, "comm", h.thread(500).Comm, "new")
	e.Process(scaptest.Named(scap.EvExecveV19X, h.ts+1, 500, p{"res": 0, "exe": "/bin/new", "comm": "new", "pid": 500, "ptid": 1}))
	equal(t, "threads", e.NumThreads(), 2)
	h.parent(500, 1)
}
