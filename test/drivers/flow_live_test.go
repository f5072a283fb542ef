// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/test/live"
)

func start(t *testing.T, d scap.Driver, calls ...scap.SC) {
	t.Helper()
	selects(t, d, calls...)
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
}

func selects(t *testing.T, d scap.Driver, calls ...scap.SC) {
	t.Helper()
	applied, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(calls...)})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range applied.Degraded {
		t.Error(g)
	}
}

func stats(t *testing.T, d scap.Driver) scap.Stats {
	t.Helper()
	st := room()
	scaptest.Account(t, d, &st)
	return st
}

// room is for all that a driver can count.
func room() scap.Stats {
	return scap.Stats{DropsBySyscall: make([]uint64, 512), PerCPU: make([]scap.Counters, runtime.NumCPU())}
}

// skipped is how many runs of its probes the kernel has skipped: from Linux 6.13
// on probes of calls can be preempted, and the kernel does not let a program run
// on top of itself.
func skipped(t *testing.T, d scap.Driver) int {
	t.Helper()
	return int(stats(t, d).DropsRecursion)
}

// next looks at one batch.
func next(t *testing.T, d scap.Driver, wait time.Duration, look func(*scap.Event)) int {
	t.Helper()
	var b scap.Batch
	if err := d.Next(&b, wait); err != nil {
		t.Fatal(err)
	}
	for i := range b.Events {
		look(&b.Events[i])
	}
	n := len(b.Events)
	d.Release(&b) // it empties the batch
	return n
}

// finish holds the flow and reads what is left.
func finish(t *testing.T, d scap.Driver, look func(*scap.Event)) {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	// A reader of quiet rings looks at them every 160 ms only. What is counted is
	// how often nothing came: clocks of emulated machines jump.
	for empty := 0; empty < 8; empty++ {
		if next(t, d, 50*time.Millisecond, look) > 0 {
			empty = 0
		}
	}
}

// load makes calls from several threads until stop is closed.
func load(stop <-chan struct{}, threads int, calls func()) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			for {
				select {
				case <-stop:
					return
				default:
					calls()
				}
			}
		}()
	}
	return &wg
}

var missing = [...]byte{'/', 'n', 'a', '/', 's', 'u', 'c', 'h', '/', 'f', 'i', 'l', 'e', 0}

func openMissing() {
	unix.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&missing[0])), 0, 0, 0, 0)
}

// Under overload with the smallest rings, every event is either delivered whole
// or counted as lost: in all, by CPU, by class and by call.
func TestLiveOverloadLosesNothingSilently(t *testing.T) {
	live.Require(t)
	d := live.Driver(t, live.Options{RingBytes: os.Getpagesize(), ReportSelf: true})
	start(t, d, scap.SCOpenat, scap.SCClose, scap.SCGetuid)
	stop := make(chan struct{})
	wg := load(stop, 2*runtime.NumCPU(), func() {
		openMissing()
		unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
		unix.RawSyscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0)
	})
	var got uint64
	look := func(ev *scap.Event) {
		got++
		if info := ev.Info(); info == nil || ev.NumParams() != len(info.Params) {
			t.Errorf("damaged event: type %d, %d parameters", ev.Type(), ev.NumParams())
			return
		}
		if ev.Type() != scap.EvOpenatV2X {
			return
		}
		// Nothing else on the host opens names like this one.
		if s, ok := ev.Str(2); ok && len(s) > 3 && s[:4] == "/na/" && s != "/na/such/file" {
			t.Errorf("name %q", s)
		}
	}
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		next(t, d, time.Millisecond, look)
	}
	close(stop)
	wg.Wait()
	finish(t, d, look)
	st := room()
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
		for next(t, d, 0, look) > 0 {
		}
		classes, calls := lost()
		return st.Delivered == got && calls == classes
	})
	if st.Seen != st.Delivered+st.Drops() || st.Delivered != got || st.Truncated != 0 {
		t.Errorf("read %d events of %+v, %d truncated", got, st.Counters, st.Truncated)
	}
	if st.DropsRing == 0 {
		t.Error("rings of one page have lost nothing")
	}
	classes, calls := lost()
	// What the kernel skipped itself is not known by call.
	if least := st.Drops() - st.DropsRecursion; classes < least || classes > st.Drops() || calls != classes {
		t.Errorf("%d drops by class, %d by call, %+v in all", classes, calls, st.Counters)
	}
	var perCPU scap.Counters
	for _, c := range st.PerCPU {
		perCPU.Seen += c.Seen
		perCPU.Delivered += c.Delivered
	}
	if perCPU.Delivered != st.Delivered {
		t.Errorf("%d delivered by CPU, %d in all", perCPU.Delivered, st.Delivered)
	}
	t.Logf("%+v", st.Counters)
}

// A call that stays selected while the rest of the selection changes all the
// time loses no event by that.
func TestLiveSelectionChangesWhileEventsFlow(t *testing.T) {
	live.Require(t)
	d := live.Driver(t, live.Options{ReportSelf: true})
	sets := [][]scap.SC{
		{scap.SCGetppid},
		{scap.SCGetppid, scap.SCOpenat, scap.SCClose, scap.SCExecve},
		{scap.SCGetppid, scap.SCClone, scap.SCSchedProcessExit, scap.SCUnlinkat},
		{scap.SCGetppid, scap.SCRead, scap.SCWrite, scap.SCConnect},
	}
	for _, s := range sets {
		selects(t, d, s...) // programs are loaded once
	}
	start(t, d, sets[0]...)
	stop := make(chan struct{})
	made := make(chan uint64, 1)
	tid := make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		var n uint64
		for {
			select {
			case <-stop:
				made <- n
				return
			default:
				unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				n++
				time.Sleep(20 * time.Microsecond)
			}
		}
	}()
	mine := int64(<-tid)
	var got uint64
	look := func(ev *scap.Event) {
		if ev.TID() == mine && ev.Type() == scap.EvGenericX {
			if sc, ok := ev.Uint(0); ok && scap.SC(sc) == scap.SCGetppid {
				got++
			}
		}
	}
	changes := 0
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); changes++ {
		selects(t, d, sets[changes%len(sets)]...)
		for next(t, d, time.Millisecond, look) > 0 {
		}
	}
	close(stop)
	n := <-made
	finish(t, d, look)
	st := stats(t, d)
	if got+st.DropsRecursion < n || st.Drops() != st.DropsRecursion {
		t.Errorf("%d of %d events came during %d changes, %+v", got, n, changes, st.Counters)
	}
	t.Logf("%d events during %d changes", got, changes)
}

// What is not selected is not told, and stopping ends the flow.
func TestLiveOnlyWhatIsSelectedComes(t *testing.T) {
	live.Require(t)
	d := live.Driver(t, live.Options{ReportSelf: true})
	start(t, d, scap.SCOpenat)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := int64(unix.Gettid())
	count := map[scap.EventType]int{}
	look := func(ev *scap.Event) {
		if ev.TID() == tid {
			count[ev.Type()]++
		}
	}
	for range 50 {
		openMissing()
		unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
	}
	finish(t, d, look)
	if count[scap.EvOpenatV2X] < 50-skipped(t, d) || len(count) != 1 {
		t.Errorf("events of this thread: %v", count)
	}
	clear(count)
	openMissing()
	for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end); {
		next(t, d, 50*time.Millisecond, look)
	}
	if len(count) != 0 {
		t.Errorf("events while stopped: %v", count)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		openMissing()
	}
	finish(t, d, look)
	if count[scap.EvOpenatV2X] == 0 {
		t.Error("no event after the second start")
	}
}

// Two at once see each what it asked for.
func TestLiveTwoConsumersDoNotDisturbEachOther(t *testing.T) {
	live.Require(t)
	a := live.Driver(t, live.Options{ReportSelf: true})
	b := live.Driver(t, live.Options{ReportSelf: true})
	start(t, a, scap.SCOpenat)
	start(t, b, scap.SCGetuid)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := int64(unix.Gettid())
	of := func(count map[scap.EventType]int) func(*scap.Event) {
		return func(ev *scap.Event) {
			if ev.TID() == tid {
				count[ev.Type()]++
			}
		}
	}
	calls := func() {
		for range 20 {
			openMissing()
			unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0)
		}
	}
	calls()
	inA, inB := map[scap.EventType]int{}, map[scap.EventType]int{}
	finish(t, a, of(inA))
	calls()
	finish(t, b, of(inB))
	if len(inA) != 1 || inA[scap.EvOpenatV2X] < 20-skipped(t, a) {
		t.Errorf("the first one got %v", inA)
	}
	if len(inB) != 1 || inB[scap.EvGetuidX] < 40-skipped(t, b) {
		t.Errorf("the second one got %v", inB)
	}
}
