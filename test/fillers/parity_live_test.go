// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package fillers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// accepted are the parameters that may differ from the modern probe's, and why.
// Everything else that differs is a failure.
var accepted = map[string]string{}

// untold are events that one driver's own work makes in the others: a read of
// memory that is not there faults, and a fault in the kernel is an event.
var untold = scap.NewSyscallSet(scap.SCPageFaultKernel)

// parityKinds are the drivers that are compared, the first with all others:
// those that TIERCEL_PARITY names, 1 is all of them.
func parityKinds() []string {
	if v := os.Getenv("TIERCEL_PARITY"); v != "1" {
		return strings.Split(v, ",")
	}
	return []string{"modern_bpf", "kmod", "bpf"}
}

// All drivers watch the same calls at the same time, so that every byte of
// every parameter must be the same.
func TestLiveParityOfDrivers(t *testing.T) {
	if os.Getenv("TIERCEL_PARITY") == "" {
		t.Skip("needs a machine with all drivers, and TIERCEL_PARITY=1 (make vmtest), or TIERCEL_PARITY=modern_bpf,bpf")
	}
	live.Require(t)
	if os.Getenv(scenarioEnv) != "" {
		return
	}
	// A run with a loss proves less, but from Linux 6.13 on there is hardly one
	// without: a probe that is preempted keeps itself from running on that CPU.
	const tries = 5
	for try := 1; ; try++ {
		lost, done := parity(t, try == tries)
		if done {
			return
		}
		t.Logf("try %d: %s", try, lost)
	}
}

// everything is all calls at both ends, and all tracepoints.
func everything() scap.Selection {
	var sel scap.Selection
	for sc := range scap.Syscalls {
		if scap.SC(sc).Info() == nil || untold.Has(scap.SC(sc)) {
			continue
		}
		sel.Exit.Add(scap.SC(sc))
		sel.Enter.Add(scap.SC(sc))
	}
	return sel
}

// watched is a driver and what it told.
type watched struct {
	kind   string
	driver scap.Driver
	events map[int64][]*scap.Event // by thread
	missed uint64                  // events that the kernel did not let it see
	stop   chan struct{}
	done   chan error
}

// read collects until stop is closed and nothing comes any more.
func (w *watched) read() {
	var b scap.Batch
	ending := false
	for {
		if err := w.driver.Next(&b, 200*time.Millisecond); err != nil {
			w.done <- err
			return
		}
		for i := range b.Events {
			e := &b.Events[i]
			w.events[e.TID()] = append(w.events[e.TID()], e.Clone())
		}
		n := len(b.Events)
		w.driver.Release(&b)
		if ending && n == 0 {
			w.done <- nil
			return
		}
		select {
		case <-w.stop:
			ending = true
		default:
		}
	}
}

// parity plays the scenario before all drivers. Where one of them lost
// something it says so, and it is not done unless last is true.
func parity(t *testing.T, last bool) (lost string, done bool) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var b builder
	defer b.close()
	calls := append(b.calls(t), b.older(t)...)
	compat := compatProgram(t)

	var all []*watched
	for _, kind := range parityKinds() {
		w := &watched{kind: kind, driver: live.Open(t, kind, live.Options{ReportSelf: true, RingBytes: 16 << 20, SnapLen: 200}),
			events: map[int64][]*scap.Event{}, stop: make(chan struct{}), done: make(chan error, 1)}
		if _, err := w.driver.SetInterestingSyscalls(everything()); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := w.driver.(interface{ SetNameCheck(bool) error }).SetNameCheck(true); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		all = append(all, w)
	}
	for _, w := range all {
		if err := w.driver.Start(); err != nil {
			t.Fatalf("%s: %v", w.kind, err)
		}
	}
	mine := int64(unix.Gettid())
	unix.RawSyscall(markCall, 0, 0, 0)
	for _, c := range calls {
		c.do()
	}
	played := scenario(t, compat)
	tids := append([]int64{mine, forks(t)}, played...)
	unix.RawSyscall(markCall, 0, 0, 0)
	visitCPUs(t)
	for _, w := range all {
		if err := w.driver.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range all {
		// What was told waits in the rings: nothing has been read yet, so that reading made no events.
		go w.read()
		close(w.stop)
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		var st scap.Stats
		if err := w.driver.Stats(&st); err != nil {
			t.Fatal(err)
		}
		w.missed = st.DropsRecursion
		if st.Drops() > w.missed || st.Drops() > 0 && !last {
			lost += fmt.Sprintf("%s: %+v; ", w.kind, st.Counters)
		}
		_ = w.driver.Close()
	}
	if lost != "" && !last {
		return lost, false
	}
	if lost != "" {
		t.Errorf("drivers lose events each time: %s", lost)
	}
	compare(t, all, tids, mine)
	if !opens(all[0].events[played[2]], "/real/file") {
		t.Error("a file behind a link is not told under its own name")
	}
	return "", true
}

// visitCPUs runs on each processor once. A task that ends is waited for before its
// last switch; where we run, it has been switched away from, before all drivers.
func visitCPUs(t *testing.T) {
	t.Helper()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := range 8 * len(all) * int(unsafe.Sizeof(all[0])) {
		if !all.IsSet(cpu) {
			continue
		}
		var one unix.CPUSet
		one.Set(cpu)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
}

// opens reports whether a name that ends so is in the events.
func opens(events []*scap.Event, end string) bool {
	return slices.ContainsFunc(events, func(e *scap.Event) bool {
		name, _ := e.Str(1)
		if e.Type() == scap.EvOpenatV2X {
			name, _ = e.Str(2)
		}
		return strings.HasSuffix(name, end)
	})
}

// markCall is the call that the scenario lies between; nothing else makes it.
const markCall = unix.SYS_SCHED_GET_PRIORITY_MAX

// between returns the events of my thread between the two marks.
func between(events []*scap.Event) []*scap.Event {
	var at []int
	for i, e := range events {
		if e.Type() != scap.EvGenericX {
			continue
		}
		if nr, ok := e.Uint(1); ok && nr == markCall {
			at = append(at, i)
		}
	}
	if len(at) < 2 {
		return nil
	}
	return events[at[0]+1 : at[len(at)-1]]
}

func compare(t *testing.T, all []*watched, tids []int64, mine int64) {
	t.Helper()
	types := map[scap.EventType]int{}
	for _, tid := range tids {
		want := all[0].events[tid]
		if tid == mine {
			want = between(want)
		}
		if len(want) == 0 {
			t.Errorf("%s tells nothing of thread %d", all[0].kind, tid)
			continue
		}
		for _, e := range want {
			types[e.Type()]++
		}
		for _, w := range all[1:] {
			got := w.events[tid]
			if tid == mine {
				got = between(got)
			}
			// A probe that is preempted takes its time before the switch, the next one
			// behind it: calls and switches are compared each for themselves.
			for _, of := range []func(scap.EventType) bool{isSwitch, isNoSwitch} {
				compareThread(t, w, all[0], only(want, of), only(got, of))
			}
		}
	}
	var names []string
	total := 0
	for typ, n := range types {
		names = append(names, typ.Info().Enum)
		total += n
	}
	covered(t, types)
	slices.Sort(names)
	t.Logf("%d events of %d types are the same: %s", total, len(types), strings.Join(names, " "))
}

func isSwitch(t scap.EventType) bool   { return t == scap.EvSchedswitchV6E }
func isNoSwitch(t scap.EventType) bool { return !isSwitch(t) }

func only(events []*scap.Event, of func(scap.EventType) bool) []*scap.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e *scap.Event) bool { return !of(e.Type()) })
}

// maxDifferences bounds how often the same one is told.
const maxDifferences = 3

// compareThread holds the events of a thread against the modern probe's. Where
// the kernel let one of the two miss events it looks for the next that both have.
func compareThread(t *testing.T, w, modern *watched, want, got []*scap.Event) {
	t.Helper()
	i, j := 0, 0
	for i < len(want) && j < len(got) {
		if same(want[i], got[j]) {
			i, j = i+1, j+1
			continue
		}
		if n := find(want[i:], got[j]); n > 0 && uint64(n) <= w.missed {
			i, w.missed = i+n, w.missed-uint64(n)
			continue
		}
		if n := find(got[j:], want[i]); n > 0 && uint64(n) <= modern.missed {
			j, modern.missed = j+n, modern.missed-uint64(n)
			continue
		}
		if want[i].Type() != got[j].Type() {
			t.Errorf("%s: event %d is %s, want %s behind %s", w.kind, j, got[j].Info().Enum, want[i].Info().Enum, want[max(i-1, 0)].Info().Enum)
			return
		}
		tellDifference(t, w.kind, want[i], got[j])
		i, j = i+1, j+1
	}
	if uint64(len(want)-i) > w.missed || uint64(len(got)-j) > modern.missed {
		t.Errorf("%s: %d events, want %d; only here: %v, not here: %v", w.kind, len(got), len(want), enums(got[j:]), enums(want[i:]))
	}
}

// enums names the first of the events.
func enums(events []*scap.Event) (out []string) {
	for _, e := range events[:min(len(events), 5)] {
		out = append(out, e.Info().Enum)
	}
	return out
}

// find returns how far ahead the event is, 0 if it is not near.
func find(events []*scap.Event, e *scap.Event) int {
	for n := range min(len(events), 8) {
		if same(events[n], e) {
			return n
		}
	}
	return 0
}

// same compares all but the time and what is accepted.
func same(a, b *scap.Event) bool {
	if a.Type() != b.Type() || a.NumParams() != b.NumParams() {
		return false
	}
	for k, p := range a.Info().Params {
		if k < a.NumParams() && !bytes.Equal(a.Param(k), b.Param(k)) && accepted[a.Info().Enum+"."+p.Name] == "" {
			return false
		}
	}
	return true
}

func tellDifference(t *testing.T, kind string, a, b *scap.Event) {
	t.Helper()
	if a.NumParams() != b.NumParams() {
		t.Errorf("%s: %s has %d parameters, want %d", kind, a.Info().Enum, b.NumParams(), a.NumParams())
		return
	}
	for k, p := range a.Info().Params {
		name := a.Info().Enum + "." + p.Name
		if k >= a.NumParams() || bytes.Equal(a.Param(k), b.Param(k)) || accepted[name] != "" {
			continue
		}
		if differences[kind+name]++; differences[kind+name] <= maxDifferences {
			t.Errorf("%s: %s is %x, want %x", kind, name, b.Param(k), a.Param(k))
		} else {
			t.Fail()
		}
	}
}

// differences counts those of a parameter that were told, by driver.
var differences = map[string]int{}

const scenarioEnv = "TIERCEL_SCENARIO"

// scenario does what takes more than one call: programs that start and fail to,
// threads, signals, connections. It returns the threads to be compared.
func scenario(t *testing.T, compat string) []int64 {
	t.Helper()
	var tids []int64
	for _, args := range [][]string{{"-test.run=LiveParity", "-test.v=false"}, {"-test.list=a"}} {
		cmd := exec.Command("/proc/self/exe", args...)
		cmd.Env = append(os.Environ(), scenarioEnv+"=1")
		if err := cmd.Run(); err != nil {
			t.Errorf("scenario: %v", err)
		}
		tids = append(tids, int64(cmd.Process.Pid))
	}
	// A process without threads, which names its file by way of a link.
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/real", 0o755), os.Symlink("real", dir+"/link"), os.WriteFile(dir+"/real/file", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	cat := exec.Command("cat", dir+"/link/file")
	if err := cat.Run(); err != nil {
		t.Errorf("scenario: %v", err)
	}
	tids = append(tids, int64(cat.Process.Pid))
	if cmd := exec.Command(compat, t.TempDir()+"/file"); cmd.Run() == nil { // not every kernel runs 32-bit programs
		tids = append(tids, int64(cmd.Process.Pid))
	} else if cmd.Process != nil {
		t.Error("the 32-bit program failed")
	}
	_ = exec.Command("/nonexistent/program", "with", "arguments").Run()
	if err := unix.Exec("/etc/passwd/x", []string{"a", "b"}, []string{"C=d"}); err == nil {
		t.Error("executed what is not there")
	}
	for _, network := range []string{"tcp4", "tcp6", "unix"} {
		at := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": t.TempDir() + "/s"}[network]
		l, err := net.Listen(network, at)
		if err != nil {
			continue // this machine has no such network
		}
		c, err := net.Dial(network, l.Addr().String())
		if err == nil {
			_, _ = c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
			_ = c.Close()
		}
		_ = l.Close()
	}
	_ = unix.Kill(unix.Getpid(), unix.SIGURG)
	time.Sleep(time.Millisecond)
	return tids
}
