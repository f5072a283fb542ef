// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// measured are the calls whose cost is told, and the code that selects each.
var measured = []struct {
	name string
	sc   scap.SC
	call func()
}{
	{"getppid", scap.SCGetppid, func() { unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }},
	{"openat", scap.SCOpenat, openMissing},
	{"write", scap.SCWrite, writeNull},
}

var (
	null, _ = unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	bytes64 [64]byte
)

func writeNull() { _, _ = unix.Write(null, bytes64[:]) }

// costOf is the least time of a call over many short batches. In a machine that
// counts instructions (qemu -icount shift=0) a nanosecond is an instruction.
func costOf(call func()) int64 {
	const batches, calls = 40, 200
	var best int64
	for range batches {
		var a, b unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &a)
		for range calls {
			call()
		}
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &b)
		if ns := (b.Nano() - a.Nano()) / calls; best == 0 || ns < best {
			best = ns
		}
	}
	return best
}

// readerCost is the least time that the reader's thread works for an event, over
// batches of events that are waiting.
func readerCost(t *testing.T, d scap.Driver, call func()) int64 {
	t.Helper()
	const calls = 4000
	var best int64
	for range 10 {
		for tries := 0; tries < 20 && next(t, d, 200*time.Millisecond, func(*scap.Event) {}) > 0; tries++ {
		}
		for range calls {
			call()
		}
		var a, b unix.Timespec
		got := 0
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &a)
		for empty := 0; got < calls && empty < 10; {
			n := next(t, d, 100*time.Millisecond, func(*scap.Event) {})
			if got += n; n == 0 {
				empty++
			}
		}
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &b)
		if got < calls {
			t.Errorf("%d events of %d calls", got, calls)
			return 0
		}
		if ns := (b.Nano() - a.Nano()) / int64(got); best == 0 || ns < best {
			best = ns
		}
	}
	return best
}

// What a driver adds to a call that nobody wants and to one that is told, in
// the same machine. Only the order is asserted, and that only roughly: the
// numbers are for docs/kernels.md.
func TestLiveCost(t *testing.T) {
	kinds := compared(t, "TIERCEL_COST", "cost")
	live.Require(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, kind := range kinds {
		d := live.Open(t, kind, live.Options{ReportSelf: true, RingBytes: 16 << 20})
		for _, m := range measured {
			nothing := costOf(m.call)
			start(t, d, scap.SCMount, scap.SCSchedProcessExit)
			rejected := costOf(m.call)
			selects(t, d, m.sc)
			selected := costOf(m.call)
			reader := readerCost(t, d, m.call)
			finish(t, d, func(*scap.Event) {})
			t.Logf("@@NOTE %s %s: nothing attached %d, rejected +%d, selected +%d, reader %d an event", kind, m.name, nothing, rejected-nothing, selected-nothing, reader)
			// What a call itself costs varies by a few hundred instructions (slabs, name cache).
			if rejected < nothing-nothing/10 || selected < rejected {
				t.Errorf("%s: %s costs %d with nothing attached, %d rejected, %d selected", kind, m.name, nothing, rejected, selected)
			}
		}
		if st := stats(t, d); st.Drops() != st.DropsRecursion {
			t.Errorf("%s: %+v", kind, st.Counters)
		}
		_ = d.Close()
	}
}
