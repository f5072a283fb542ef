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
// another call is selected, when that one is selected at its entry too, and
// when this one is selected. They take turns in short batches, so that what else the machine does hits
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
		{name: "unselected-entry", set: func() {
			detach()
			other := scap.NewSyscallSet(scap.SCSetsid)
			if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: other, Enter: other}); err != nil {
				b.Fatal(err)
			}
			d.Start()
		}},
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

// BenchmarkLiveOpenCost measures what the probe adds to openat(2) and close(2)
// in a process with several threads: with openat selected and told as the
// caller's memory has it, and with its name held against the opened file.
func BenchmarkLiveOpenCost(b *testing.B) {
	needLive(b)
	modes := []struct {
		name string
		opts *Options
		best time.Duration
	}{
		{name: "nothing"},
		{name: "unchecked", opts: &Options{ReportSelf: true, without: []string{"tcl_exit_truth"}}},
		{name: "checked", opts: &Options{ReportSelf: true}},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := append([]byte("/etc/hostname"), 0)
	const batch = 2000
	drivers := make([]*Driver, len(modes))
	for i := range modes {
		modes[i].best = time.Hour
		if modes[i].opts == nil {
			continue
		}
		d, err := Open(*modes[i].opts)
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCOpenat)}); err != nil {
			b.Fatal(err)
		}
		drivers[i] = d
	}
	var events scap.Batch
	for b.Loop() {
		for i := range modes {
			d := drivers[i]
			if d != nil {
				d.Start()
			}
			begin := threadTime()
			for range batch {
				fd, _, _ := unix.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), address(name), unix.O_RDONLY, 0, 0, 0)
				unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
			}
			modes[i].best = min(modes[i].best, threadTime()-begin)
			if d != nil {
				d.Stop()
				for d.Next(&events, 0) == nil && len(events.Events) > 0 {
					d.Release(&events)
				}
				d.Release(&events)
			}
		}
	}
	for _, m := range modes {
		b.ReportMetric(float64(m.best.Nanoseconds())/batch, "ns/call-"+m.name)
	}
	b.ReportMetric(0, "ns/op")
}
