// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// compared are the drivers that a variable of the environment names; 1 is all.
func compared(t *testing.T, variable, cell string) []string {
	t.Helper()
	switch v := os.Getenv(variable); v {
	case "":
		t.Skipf("needs a machine with all drivers, and %s=1 (make vmtest DRIVERS=%s), or %s=modern_bpf", variable, cell, variable)
		return nil
	case "1":
		return []string{"modern_bpf", "kmod", "bpf"}
	default:
		return strings.Split(v, ",")
	}
}

// rateRing is small, so that a reader that does not keep up shows within a window.
const (
	rateRing   = 1 << 20
	rateWindow = 600 * time.Millisecond
)

// pace makes calls at a rate, n a millisecond, from one thread a CPU, until stop.
type pace struct {
	perTick atomic.Int64 // by each thread
	made    atomic.Uint64
}

func (p *pace) run(stop <-chan struct{}, call func()) {
	runtime.LockOSThread()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	// A tick that came late is made up for, but not without bound.
	for last := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		ticks := min(int64(time.Since(last)/time.Millisecond), 20)
		last = last.Add(time.Duration(ticks) * time.Millisecond)
		if time.Since(last) > 20*time.Millisecond {
			last = time.Now()
		}
		n := ticks * p.perTick.Load()
		for range n {
			call()
		}
		p.made.Add(uint64(n))
	}
}

// rateOf raises the rate until an event is lost, and returns the highest one
// without a loss, in events a second. Where the machine cannot make more calls,
// limited is true.
func rateOf(t *testing.T, d scap.Driver, call func()) (rate float64, limited bool) {
	t.Helper()
	p := &pace{}
	stop := make(chan struct{})
	for range runtime.NumCPU() {
		go p.run(stop, call)
	}
	defer close(stop)
	stalls := 0
	for target := int64(8); ; target += target / 5 {
		p.perTick.Store(target)
		settle := time.Now().Add(50 * time.Millisecond)
		for time.Now().Before(settle) {
			next(t, d, time.Millisecond, func(*scap.Event) {})
		}
		before, began := stats(t, d), time.Now()
		made := p.made.Load()
		var got uint64
		for time.Since(began) < rateWindow {
			next(t, d, time.Millisecond, func(*scap.Event) { got++ })
		}
		took, after := time.Since(began).Seconds(), stats(t, d)
		if after.Drops()-after.DropsRecursion > before.Drops()-before.DropsRecursion {
			return rate, false
		}
		reached := float64(p.made.Load()-made) / took
		rate = max(rate, float64(got)/took)
		if reached < 0.8*1000*float64(target)*float64(runtime.NumCPU()) {
			if stalls++; stalls == 3 {
				return rate, true
			}
		}
	}
}

// How many events a second come to a reader before the first one is lost. The
// figures are for docs/kernels.md; seconds of an emulated machine tell nothing,
// their ratio in one machine does.
func TestLiveRate(t *testing.T) {
	kinds := compared(t, "TIERCEL_RATE", "rate")
	live.Require(t)
	for _, m := range measured {
		for _, kind := range kinds {
			d := live.Open(t, kind, live.Options{ReportSelf: true, RingBytes: rateRing})
			start(t, d, m.sc)
			rate, limited := rateOf(t, d, m.call)
			more := ""
			if limited {
				more = ", and no more could be made"
			}
			t.Logf("@@NOTE %s %s: %.0f events/s before the first loss%s", kind, m.name, rate, more)
			if rate == 0 {
				t.Errorf("%s: %s: not one event without a loss", kind, m.name)
			}
			_ = d.Close()
		}
	}
}

// What a driver takes of the kernel's memory with rings of 8 MiB, as the kernel
// accounts for it: for four calls and for all of them. (What is free in all says
// nothing: the kernel gives back late.)
func TestLiveRateMemory(t *testing.T) {
	kinds := compared(t, "TIERCEL_RATE", "rate")
	live.Require(t)
	var all []scap.SC
	for sc := range scap.Syscalls {
		if scap.SC(sc).Info() != nil {
			all = append(all, scap.SC(sc))
		}
	}
	few := []scap.SC{scap.SCOpenat, scap.SCExecve, scap.SCConnect, scap.SCSchedProcessExit}
	for _, sel := range []struct {
		name  string
		calls []scap.SC
	}{{"four calls", few}, {"all calls", all}} {
		for _, kind := range kinds {
			before := vmalloc(t)
			d := live.Open(t, kind, live.Options{RingBytes: 8 << 20})
			if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(sel.calls...)}); err != nil {
				t.Fatal(err)
			}
			if err := d.Start(); err != nil {
				t.Fatal(err)
			}
			area := vmalloc(t) - before
			maps, programs := locked(t)
			t.Logf("@@NOTE %s, %s, rings of 8 MiB, %d CPUs: module's areas %d KiB, maps %d KiB, programs %d KiB",
				kind, sel.name, runtime.NumCPU(), area, maps, programs)
			_ = d.Close()
		}
	}
}

// vmalloc is what the module's own areas take of the kernel's addresses, in KiB:
// the data of a ring is mapped twice in a row.
func vmalloc(t *testing.T) int64 {
	t.Helper()
	var sum int64
	for line := range lines(t, "/proc/vmallocinfo") {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.Contains(line, "[tiercel]") {
			continue
		}
		var n int64
		_, _ = fmt.Sscan(f[1], &n)
		sum += n / 1024
	}
	return sum
}

// locked is what the kernel says that the eBPF maps and programs of this process
// take, in KiB.
func locked(t *testing.T) (maps, programs int64) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		b, _ := os.ReadFile("/proc/self/fdinfo/" + fd.Name())
		var n int64
		for line := range strings.Lines(string(b)) {
			_, _ = fmt.Sscanf(line, "memlock: %d", &n)
		}
		switch {
		case strings.Contains(string(b), "map_type:"):
			maps += n / 1024
		case strings.Contains(string(b), "prog_type:"):
			programs += n / 1024
		}
	}
	return maps, programs
}

func lines(t *testing.T, path string) func(func(string) bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Lines(string(b))
}
