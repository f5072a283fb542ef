// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// tracing is running for a tracepoint that this kernel may lack.
func tracing(t *testing.T, sc scap.SC) *Driver {
	t.Helper()
	needLive(t)
	d, err := Open(Options{ReportSelf: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); delete(unread, d) })
	for _, g := range choosing(t, d, sc).Degraded {
		t.Skipf("%v is not there: %v", g.Syscall, g.Reason)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLiveSignalDeliver(t *testing.T) {
	d := tracing(t, scap.SCSignalDeliver)
	got := make(chan os.Signal, 1)
	signal.Notify(got, unix.SIGUSR2)
	defer signal.Stop(got)
	tid := onThread(func() { unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGUSR2) })
	<-got
	ev := await(t, d, scap.EvSignaldeliverE, byTID(tid))
	check(t, ev, params{"spid": os.Getpid(), "dpid": tid, "sig": int(unix.SIGUSR2)})
}

func TestLiveSignalDeliverNamesTheChildThatEnded(t *testing.T) {
	d := tracing(t, scap.SCSignalDeliver)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGCHLD)
	defer signal.Stop(signals)
	p, err := os.StartProcess("/proc/self/exe", []string{"test", "-test.run=^$"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	ev := await(t, d, scap.EvSignaldeliverE, func(ev *scap.Event) bool {
		v, _ := ev.Int(2)
		return ourThread(int64(os.Getpid()), ev.TID()) && v == int64(unix.SIGCHLD)
	})
	check(t, ev, params{"spid": p.Pid, "dpid": int(ev.TID()), "sig": int(unix.SIGCHLD)})
}

// A signal that nobody sent has no sender.
func TestLiveSignalDeliverOfAFault(t *testing.T) {
	d := tracing(t, scap.SCSignalDeliver)
	p, err := os.StartProcess(helper(t), []string{"provoke", "segv"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	ev := await(t, d, scap.EvSignaldeliverE, byTID(p.Pid))
	check(t, ev, params{"spid": 0, "dpid": p.Pid, "sig": int(unix.SIGSEGV)})
}

func TestLiveSchedSwitch(t *testing.T) {
	d := tracing(t, scap.SCSchedSwitch)
	tid := onThread(func() {
		for range 5 {
			ts := unix.NsecToTimespec(int64(time.Millisecond))
			unix.Nanosleep(&ts, nil)
		}
	})
	ev := await(t, d, scap.EvSchedswitchV6E, byTID(tid))
	check(t, ev, params{
		"next": anything, "pgft_maj": anything, "pgft_min": anything,
		"vm_size": positive, "vm_rss": positive, "vm_swap": anything,
	})
	if next, _ := ev.Int(0); next == int64(tid) {
		t.Errorf("thread %d is followed by itself", tid)
	}
}

// touching maps a page and writes to it.
func touching(t *testing.T) (tid int, page uintptr) {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	page = uintptr(unsafe.Pointer(&b[0]))
	return onThread(func() { b[8] = 1 }), page
}

func TestLivePageFaultUser(t *testing.T) {
	d := tracing(t, scap.SCPageFaultUser)
	tid, page := touching(t)
	ev := await(t, d, scap.EvPageFaultE, func(ev *scap.Event) bool {
		v, _ := ev.Uint(0)
		return ev.TID() == int64(tid) && uintptr(v) == page+8
	})
	want := params{"addr": int64(page + 8), "ip": positive, "error": anything}
	if runtime.GOARCH == "amd64" {
		want["error"] = int64(scap.PfFlagsPageNotPresent | scap.PfFlagsWriteAccess | scap.PfFlagsUserFault)
	}
	check(t, ev, want)
}

func TestLivePageFaultKernel(t *testing.T) {
	d := tracing(t, scap.SCPageFaultKernel)
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	page := address(b)
	// The kernel writes the answer to a page that is not there yet.
	tid, ret := call(unix.SYS_GETCWD, page, uintptr(len(b)))
	if ret <= 0 {
		t.Fatalf("getcwd: %d", ret)
	}
	ev := await(t, d, scap.EvPageFaultE, func(ev *scap.Event) bool {
		v, _ := ev.Uint(0)
		return ev.TID() == int64(tid) && uintptr(v)&^uintptr(os.Getpagesize()-1) == page
	})
	want := params{"addr": positive, "ip": anything, "error": anything}
	if runtime.GOARCH == "amd64" {
		want["error"] = int64(scap.PfFlagsPageNotPresent | scap.PfFlagsWriteAccess | scap.PfFlagsSupervisorFault)
	}
	check(t, ev, want)
}

// A tracepoint that the kernel refuses is told, and the rest works.
func TestLiveRefusedTracepointIsDegraded(t *testing.T) {
	needLive(t)
	d, err := Open(Options{ReportSelf: true, without: []string{"tcl_fault_user"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { d.Close(); delete(unread, d) }()
	a := choosing(t, d, scap.SCPageFaultUser, scap.SCGetuid)
	if len(a.Degraded) != 1 || a.Degraded[0].Syscall != scap.SCPageFaultUser || a.Degraded[0].Lack != scap.LackEvent || a.Degraded[0].Reason == nil {
		t.Fatalf("degraded is %v", a.Degraded)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	touching(t)
	tid, _ := call(unix.SYS_GETUID)
	ev := await(t, d, scap.EvGetuidX, func(ev *scap.Event) bool {
		if ev.Type() == scap.EvPageFaultE {
			t.Error("a page fault came")
		}
		return ev.TID() == int64(tid)
	})
	if d.progs.links[hookFaultUser] != nil {
		t.Error("the refused tracepoint is attached")
	}
	if want := fmt.Sprint(scap.EvGetuidX); fmt.Sprint(ev.Type()) != want {
		t.Errorf("got %v", ev.Type())
	}
}

// Tracepoints are attached only while they are selected.
func TestLiveTracepointsAreAttachedWhenSelected(t *testing.T) {
	d := tracing(t, scap.SCSignalDeliver)
	if d.progs.links[hookSignal] == nil || d.progs.links[hookSysExit] != nil {
		t.Error("signal_deliver is selected, and nothing else")
	}
	choosing(t, d, scap.SCGetuid)
	if d.progs.links[hookSignal] != nil || d.progs.links[hookSysExit] == nil {
		t.Error("getuid is selected, and nothing else")
	}
}
