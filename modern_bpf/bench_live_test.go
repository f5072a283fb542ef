// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// BenchmarkLiveSyscallCost measures what the probe adds to a getppid(2): with
// nothing attached, with a program that does nothing, with the probe when
// another call is selected, and when it is selected. The four take turns in short batches, so that what else the machine does hits
// them alike; the fastest batch of each is reported, and its ratio to nothing.
//
//	go test ./modern_bpf -run '^$' -bench LiveSyscallCost -benchtime 200x
func BenchmarkLiveSyscallCost(b *testing.B) {
	needLive(b)
	d, err := Open(Options{ReportSelf: true})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		var batch scap.Batch
		for {
			select {
			case <-stop:
				return
			default:
			}
			if d.Next(&batch, 10*time.Millisecond) != nil {
				return
			}
			d.Release(&batch)
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	const batch = 20000
	emptyProgram, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sys_exit", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer emptyProgram.Close()
	var empty link.Link
	detach := func() {
		d.Stop()
		if empty != nil {
			empty.Close()
			empty = nil
		}
	}
	defer detach()
	modes := []struct {
		name string
		set  func()
		best time.Duration
	}{
		{name: "nothing", set: detach},
		{name: "empty-program", set: func() {
			detach()
			if empty, err = link.AttachTracing(link.TracingOptions{Program: emptyProgram}); err != nil {
				b.Fatal(err)
			}
		}},
		{name: "unselected", set: func() { detach(); choosing(b, d, scap.SCSetsid); d.Start() }},
		{name: "selected", set: func() { detach(); choosing(b, d, scap.SCGetppid); d.Start() }},
	}
	for i := range modes {
		modes[i].best = time.Hour
	}
	for b.Loop() {
		for i := range modes {
			m := &modes[i]
			m.set()
			for range 3 {
				begin := threadTime()
				for range batch {
					unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				}
				m.best = min(m.best, threadTime()-begin)
			}
		}
	}
	for _, m := range modes {
		b.ReportMetric(float64(m.best.Nanoseconds())/batch, "ns/call-"+m.name)
	}
	b.ReportMetric(0, "ns/op")
	var st scap.Stats
	if d.Stats(&st) == nil {
		b.Logf("%+v", st.Counters)
	}
}

// threadTime is the CPU time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// BenchmarkLiveStartUp is the time from nothing to a probe that collects the
// calls that change the state of the host.
func BenchmarkLiveStartUp(b *testing.B) {
	needLive(b)
	for b.Loop() {
		d, err := Open(Options{})
		if err != nil {
			b.Fatal(err)
		}
		choosing(b, d, scap.SCOpenat, scap.SCExecve, scap.SCClone, scap.SCConnect, scap.SCSchedProcessExit)
		if err := d.Start(); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
