// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// cpu1 switches the second CPU of this machine on and off.
type cpu1 struct{ t *testing.T }

const cpu1Online = "/sys/devices/system/cpu/cpu1/online"

func needsSecondCPU(t *testing.T) cpu1 {
	t.Helper()
	needsModule(t)
	if _, err := os.Stat(cpu1Online); err != nil {
		t.Skipf("needs a second CPU that can be switched off: %v", err)
	}
	c := cpu1{t}
	t.Cleanup(func() { c.turn(true) })
	return c
}

func (c cpu1) turn(on bool) {
	c.t.Helper()
	if err := os.WriteFile(cpu1Online, fmt.Appendf(nil, "%d", map[bool]int{true: 1}[on]), 0); err != nil {
		c.t.Errorf("CPU 1, on %v: %v", on, err)
	}
}

func onlineCPUs(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\ncpu")
}

// consumer counts the calls of this process, and nothing else.
type consumer struct {
	*Driver
	got  atomic.Int64 // events
	done chan error
	stop atomic.Bool
}

// Nobody else in the machine makes this call.
var rareCall = scap.SCGetresgid

func newConsumer(t *testing.T) *consumer {
	t.Helper()
	d, err := Open(Options{ReportSelf: true, RingBytes: 1 << 18})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(rareCall)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	c := &consumer{Driver: d, done: make(chan error, 1)}
	go func() { c.done <- c.read() }()
	return c
}

// read takes all events until it is stopped and nothing is left: rings that have
// been quiet are looked at every 160 ms only.
func (c *consumer) read() error {
	var b scap.Batch
	for empty := 0; empty < 20; {
		last := c.stop.Load()
		if err := c.Next(&b, 20*time.Millisecond); err != nil {
			return err
		}
		n := len(b.Events)
		c.got.Add(int64(n))
		c.Release(&b)
		if empty++; !last || n > 0 {
			empty = 0
		}
	}
	return nil
}

// accounts ends the reading and holds what was counted against what was done.
func (c *consumer) accounts(t *testing.T, calls int64) scap.Stats {
	t.Helper()
	c.stop.Store(true)
	if err := <-c.done; err != nil {
		t.Fatal(err)
	}
	st := scap.Stats{PerCPU: make([]scap.Counters, 8)}
	if err := c.Stats(&st); err != nil {
		t.Fatal(err)
	}
	if int64(st.Seen) != calls {
		t.Errorf("%d calls were made, %d seen", calls, st.Seen)
	}
	if drops := st.DropsRing + st.DropsPage + st.DropsScratch + st.DropsRecursion; st.Seen != st.Delivered+drops {
		t.Errorf("seen %d, delivered %d, lost %d", st.Seen, st.Delivered, drops)
	}
	if got := c.got.Load(); got != int64(st.Delivered) {
		t.Errorf("%d events were delivered, %d read", st.Delivered, got)
	}
	if st.DropsScratch != 0 {
		t.Errorf("%d events found no memory of their CPU", st.DropsScratch)
	}
	return st
}

func makeCall() {
	var r, e, s uint32
	_, _, _ = unix.RawSyscall(unix.SYS_GETRESGID, uintptr(unsafe.Pointer(&r)), uintptr(unsafe.Pointer(&e)), uintptr(unsafe.Pointer(&s)))
}

// A CPU that was not there when the module came, or when the consumer came,
// uses the first ring. With maxcpus=1 it was never there before.
func TestLiveACPUAppearsAfterTheStart(t *testing.T) {
	cpu := needsSecondCPU(t)
	for _, when := range []string{"after the module", "after the consumer"} {
		t.Run(when, func(t *testing.T) {
			if when == "after the module" {
				cpu.turn(false)
				if err := Unload(); err != nil {
					t.Fatal(err)
				}
				if err := Load(os.Getenv("TIERCEL_MODULE")); err != nil {
					t.Fatal(err)
				}
				cpu.turn(true)
			} else {
				cpu.turn(false)
			}
			c := newConsumer(t)
			if rings := len(c.ringFD); rings != onlineCPUs(t) {
				t.Errorf("%d rings for %d CPUs", rings, onlineCPUs(t))
			}
			cpu.turn(true)
			const calls = 1000
			done := make(chan error)
			go func() {
				runtime.LockOSThread() // and never unlocked: the thread ends with its CPU
				var only unix.CPUSet
				only.Set(1)
				err := unix.SchedSetaffinity(0, &only)
				for range calls {
					makeCall()
				}
				done <- err
			}()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			st := c.accounts(t, calls)
			if st.PerCPU[1].Seen != calls || st.Delivered != calls {
				t.Errorf("of %d calls on CPU 1 it saw %d, delivered are %d", calls, st.PerCPU[1].Seen, st.Delivered)
			}
		})
	}
}

// CPUs go and come while events flow and other consumers open and close: each
// call is delivered or counted as lost.
func TestLiveCPUsGoAndComeUnderLoad(t *testing.T) {
	cpu := needsSecondCPU(t)
	cpu.turn(true)
	c := newConsumer(t)
	var calls atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for !stop.Load() {
				calls.Add(1)
				makeCall()
			}
		})
	}
	group.Go(func() {
		for !stop.Load() {
			d, err := Open(Options{RingBytes: 1 << 16})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCClose, scap.SCSchedSwitch)}); err != nil {
				t.Error(err)
			}
			if err := d.Start(); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	rounds := 0
	for end := time.Now().Add(5 * time.Second); rounds < 3 || time.Now().Before(end); rounds++ {
		cpu.turn(false)
		cpu.turn(true)
	}
	stop.Store(true)
	group.Wait()
	st := c.accounts(t, calls.Load())
	t.Logf("CPU 1 went and came %d times; %d calls, %d delivered", rounds, calls.Load(), st.Delivered)
}
