// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fillers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// params are what an event must carry: an int is compared with the number, a
// string with the text, bytes with the raw parameter, nil with an empty one;
// more is a number that must be larger.
// Parameters that are not named may have any value.
type params map[string]any

type more int

// call is one system call and the event that it must give.
type call struct {
	name  string
	nr    uintptr
	args  []uintptr
	event scap.EventType
	want  params
}

// played runs a test's scenario, which says what is wrong and how many runs of
// probes the kernel has skipped: from Linux 6.13 on it does not let a program run
// on top of itself, and what is wrong may be no more than that. So it is played again.
func played(t *testing.T, play func() (wrong []string, skipped uint64)) {
	t.Helper()
	const tries = 5
	for try := 1; ; try++ {
		wrong, skipped := play()
		if len(wrong) == 0 {
			return
		}
		if skipped == 0 || try == tries {
			t.Error(strings.Join(wrong, "\n"))
			return
		}
		t.Logf("try %d: %d runs of probes were skipped; %s", try, skipped, strings.Join(wrong, "; "))
	}
}

// skipped is how many runs of its probes the kernel has skipped.
func skipped(t *testing.T, d scap.Driver) uint64 {
	t.Helper()
	var st scap.Stats
	if err := d.Stats(&st); err != nil {
		t.Fatal(err)
	}
	return st.DropsRecursion
}

func TestLiveEventsCarryTheirCallsArguments(t *testing.T) {
	live.Require(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The runtime's preemption signal would interrupt calls that can wait.
	var urgent, before unix.Sigset_t
	urgent.Val[0] = 1 << (unix.SIGURG - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, &before); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	played(t, func() ([]string, uint64) { return callsOnce(t) })
}

// callsOnce makes every call and looks at the events.
func callsOnce(t *testing.T) (wrong []string, missed uint64) {
	t.Helper()
	var b builder
	defer b.close()
	calls := b.calls(t)
	d := live.Driver(t, live.Options{ReportSelf: true})
	defer d.Close()
	arch := hostArch()
	var sel scap.Selection
	for _, c := range calls {
		sel.Exit.Add(scap.NativeSC(arch, int(c.nr)))
	}
	applied, err := d.SetInterestingSyscalls(sel)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range applied.Degraded {
		t.Error(g)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	results := make([]int64, len(calls))
	for i, c := range calls {
		results[i] = c.do()
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	wrong = check(calls, results, collect(t, d, unix.Gettid()))
	return wrong, skipped(t, d)
}

// do makes the call and returns what the kernel returned, -errno on failure.
func (c *call) do() int64 {
	var a [6]uintptr
	copy(a[:], c.args)
	r, _, errno := unix.RawSyscall6(c.nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return -int64(errno)
	}
	return int64(r)
}

// patience is how often in a row a reader finds nothing before it has all that
// was told: quiet rings are looked at every 160 ms. It is no span of time: clocks
// of emulated machines jump.
const patience = 8

// collect returns the events of a thread in order, when the flow has been stopped.
func collect(t *testing.T, d scap.Driver, tid int) []*scap.Event {
	t.Helper()
	var out []*scap.Event
	var b scap.Batch
	all := 0
	for empty := 0; empty < patience; {
		if err := d.Next(&b, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if empty++; len(b.Events) > 0 {
			empty = 0
		}
		all += len(b.Events)
		for i := range b.Events {
			if b.Events[i].TID() == int64(tid) {
				out = append(out, b.Events[i].Clone())
			}
		}
		d.Release(&b)
	}
	t.Logf("%d events of thread %d, %d in all", len(out), tid, all)
	return out
}

// check finds the event of each call behind that of the call before it, and says
// what is wrong. The first parameter is the call's result, if results are known.
func check(calls []call, results []int64, events []*scap.Event) (wrong []string) {
	next := 0
	for i, c := range calls {
		want := maps.Clone(c.want)
		if ps := c.event.Info().Params; i < len(results) && len(ps) > 0 && want[ps[0].Name] == nil {
			if want == nil {
				want = params{}
			}
			want[ps[0].Name] = int(results[i])
		}
		at, diffs := locate(events[next:], c.event, want)
		if at < 0 {
			wrong = append(wrong, fmt.Sprintf("%s: no %s event", c.name, c.event.Info().Enum))
			continue
		}
		next += at + 1
		for _, d := range diffs {
			wrong = append(wrong, c.name+": "+d)
		}
	}
	return wrong
}

// locate finds the event that is wanted. The runtime makes calls on the thread,
// too, so an event of the right type that fits is better than the first one.
func locate(events []*scap.Event, typ scap.EventType, want params) (at int, diffs []string) {
	at = -1
	for i, e := range events {
		if e.Type() != typ {
			continue
		}
		var found []string
		for name, v := range want {
			if d := differs(e, name, v); d != "" {
				found = append(found, name+": "+d)
			}
		}
		if len(found) == 0 {
			return i, nil
		}
		if at < 0 {
			at, diffs = i, found
		}
	}
	return at, diffs
}

// differs says how the parameter differs from what is wanted.
func differs(e *scap.Event, name string, want any) string {
	for i, p := range e.Info().Params {
		if p.Name != name {
			continue
		}
		raw := e.Param(i)
		switch w := want.(type) {
		case int:
			s, ok := e.Int(i)
			u, _ := e.Uint(i)
			if !ok || s != int64(w) && u != uint64(w) {
				return fmt.Sprintf("%d (%x), want %d", s, raw, w)
			}
		case more:
			if s, ok := e.Int(i); !ok || s <= int64(w) {
				return fmt.Sprintf("%d (%x), want more than %d", s, raw, w)
			}
		case string:
			if s, ok := e.Str(i); !ok || s != w {
				return fmt.Sprintf("%q, want %q", s, w)
			}
		case []byte:
			if !bytes.Equal(raw, w) {
				return fmt.Sprintf("%x, want %x", raw, w)
			}
		case nil:
			if raw == nil || len(raw) != 0 {
				return fmt.Sprintf("%x, want an empty parameter", raw)
			}
		}
		return ""
	}
	return "the event has no such parameter"
}

// dyn is a PT_DYN parameter: selector and number.
func dyn(selector byte, v any) []byte {
	var b bytes.Buffer
	b.WriteByte(selector)
	_ = binary.Write(&b, binary.LittleEndian, v)
	return b.Bytes()
}
