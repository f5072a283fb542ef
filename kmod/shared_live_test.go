// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// CPUs that share a ring wait for each other, in the middle of task switches and
// under interrupts that move tasks. A machine in which two of them wait for each
// other at once does not come back from this.
func TestLiveCPUsShareARingWhileTasksMove(t *testing.T) {
	needsModule(t)
	d, err := Open(Options{ReportSelf: true, CPUsPerRing: OneRing, RingBytes: 1 << 20, SnapLen: MaxSnapLen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if len(d.ringFD) != 1 {
		t.Fatalf("%d rings, want one", len(d.ringFD))
	}
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCWrite, scap.SCSchedYield, scap.SCSchedSwitch)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	c := &consumer{Driver: d, done: make(chan error, 1)}
	go func() { c.done <- c.read() }()
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	var stop atomic.Bool
	var group sync.WaitGroup
	data := make([]byte, MaxSnapLen) // a long time in the ring
	for i := range 3 * runtime.NumCPU() {
		group.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for n := 0; !stop.Load(); n++ {
				_, _ = unix.Write(null, data[:len(data)>>(n%8)])
				_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
				if n%(i+8) == 0 { // away, and back on whichever CPU has room
					time.Sleep(time.Duration(n%300) * time.Microsecond)
				}
			}
		})
	}
	time.Sleep(4 * time.Second)
	stop.Store(true)
	group.Wait()
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	c.stop.Store(true)
	if err := <-c.done; err != nil {
		t.Fatal(err)
	}
	var st scap.Stats
	scaptest.Account(t, d, &st)
	t.Logf("%d seen, %d delivered, %d lost", st.Seen, st.Delivered, st.Drops())
	if st.Delivered < 1000 {
		t.Errorf("%d seen, %d delivered, %d lost", st.Seen, st.Delivered, st.Drops())
	}
}
