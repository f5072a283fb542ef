// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// lossy is a host whose process 200 (with the thread 201) does something that
// no event tells of.
func lossy(t *testing.T) (*host, *fakeProc, *procfs.Process) {
	pr := proc(200, 100, "/bin/worker", 201)
	pr.FDs = []procfs.FD{
		{Num: 0, Type: procfs.FDFile, Name: "/dev/null", Ino: 5, Dev: 1},
		{Num: 7, Type: procfs.FDFIFO, Name: "pipe:[77]", Ino: 77},
	}
	fake := &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), proc(100, 1, "/bin/sh"), pr}}
	h := &host{t: t, e: New(Options{Proc: fake, BootTime: boot}), ts: epoch}
	if err := h.e.Prime(); err != nil {
		t.Fatal(err)
	}
	h.play(scap.EvSocketX, 200, p{"fd": 9, "domain": 2, "type": 1, "proto": 0, "flags": 0})
	h.open(200, 8, "/etc/passwd", OpenRead)
	fake.asked = nil
	return h, fake, pr
}

func TestFirstEventAfterALossHealsItsProcess(t *testing.T) {
	h, fake, pr := lossy(t)
	h.e.Lost(10)
	// What nobody saw: an exec, a chdir, setuid, a close, an open.
	pr.Exe, pr.ExePath, pr.Args, pr.Main.Comm = "/bin/other", "/bin/other", []string{"-z"}, "other"
	pr.CWD, pr.Main.UID, pr.Main.SID = "/elsewhere", 33, 200
	pr.FDs = []procfs.FD{
		{Num: 7, Type: procfs.FDFIFO, Name: "pipe:[78]", Ino: 78},
		{Num: 8, Type: procfs.FDFile, Name: "/proc/says/passwd", Ino: 42, Dev: 8, Flags: OpenCloexec},
		{Num: 9, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("10.0.0.2:80")},
	}
	ev := h.open(201, 3, "here", OpenRead)
	w := h.thread(200)
	equal(t, "lost before", ev.LostBefore, 10)
	equal(t, "doubt", ev.Thread.Doubt(), 0)
	equal(t, "doubt of the main thread", w.Doubt(), 0)
	equal(t, "command", w.Cmdline, "other -z")
	equal(t, "file", w.ExePath, "/bin/other")
	equal(t, "user of a thread", ev.Thread.UID, 33)
	h.fd(200, 3, "/elsewhere/here")
	h.fd(200, 0, "-")
	equal(t, "another pipe", h.fd(200, 7, "pipe:[78]").Ino, 78)
	equal(t, "close-on-exec", h.fd(200, 8, "/etc/passwd").Flags&OpenCloexec, OpenCloexec)
	h.fd(200, 9, "10.0.0.1:5000->10.0.0.2:80")
	equal(t, "lost before, for the rest of the process", h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8}).LostBefore, 10)
	equal(t, "healed", h.e.Counters().Heals, 1)
	checkTables(t, h.e)

	h.open(200, 4, "/x", OpenRead)
	h.open(201, 4, "/x", OpenRead)
	equal(t, "questions", len(fake.asked), 1)
}

func TestHealingKeepsWhatEventsToldBetter(t *testing.T) {
	h, _, pr := lossy(t)
	h.play(scap.EvConnectX, 200, p{"res": 0, "fd": 9, "tuple": scaptest.Tuple("10.0.0.1:5000", "10.0.0.2:80")})
	pr.FDs = append(pr.FDs,
		procfs.FD{Num: 8, Type: procfs.FDFile, Name: "/proc/says/passwd", Ino: 42, Dev: 8},
		procfs.FD{Num: 9, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("10.0.0.2:80")})
	h.exec(200, "/bin/worker", p{"args": []string{"-x", "y"}, "env": []string{"B=2"}, "ptid": 100})
	h.e.Lost(1)
	h.tick()
	h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	equal(t, "healed", h.e.Counters().Heals, 2) // init's event, too
	equal(t, "raw name", h.fd(200, 8, "/etc/passwd").NameRaw, "/etc/passwd")
	equal(t, "role", h.fd(200, 9, "10.0.0.1:5000->10.0.0.2:80").Role, RoleClient)
	if env := h.thread(200).Env; !slices.Equal(env, []string{"B=2"}) {
		t.Fatalf("environment %q", env)
	}
}

func TestHealingIsLimited(t *testing.T) {
	h, fake, _ := lossy(t)
	for i := range int64(1000) {
		fake.procs = append(fake.procs, proc(1000+i, 1, "/bin/many"))
	}
	if err := h.e.Prime(); err != nil {
		t.Fatal(err)
	}
	h.e.Lost(1)
	for i := range int64(1000) {
		h.e.Process(scaptest.Named(scap.EvReadX, h.ts, 1000+i, p{"res": 0, "fd": 0}))
	}
	c := h.e.Counters()
	limit := uint64(DefaultLookupsPerSecond * lookupBurst / 2)
	if c.Heals > limit || c.Heals < limit-10 || c.HealsDenied != 1000-c.Heals {
		t.Fatalf("%d processes were read, %d denied", c.Heals, c.HealsDenied)
	}
	equal(t, "the last one stays in doubt", h.thread(1999).Doubt(), allDoubt)
	// Its turn comes.
	h.ts += 10e9
	h.play(scap.EvReadX, 1999, p{"res": 0, "fd": 0})
	equal(t, "later", h.thread(1999).Doubt(), 0)
}

func TestHealingFindsAnotherProcessWithTheID(t *testing.T) {
	tests := []struct {
		name  string
		start uint64 // of the process that /proc has, after the event
		comm  string
		doubt Doubt
	}{
		{"made before the event: it is the event's", ^uint64(5e9 - 1), "later", 0},
		{"made after it: its events are still to come", 5e9, "worker", allDoubt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _, pr := lossy(t)
			h.ts += 60e9
			h.e.Lost(1)
			pr.Main.StartTS, pr.Main.Comm, pr.Threads = h.ts+tt.start, "later", nil
			ev := h.play(scap.EvReadX, 200, p{"res": 0, "fd": 0})
			equal(t, "command of the event", ev.Thread.Comm, tt.comm)
			equal(t, "command", h.thread(200).Comm, tt.comm)
			equal(t, "doubt", h.thread(200).Doubt(), tt.doubt)
			equal(t, "lost before", ev.LostBefore, 1)
			if tt.doubt == 0 {
				h.absent(201)
				equal(t, "stale", h.e.Counters().ThreadsStale, 2)
			}
			checkTables(t, h.e)
		})
	}
}

func TestDescriptorsMissedByALossAreLookedUp(t *testing.T) {
	h, fake, _ := lossy(t)
	fake.fds = map[int64]procfs.FD{
		20: {Num: 20, Type: procfs.FDFile, Name: "/var/found", Ino: 9},
		21: {Num: 21, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("10.0.0.2:80")},
	}
	equal(t, "without a loss", h.play(scap.EvReadX, 200, p{"res": 1, "fd": 20}).FD, nil)
	h.e.Lost(1)
	fake.procs = nil // the process itself cannot be read
	ev := h.play(scap.EvReadX, 200, p{"res": 1, "fd": 20})
	equal(t, "name", ev.FD.Name, "/var/found")
	equal(t, "role of a socket", h.play(scap.EvReadX, 200, p{"res": 1, "fd": 21}).FD.Role, RoleClient)
	before := h.e.Counters().FDLookups
	for range 10 {
		h.play(scap.EvReadX, 200, p{"res": 1, "fd": 99})
		h.play(scap.EvReadX, 200, p{"res": -9, "fd": 98})
		h.play(scap.EvCloseX, 200, p{"res": 0, "fd": 97})
	}
	equal(t, "questions about what is not there", h.e.Counters().FDLookups-before, 1)
}

func TestWhatIsTheSameDescriptor(t *testing.T) {
	addr := netip.MustParseAddrPort
	tests := []struct {
		name  string
		model FD
		proc  procfs.FD
		want  bool
	}{
		{"a file", FD{Type: FDFile, Ino: 1, Dev: 2}, procfs.FD{Type: procfs.FDFile, Ino: 1, Dev: 2}, true},
		{"another file", FD{Type: FDFile, Ino: 1, Dev: 2}, procfs.FD{Type: procfs.FDFile, Ino: 3, Dev: 2}, false},
		{"another device", FD{Type: FDFile, Ino: 1, Dev: 2}, procfs.FD{Type: procfs.FDFile, Ino: 1, Dev: 3}, false},
		{"another kind", FD{Type: FDEvent}, procfs.FD{Type: procfs.FDTimerfd}, false},
		{"an eventfd has nothing to tell it by", FD{Type: FDEvent}, procfs.FD{Type: procfs.FDEvent}, true},
		{"another process of a pidfd", FD{Type: FDPidfd, PID: 4}, procfs.FD{Type: procfs.FDPidfd, PID: 5}, false},
		{
			"a connection seen from its server", FD{Type: FDIPv4, Connected: true, SrcIP: [16]byte{9, 9, 9, 9}, SrcPort: 1, DstIP: [16]byte{10, 0, 0, 1}, DstPort: 80},
			procfs.FD{Type: procfs.FDIPv4, Src: addr("10.0.0.1:80"), Dst: addr("9.9.9.9:1")}, true,
		},
		{
			"another peer", FD{Type: FDIPv4, Connected: true, SrcIP: [16]byte{9, 9, 9, 9}, SrcPort: 1, DstIP: [16]byte{10, 0, 0, 1}, DstPort: 80},
			procfs.FD{Type: procfs.FDIPv4, Src: addr("10.0.0.1:80"), Dst: addr("9.9.9.9:2")}, false,
		},
		{
			"a mapped address", FD{Type: FDIPv4, Connected: true, SrcIP: [16]byte{10, 0, 0, 1}, SrcPort: 80, DstIP: [16]byte{9, 9, 9, 9}, DstPort: 1},
			procfs.FD{Type: procfs.FDIPv6, Src: addr("[::ffff:10.0.0.1]:80"), Dst: addr("[::ffff:9.9.9.9]:1")}, true,
		},
		{"a server", FD{Type: FDIPv4Server, DstPort: 80}, procfs.FD{Type: procfs.FDIPv4Server, Src: addr("0.0.0.0:80")}, true},
		{"another server", FD{Type: FDIPv4Server, DstPort: 80}, procfs.FD{Type: procfs.FDIPv4Server, Src: addr("0.0.0.0:81")}, false},
		{"a socket that has done nothing", FD{Type: FDIPv4}, procfs.FD{Type: procfs.FDIPv4, Src: addr("0.0.0.0:0")}, true},
		{"a connection and a server", FD{Type: FDIPv4, Connected: true, DstPort: 80}, procfs.FD{Type: procfs.FDIPv4Server, Src: addr("0.0.0.0:80")}, false},
	}
	for _, tt := range tests {
		equal(t, tt.name, tt.model.is(&tt.proc), tt.want)
	}
}

func TestALookedUpSocketOfAServerIsTheServersEnd(t *testing.T) {
	h, fake, _ := lossy(t)
	fake.fds = map[int64]procfs.FD{
		21: {Num: 21, Type: procfs.FDIPv4, L4: procfs.L4TCP, Src: netip.MustParseAddrPort("10.0.0.1:80"), Dst: netip.MustParseAddrPort("10.0.0.2:5000")},
	}
	h.play(scap.EvSocketX, 200, p{"fd": 10, "domain": 2, "type": 1, "proto": 0, "flags": 0})
	h.play(scap.EvBindX, 200, p{"res": 0, "fd": 10, "addr": scaptest.Sockaddr("0.0.0.0:80")})
	h.e.receiveFD(h.thread(200), 21)
	equal(t, "role", h.fd(200, 21, "10.0.0.2:5000->10.0.0.1:80").Role, RoleServer)
}

func TestProcessesWithManyDescriptorsCostMoreOfTheLimit(t *testing.T) {
	h, _, pr := lossy(t)
	for n := range int64(5000) {
		pr.FDs = append(pr.FDs, procfs.FD{Num: 10 + n, Type: procfs.FDEvent})
	}
	before := h.e.tokens
	h.e.Lost(1)
	h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	if cost := before - h.e.tokens; cost < 40 {
		t.Errorf("it cost %v tokens", cost)
	}
}

// wholeProc tells all threads of a process.
type wholeProc struct{ *fakeProc }

func (f wholeProc) LookupWhole(tid int64) (*procfs.Process, error) { return f.Lookup(tid) }

func TestHealingFindsThreadsThatCameAndWent(t *testing.T) {
	h, fake, pr := lossy(t)
	h.e.opts.Proc = wholeProc{fake}
	h.clone(200, 202, FlagThread)
	h.clone(200, 203, FlagThread)
	h.clone(203, 300, 0)
	h.e.Lost(1)
	// The ends of 202 and 203 were lost, and the beginning of 204.
	pr.Threads = append(pr.Threads, pr.Threads[0])
	pr.Threads[1].TID = 204
	h.play(scap.EvReadX, 202, p{"res": 0, "fd": 8})
	h.thread(202) // it made the event
	h.absent(203)
	h.thread(201)
	equal(t, "new thread", h.thread(204).Main(), h.thread(200))
	h.parent(300, 200)
	checkTables(t, h.e)
}

func TestSocketsThatAreNotKnownYetAreAskedForOnceMore(t *testing.T) {
	h, fake, pr := lossy(t)
	pr.FDs = append(pr.FDs, procfs.FD{Num: 20, Type: procfs.FDIPv4, L4: procfs.L4TCP, Name: "socket:[5]", Ino: 5})
	h.e.Lost(1)
	h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	equal(t, "doubt while it is not known", h.thread(200).Doubt(), DoubtFDs)
	h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	equal(t, "questions", len(fake.asked), 1)
	h.ts += retryAfter
	last := &pr.FDs[len(pr.FDs)-1]
	last.Name, last.Src, last.Dst = "", netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("10.0.0.2:80")
	h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	h.fd(200, 20, "10.0.0.1:5000->10.0.0.2:80")
	equal(t, "doubt", h.thread(200).Doubt(), 0)

	// One that never gets addresses is asked for twice only.
	last.Num, last.Name, last.Src, last.Dst = 21, "socket:[6]", netip.AddrPort{}, netip.AddrPort{}
	h.e.Lost(1)
	before := len(fake.asked)
	for range 5 {
		h.ts += retryAfter
		h.play(scap.EvReadX, 200, p{"res": 0, "fd": 8})
	}
	equal(t, "questions about it", len(fake.asked)-before, 2)
}

func TestHealingTellsWhetherTheMainThreadGoesOn(t *testing.T) {
	h, _, pr := lossy(t)
	for _, ended := range []bool{true, false, true} {
		h.e.Lost(1)
		h.ts += retryAfter
		pr.MainEnded = ended
		h.play(scap.EvReadX, 201, p{"res": 0, "fd": 8})
		equal(t, "ended", h.thread(200).Dead(), ended)
		checkTables(t, h.e)
	}
	h.exit(201)
	h.tick()
	h.absent(200)
}

func TestScanTellsThatTheMainThreadHasEnded(t *testing.T) {
	pr := proc(200, 1, "/bin/worker", 201)
	pr.MainEnded = true
	e := New(Options{Proc: &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), pr}}})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	equal(t, "ended", e.Thread(200).Dead(), true)
	equal(t, "alive", e.Thread(201).Group().Alive, 1)
	checkTables(t, e)
}
