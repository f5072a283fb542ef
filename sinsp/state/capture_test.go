// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
)

// inTables is a thread as a capture has it.
func inTables(tid, pid, ptid int64, comm string) capture.Thread {
	c := capture.Thread{
		Exe: "/bin/" + comm, ExePath: "/usr/bin/" + comm, Args: []string{"-v"}, Env: []string{"A=b"}, CWD: "/root", Root: "/",
		LoginUID: 1000, FDLimit: 1024,
	}
	c.TID, c.PID, c.PTID, c.VTID, c.VPID = tid, pid, ptid, tid, pid
	c.SID, c.VSID, c.PGID, c.VPGID = pid, pid, pid, pid
	c.Comm, c.UID, c.GID = comm, 33, 34
	return c
}

func fdIn(num int64, typ FDType, name string) capture.FD {
	return capture.FD{FD: procfs.FD{Num: num, Type: procfs.FDType(typ), Name: name}}
}

func ipIn(num int64, typ FDType, src, dst string) capture.FD {
	f := fdIn(num, typ, "")
	f.L4 = procfs.L4TCP
	f.Src = netip.MustParseAddrPort(src)
	if dst != "" {
		f.Dst = netip.MustParseAddrPort(dst)
	}
	return f
}

// someTables are a shell (90) with a server (100, of two threads, the second of
// which comes first in the file) below it.
func someTables() *capture.Tables {
	second := inTables(101, 100, 90, "worker")
	server := inTables(100, 100, 90, "server")
	server.Cgroups = []string{"memory=/docker/" + strings.Repeat("ab", 32)}
	peer := fdIn(5, FDUnix, "/run/x.sock")
	peer.Ptr, peer.Peer = 0x10, 0x20
	server.FDs = []capture.FD{
		fdIn(0, FDFile, "/dev/null"),
		ipIn(3, FDIPv4Server, "0.0.0.0:80", ""),
		ipIn(4, FDIPv4, "10.0.0.1:80", "10.0.0.9:555"),
		peer,
		ipIn(6, FDIPv6, "[fe80::1]:1234", "[fe80::2]:443"),
	}
	return &capture.Tables{
		Machine:    &capture.Machine{CPUs: 8, Hostname: "there", BootTime: boot},
		Interfaces: []capture.Interface{{Name: "eth0", Addr: netip.MustParseAddr("10.0.0.1")}},
		Users:      []procfs.User{{UID: 33, GID: 34, Name: "www"}},
		Groups:     []procfs.Group{{GID: 34, Name: "web"}},
		Threads:    []capture.Thread{second, server, inTables(90, 90, 1, "bash"), inTables(1, 1, 0, "init")},
	}
}

func TestTheTablesOfACaptureAreTheHost(t *testing.T) {
	h := &host{t: t, e: New(Options{}), ts: epoch}
	h.e.PrimeFrom(someTables())
	equal(t, "host name", h.e.Hostname(), "there")
	equal(t, "boot time", h.e.BootTime(), boot)
	main, second := h.thread(100), h.thread(101)
	h.parent(100, 90)
	h.parent(101, 90)
	h.parent(90, 1)
	h.parent(1, 0)
	equal(t, "leader of the second thread", second.Main(), main)
	equal(t, "its descriptors", second.FDs(), main.FDs())
	equal(t, "its directory", second.CWD(), "/root/")
	equal(t, "its name", second.Comm, "worker")
	equal(t, "command line", main.Cmdline, "server -v")
	equal(t, "container", main.ContainerID, "abababababab")
	equal(t, "login", main.LoginUID, 1000)
	equal(t, "user", h.e.User(h.thread(90), 33).Name, "www")
	equal(t, "group", h.e.UserGroup(h.thread(90), 34).Name, "web")
	equal(t, "an address of that host", h.e.IsLocalAddr([16]byte{10, 0, 0, 1}, false), true)
	equal(t, "an address of another", h.e.IsLocalAddr([16]byte{10, 0, 0, 9}, false), false)

	h.fd(100, 0, "/dev/null")
	sock(t, h.fd(100, 3, "0.0.0.0:80"), FDIPv4Server, L4TCP, RoleServer)
	// The kernel has the local end first; the client has to be the source.
	sock(t, h.fd(100, 4, "10.0.0.9:555->10.0.0.1:80"), FDIPv4, L4TCP, RoleServer)
	sock(t, h.fd(100, 6, "fe80::1:1234->fe80::2:443"), FDIPv6, L4TCP, RoleClient)
	if f := h.fd(100, 5, "/run/x.sock"); f.SrcPtr != 0x10 || f.DstPtr != 0x20 {
		t.Errorf("ends of the unix socket: %x %x", f.SrcPtr, f.DstPtr)
	}
}

func TestAnotherCaptureReplacesTheHost(t *testing.T) {
	h := newHost(t)
	h.open(100, 3, "/etc/motd", OpenRead)
	num := h.e.ev.Num
	h.e.PrimeFrom(&capture.Tables{Threads: []capture.Thread{inTables(1, 1, 0, "init"), inTables(77, 77, 1, "cat")}})
	h.absent(100)
	h.parent(77, 1)
	equal(t, "host name", h.e.Hostname(), "")
	equal(t, "user of the former host", h.e.User(nil, 33), nil)
	ev := h.play(scap.EvReadX, 77, p{"res": 0, "fd": 3})
	equal(t, "number of the event", ev.Num, num+1)
	equal(t, "descriptor of a former process", ev.FD, nil)
	s := h.e.Counters()
	equal(t, "threads", s.Threads, 2)
	equal(t, "descriptors", s.FDs, 0)
}

func TestWhatTheModelTellsACaptureIsReadBack(t *testing.T) {
	h := &host{t: t, e: New(Options{BootTime: boot, Hostname: "there"}), ts: epoch}
	h.e.PrimeFrom(someTables())
	h.clone(90, 120, 0)
	h.exec(120, "/bin/cat", p{"args": []string{"/etc/shadow"}, "ptid": int64(90)})
	h.open(120, 7, "/etc/shadow", OpenRead)
	h.exit(101)
	h.tick()
	again := &host{t: t, e: New(Options{}), ts: epoch}
	again.e.PrimeFrom(h.e.Tables())

	again.absent(101)
	again.parent(120, 90)
	again.fd(120, 7, "/etc/shadow")
	equal(t, "command line", again.thread(120).Cmdline, "cat /etc/shadow")
	sock(t, again.fd(100, 4, "10.0.0.9:555->10.0.0.1:80"), FDIPv4, L4TCP, RoleServer)
	sock(t, again.fd(100, 3, "0.0.0.0:80"), FDIPv4Server, L4TCP, RoleServer)
	sorted := func(c *capture.Tables) *capture.Tables {
		slices.SortFunc(c.Threads, func(a, b capture.Thread) int { return int(a.TID - b.TID) })
		for i := range c.Threads {
			c.Threads[i].StartTS = 0 // the format has none
		}
		return c
	}
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	samePort := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if d := cmp.Diff(sorted(h.e.Tables()), sorted(again.e.Tables()), same, samePort); d != "" {
		t.Error(d)
	}
}

func TestATableThatLiesDoesNoHarm(t *testing.T) {
	h := &host{t: t, e: New(Options{}), ts: epoch}
	loop := inTables(10, 10, 11, "a")
	h.e.PrimeFrom(&capture.Tables{Threads: []capture.Thread{
		loop, inTables(11, 11, 10, "b"), inTables(12, 12, 12, "own parent"), loop,
		inTables(-1, -1, -1, "nobody"), inTables(0, 0, 0, "idle"), inTables(20, 19, 1, "main thread missing"),
	}})
	equal(t, "threads", h.e.NumThreads(), 4)
	for th := h.thread(10); th != nil; th = th.Parent() {
	}
	if h.thread(20).Main() != nil {
		t.Error("a main thread out of nothing")
	}
	h.e.Tables()
}

func TestTimesBetweenEventsLeaveOutWhatOnlyTheModelSees(t *testing.T) {
	h := newHost(t)
	h.e = New(Options{})
	h.e.HideEnter(true)
	play := func(typ scap.EventType, params p) (sinceFirst, sinceLast uint64) {
		ev := h.play(typ, 100, params)
		return ev.Timestamp() - ev.FirstTS, ev.Timestamp() - ev.PrevTS
	}
	want := func(name string, first, last, wantFirst, wantLast uint64) {
		t.Helper()
		if first != wantFirst*1e6 || last != wantLast*1e6 {
			t.Errorf("%s: %d ns after the first event and %d after the last, want %d and %d ms", name, first, last, wantFirst, wantLast)
		}
	}
	first, last := play(scap.EvUserAddedE, p{"uid": 1, "name": "x"})
	want("an entry of a table", first, last, 0, 0)
	first, last = play(scap.EvReadX, p{"res": 0, "fd": 1})
	want("the first event", first, last, 0, 0)
	play(scap.EvOpenatV2E, p{"name": "x"})
	first, last = play(scap.EvOpenatV2X, p{"fd": 3, "name": "x"})
	want("the end of a call", first, last, 2, 2)
	h.e.HideEnter(false)
	play(scap.EvOpenatV2E, p{"name": "x"})
	first, last = play(scap.EvOpenatV2X, p{"fd": 3, "name": "x"})
	want("the end of a call whose beginning is shown", first, last, 4, 1)
}
