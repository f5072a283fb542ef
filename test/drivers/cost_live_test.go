// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"os"
	"runtime"
	"testing"

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

// What a driver adds to a call that nobody wants and to one that is told, in
// the same machine. Only the order is asserted, and that only roughly: the
// numbers are for docs/kernels.md.
func TestLiveCost(t *testing.T) {
	if os.Getenv("TIERCEL_COST") == "" {
		t.Skip("needs a machine that counts instructions, and TIERCEL_COST=1 (make vmtest DRIVERS=cost)")
	}
	live.Require(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, kind := range []string{"modern_bpf", "kmod", "bpf"} {
		d := live.Open(t, kind, live.Options{ReportSelf: true, RingBytes: 16 << 20})
		for _, m := range measured {
			nothing := costOf(m.call)
			start(t, d, scap.SCMount, scap.SCSchedProcessExit)
			rejected := costOf(m.call)
			selects(t, d, m.sc)
			selected := costOf(m.call)
			finish(t, d, func(*scap.Event) {})
			t.Logf("@@NOTE %s %s: nothing attached %d, rejected +%d, selected +%d", kind, m.name, nothing, rejected-nothing, selected-nothing)
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
