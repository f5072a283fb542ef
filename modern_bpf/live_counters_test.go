// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// Memory that a program has never touched is no page yet. Its events come, with
// an empty parameter, and are counted; a bad address is the caller's affair.
func TestLiveFaultsAreCountedAndDelivered(t *testing.T) {
	d := running(t, Options{}, scap.SCOpenat, scap.SCUnlinkat)
	faults := func() uint64 {
		var st scap.Stats
		scaptest.Account(t, d, &st)
		if st.DropsPage != 0 {
			t.Errorf("counters %+v", st.Counters)
		}
		return st.Faults
	}
	// The counter is the whole host's, so one of several tries must leave it alone.
	counted := true
	for try := 0; counted && try < 20; try++ {
		before := faults()
		tid, ret := call(unix.SYS_UNLINKAT, atFDCWD, 8, 0)
		ev := await(t, d, scap.EvUnlinkatV2X, byTID(tid))
		check(t, ev, params{"res": ret, "dirfd": int64(-100), "name": empty, "flags": 0})
		counted = faults() != before
	}
	if counted {
		t.Error("a bad address is counted as a fault")
	}

	// A name that another mapping hides between the call and its end is not
	// there: the caller's thread unmaps it while the call waits for a FIFO.
	dir := t.TempDir()
	fifo := dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	copy(page, fifo)
	before := faults()
	done := make(chan int)
	go func() {
		tid, _ := call(unix.SYS_OPENAT, atFDCWD, address(page), unix.O_RDONLY, 0)
		done <- tid
	}()
	time.Sleep(50 * time.Millisecond)
	if err := unix.Madvise(page, unix.MADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ofTID := byTID(<-done)
	// A preemption signal of the Go runtime may end the wait; the call goes on as another one.
	ev := await(t, d, scap.EvOpenatV2X, func(ev *scap.Event) bool {
		fd, _ := ev.Int(0)
		return ofTID(ev) && fd >= 0
	})
	fd, _ := ev.Int(0)
	unix.Close(int(fd))
	if len(ev.Param(2)) == 0 && faults() == before {
		t.Error("the name is missing, but no fault is counted")
	}
}

// Under overload with the smallest rings, every event is either delivered whole
// or counted as lost, and the first loss shows at once.
func TestLiveOverloadLosesNothingSilently(t *testing.T) {
	d := running(t, Options{RingBytes: os.Getpagesize()}, scap.SCOpenat, scap.SCClose, scap.SCGetuid, scap.SCUnlinkat)
	name := cstr("/no/such/directory/and/no/file")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			for {
				select {
				case <-stop:
					return
				default:
					unix.RawSyscall6(unix.SYS_OPENAT, atFDCWD, name, 0, 0, 0, 0)
					unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
					unix.RawSyscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0)
					unix.RawSyscall(unix.SYS_UNLINKAT, atFDCWD, name, 0)
				}
			}
		}()
	}
	pid := int64(os.Getpid())
	var got, first uint64
	var b scap.Batch
	st := scap.Stats{DropsBySyscall: make([]uint64, callTable)}
	next := func(wait time.Duration) int {
		if err := d.Next(&b, wait); err != nil {
			t.Fatal(err)
		}
		n := len(b.Events)
		for i := range b.Events {
			ev := &b.Events[i]
			got++
			if complaint := whole(ev, pid); complaint != "" {
				t.Errorf("damaged event: %s", complaint)
			}
		}
		d.Release(&b)
		return n
	}
	for begin := time.Now(); time.Since(begin) < 500*time.Millisecond || first == 0 && time.Since(begin) < time.Minute; {
		next(time.Millisecond)
		if first == 0 {
			if err := d.Stats(&st); err != nil {
				t.Fatal(err)
			}
			first = st.Drops()
		}
	}
	close(stop)
	wg.Wait()
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	lost := func() (classes, calls uint64) {
		for _, n := range st.DropsByClass {
			classes += n
		}
		for _, n := range st.DropsBySyscall {
			calls += n
		}
		return classes, calls
	}
	scaptest.Settle(t, d, &st, func() bool {
		for next(0) > 0 {
		}
		classes, calls := lost()
		return st.Delivered == got && calls == classes
	})
	if st.Seen != st.Delivered+st.Drops() || st.Delivered != got || st.Truncated != 0 {
		t.Errorf("read %d events of %+v, %d truncated", got, st.Counters, st.Truncated)
	}
	if first == 0 || st.DropsRing == 0 {
		t.Errorf("rings of one page have lost %d at first and %d in all", first, st.DropsRing)
	}
	classes, calls := lost()
	if classes != st.Drops()-st.DropsRecursion {
		t.Errorf("drops by class are %v, all are %+v", st.DropsByClass, st.Counters)
	}
	if calls != classes || st.DropsBySyscall[scap.SCOpenat] == 0 || st.DropsBySyscall[scap.SCRead] != 0 {
		t.Errorf("drops by call are %d in all, by class %d", calls, classes)
	}
	t.Logf("%+v; by class %v", st.Counters, st.DropsByClass)
}

// whole checks what the events of the overload test must be like.
func whole(ev *scap.Event, pid int64) string {
	info := ev.Info()
	if info == nil || ev.NumParams() != len(info.Params) {
		return fmt.Sprintf("type %d with %d parameters", ev.Type(), ev.NumParams())
	}
	at := -1
	switch ev.Type() {
	case scap.EvOpenatV2X:
		at = 2
	case scap.EvUnlinkatV2X:
		at = 2
	}
	if at < 0 || !ourThread(pid, ev.TID()) {
		return ""
	}
	if s, ok := ev.Str(at); ok && len(s) > 4 && s[:4] == "/no/" && s != "/no/such/directory/and/no/file" {
		return fmt.Sprintf("name %q", s)
	}
	return ""
}

func TestLiveEventsCarryTheWallClock(t *testing.T) {
	d := running(t, Options{}, scap.SCGetuid)
	tid, _ := call(unix.SYS_GETUID)
	ev := await(t, d, scap.EvGetuidX, byTID(tid))
	if off := time.Since(time.Unix(0, int64(ev.Timestamp()))); off < -time.Second || off > time.Minute {
		t.Errorf("an event of right now is dated %v ago", off)
	}
}

func TestLiveOneExecIsOneEvent(t *testing.T) {
	d := running(t, Options{}, scap.SCExecve, scap.SCExecveat)
	p, err := os.StartProcess("/proc/self/exe", []string{"test", "-test.run=^$"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	n := 0
	read(t, d, 200*time.Millisecond, func(ev *scap.Event) bool {
		if ev.TID() == int64(p.Pid) && (ev.Type() == scap.EvExecveV19X || ev.Type() == scap.EvExecveatX) {
			n++
		}
		return false
	})
	if n != 1 {
		t.Errorf("one exec gave %d events", n)
	}
}

// A CPU that was not there at the start shares the first ring.
func TestLiveCPUThatComesLaterSharesTheFirstRing(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() < 2 {
		t.Skip("needs two CPUs")
	}
	needLive(t)
	last := 0
	for i := range 1024 {
		if all.IsSet(i) {
			last = i
		}
	}
	d := running(t, Options{online: []int{0}}, scap.SCGetuid)
	if len(d.rings.(*ringSet).maps) != 1 {
		t.Fatalf("%d rings for one CPU", len(d.rings.(*ringSet).maps))
	}
	tid := onThread(func() {
		var one unix.CPUSet
		one.Set(last)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
		}
		unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
	})
	await(t, d, scap.EvGetuidX, byTID(tid))
}

// Turns a CPU off and on again; only where that does no harm.
func TestLiveCPUHotplug(t *testing.T) {
	if os.Getenv("TIERCEL_HOTPLUG") == "" {
		t.Skip("takes CPU 1 down: set TIERCEL_HOTPLUG=1 on a machine of your own")
	}
	const file = "/sys/devices/system/cpu/cpu1/online"
	set := func(v string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(v), 0); err != nil {
			t.Skipf("CPU 1 cannot be taken down: %v", err)
		}
	}
	set("0")
	defer set("1")
	d := running(t, Options{}, scap.SCGetuid)
	set("1")
	tid := onThread(func() {
		var one unix.CPUSet
		one.Set(1)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
		}
		unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
	})
	await(t, d, scap.EvGetuidX, byTID(tid))
}

// sendmmsg and recvmmsg give an event for every message.
func TestLiveEveryMessageIsAnEvent(t *testing.T) {
	d := running(t, Options{}, scap.SCSendmmsg, scap.SCRecvmmsg)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	// struct mmsghdr: name, its length, vector, its length, control, its length, flags, moved.
	vector := func(n int, room int) (uintptr, [][]byte) {
		hdrs := make([]uint64, 8*n)
		bufs := make([][]byte, n)
		for i := range n {
			bufs[i] = make([]byte, room)
			copy(bufs[i], fmt.Sprintf("message %02d", i))
			hdrs[8*i+2] = uint64(block(address(bufs[i]), uintptr(room-i)))
			hdrs[8*i+3] = 1
		}
		keep(hdrs)
		keep(bufs)
		return address(hdrs), bufs
	}
	for _, n := range []int{1, 2, 9, 20} {
		var before, after scap.Stats
		d.Stats(&before)
		out, bufs := vector(n, 30)
		tid, ret := call(unix.SYS_SENDMMSG, uintptr(fds[0]), out, uintptr(n), unix.MSG_DONTWAIT)
		if ret <= 0 {
			t.Fatalf("sendmmsg: %d", ret)
		}
		most := min(int(ret), 16) // what one call can tell
		for i := range most {
			ev := await(t, d, scap.EvSendmmsgX, byTID(tid))
			check(t, ev, params{"res": 30 - i, "fd": fds[0], "size": 30 - i, "data": bufs[i][:30-i], "tuple": anything})
		}
		in, _ := vector(n, 60)
		tid, ret2 := call(unix.SYS_RECVMMSG, uintptr(fds[1]), in, uintptr(n), unix.MSG_DONTWAIT, 0)
		if ret2 != ret {
			t.Fatalf("recvmmsg: %d of %d", ret2, ret)
		}
		for i := range most {
			ev := await(t, d, scap.EvRecvmmsgX, byTID(tid))
			check(t, ev, params{"res": 30 - i, "fd": fds[1], "size": 60 - i, "data": bufs[i][:30-i], "tuple": anything, "msgcontrol": anything})
		}
		if read(t, d, 20*time.Millisecond, func(ev *scap.Event) bool { return ev.TID() == int64(tid) }) {
			t.Errorf("more events than the %d of %d messages", most, n)
		}
		scaptest.Account(t, d, &after)
		if got := after.Seen - before.Seen; got < uint64(2*most) {
			t.Errorf("%d messages: %d seen, %+v", n, got, after.Counters)
		}
	}
	out, _ := vector(1, 10)
	tid, ret := call(unix.SYS_SENDMMSG, ^uintptr(0), out, 1, 0)
	ev := await(t, d, scap.EvSendmmsgX, byTID(tid))
	check(t, ev, params{"res": ret, "fd": -1, "size": 10, "data": []byte("message 00"), "tuple": empty})
}

// While the kernel counts, the programs' runs and times are told by tracepoint.
func TestLiveProgramsTellWhatTheyCost(t *testing.T) {
	const sysctl = "/proc/sys/kernel/bpf_stats_enabled"
	old, err := os.ReadFile(sysctl)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sysctl, []byte("1"), 0); err != nil {
		t.Skipf("this kernel does not let us count: %v", err)
	}
	defer os.WriteFile(sysctl, old, 0)
	d := running(t, Options{}, scap.SCGetuid)
	for range 100 {
		unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
	}
	found := false
	err = d.Programs(func(tracepoint string, runs, ns uint64) {
		if tracepoint == "sys_exit" {
			found = runs >= 100 && ns >= runs
			t.Logf("%s: %d runs, %d ns", tracepoint, runs, ns)
		}
	})
	if err != nil || !found {
		t.Errorf("the program on sys_exit did not count 100 runs (%v)", err)
	}
}
