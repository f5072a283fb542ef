// SPDX-License-Identifier: Apache-2.0

package scaptest

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
)

func TestEventTakesOneValueForEachParameter(t *testing.T) {
	e := Event(scap.EvOpenatV2X, 5, 7, 3, int64(-100), "/etc/shadow", uint32(1), nil, 7, uint64(99))
	if v, ok := e.Int(1); v != -100 || !ok {
		t.Errorf("dirfd %d, %v", v, ok)
	}
	if s, _ := e.Str(2); s != "/etc/shadow" {
		t.Errorf("name %q", s)
	}
	if p := e.Param(4); len(p) != 0 {
		t.Errorf("nil became %v", p)
	}
	if len(e.Param(3)) != 4 || len(e.Param(6)) != 8 {
		t.Error("widths are not those of the tables")
	}
}

func TestNamedLeavesAllOthersWithoutValue(t *testing.T) {
	e := Named(scap.EvOpenatV2X, 5, 7, P{"name": "x", "fd": -2})
	for i, p := range e.Info().Params {
		if has := len(e.Param(i)) > 0; has != (p.Name == "name" || p.Name == "fd") {
			t.Errorf("%s has a value: %v", p.Name, has)
		}
	}
}

func TestEncodeKnowsTheTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		t    scap.ParamType
		v    any
		want string
	}{
		{"nothing", scap.PTUint32, nil, ""},
		{"a small number", scap.PTUint8, 255, "\xff"},
		{"a negative number", scap.PTInt16, -2, "\xfe\xff"},
		{"all ones for an id without value", scap.PTUID, -1, "\xff\xff\xff\xff"},
		{"a large unsigned number", scap.PTUint64, uint64(1) << 63, "\x00\x00\x00\x00\x00\x00\x00\x80"},
		{"a flag type of its own", scap.PTFlags8, scap.SC(3), "\x03"},
		{"text", scap.PTCharbuf, "a", "a\x00"},
		{"a path", scap.PTFSRelpath, "", "\x00"},
		{"a list", scap.PTBytebuf, []string{"a", "", "b"}, "a\x00\x00b\x00"},
		{"bytes", scap.PTBytebuf, []byte("raw"), "raw"},
		{"an address", scap.PTIPv4Addr, netip.MustParseAddr("1.2.3.4"), "\x01\x02\x03\x04"},
		{"a truth", scap.PTBool, true, "\x01\x00\x00\x00"},
		{"a fraction", scap.PTDouble, 1.0, "\x00\x00\x00\x00\x00\x00\xf0\x3f"},
		{"a dynamic value", scap.PTDyn, Dyn(1, scap.PTUint16, 2), "\x01\x02\x00"},
		{"a list of descriptors", scap.PTFDList, FDList(PollFD{FD: -1, Bits: 5}),
			"\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Encode(c.t, c.v)
			if err != nil || string(got) != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestEncodeRefusesWhatTheTypeCannotHold(t *testing.T) {
	for _, c := range []struct {
		name string
		t    scap.ParamType
		v    any
	}{
		{"too large", scap.PTUint8, 256},
		{"too small", scap.PTInt8, -129},
		{"too large, unsigned", scap.PTFlags32, uint64(1) << 32},
		{"text for a number", scap.PTUint32, "1"},
		{"a number for text", scap.PTCharbuf, 1},
		{"a list for text", scap.PTCharbuf, []string{"a"}},
		{"bytes of the wrong width", scap.PTUint32, []byte{1, 2}},
		{"a fraction for a number", scap.PTUint64, 1.5},
		{"a v6 address for v4", scap.PTIPv4Addr, netip.MustParseAddr("::1")},
		{"anything else", scap.PTUint32, struct{}{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if b, err := Encode(c.t, c.v); err == nil {
				t.Errorf("accepted as %q", b)
			}
		})
	}
}

func TestMistakesOfATestPanicWithTheReason(t *testing.T) {
	for _, c := range []struct {
		name, want string
		do         func()
	}{
		{"wrong count", "takes 7 parameters, got 1", func() { Event(scap.EvOpenatV2X, 0, 0, 1) }},
		{"wrong type", "parameter 0 fd", func() { Event(scap.EvOpenatV2X, 0, 0, "x", nil, nil, nil, nil, nil, nil) }},
		{"no such parameter", "lacks a parameter", func() { Named(scap.EvCloseX, 0, 0, P{"nonsense": 1}) }},
		{"no such event", "no event type", func() { Event(9999, 0, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if msg, _ := recover().(string); !strings.Contains(msg, c.want) {
					t.Errorf("got %q, want …%s…", msg, c.want)
				}
			}()
			c.do()
		})
	}
}

func TestEveryEventOfTheTablesCanBeBuilt(t *testing.T) {
	for i := range scap.Events {
		info := &scap.Events[i]
		if info.Name == "" {
			continue
		}
		if e := Named(info.Code, 1, 2, nil); e.Type() != info.Code || e.NumParams() != len(info.Params) {
			t.Errorf("%s: type %d with %d parameters", info.Enum, e.Type(), e.NumParams())
		}
	}
}

// play reads what the driver has at once and returns the event names.
func play(t *testing.T, d *Driver) (names []string, err error) {
	t.Helper()
	var b scap.Batch
	err = d.Next(&b, 0)
	for i := range b.Events {
		names = append(names, b.Events[i].Type().String())
	}
	d.Release(&b)
	return names, err
}

var (
	opened = Named(scap.EvOpenatV2X, 1, 7, P{"fd": 3})
	closed = Named(scap.EvCloseX, 2, 7, nil)
)

func started(exit ...scap.SC) *Driver {
	d := new(Driver)
	_, _ = d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(exit...)})
	_ = d.Start()
	return d
}

func TestTheDriverPlaysItsScriptInOrder(t *testing.T) {
	d := started(scap.SCOpenat, scap.SCClose).Play(opened).Play(closed, opened).Drop(5).Fail(errors.New("broken")).End()
	for i, want := range []string{"openat", "close openat", "", "", "", ""} {
		names, err := play(t, d)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("step %d: %q, want %q", i, got, want)
		}
		if (i == 3) != (err != nil && err.Error() == "broken") || (i > 3) != errors.Is(err, io.EOF) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	var s scap.Stats
	s.PerCPU = make([]scap.Counters, 2)
	_ = d.Stats(&s)
	if s.Seen != 8 || s.Delivered != 3 || s.DropsRing != 5 || s.Seen != s.Delivered+s.Drops() || s.PerCPU[0] != s.Counters {
		t.Errorf("%+v", s)
	}
}

func TestTheDriverDropsWhatIsNotSelected(t *testing.T) {
	d := started(scap.SCClose).Play(opened, closed)
	if names, _ := play(t, d); !slices.Equal(names, []string{"close"}) {
		t.Errorf("got %v", names)
	}
	enter := Named(scap.EvOpenatV2E, 1, 7, nil)
	generic := Named(scap.EvGenericX, 1, 7, P{"ID": scap.SCGetpid})
	d = started(scap.SCOpenat).Play(enter, generic)
	if names, _ := play(t, d); len(names) != 0 {
		t.Errorf("an enter event or an unselected generic call passed: %v", names)
	}
	_, _ = d.SetInterestingSyscalls(scap.Selection{
		Exit:  scap.NewSyscallSet(scap.SCGetpid),
		Enter: scap.NewSyscallSet(scap.SCOpenat),
	})
	d.Play(enter, generic, opened)
	if names, _ := play(t, d); !slices.Equal(names, []string{"openat", "syscall"}) {
		t.Errorf("got %v", names)
	}
}

func TestAFailedSelectionLeavesTheFormerOne(t *testing.T) {
	d := started(scap.SCClose)
	d.FailSelection = errors.New("no")
	if _, err := d.SetInterestingSyscalls(scap.Selection{}); err == nil {
		t.Error("no error")
	}
	d.Play(closed)
	if names, _ := play(t, d); len(names) != 1 {
		t.Errorf("got %v", names)
	}
	if n := len(d.Selections()); n != 2 {
		t.Errorf("%d selections recorded", n)
	}
}

func TestTheDriverReportsDegradedCalls(t *testing.T) {
	d := new(Driver)
	d.Degrade = map[scap.SC]scap.Degraded{scap.SCClose: {Lack: scap.LackEvent, Reason: errors.New("verifier")}}
	a, _ := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCClose, scap.SCOpen)})
	if len(a.Degraded) != 1 || a.Degraded[0].Syscall != scap.SCClose || a.Degraded[0].Lack != scap.LackEvent {
		t.Errorf("%+v", a)
	}
}

func TestNothingFlowsWhileTheDriverIsStopped(t *testing.T) {
	d := started(scap.SCClose).Play(closed)
	_ = d.Stop()
	if names, _ := play(t, d); len(names) != 0 {
		t.Errorf("got %v", names)
	}
	_ = d.Start()
	if names, _ := play(t, d); len(names) != 1 {
		t.Errorf("got %v", names)
	}
	want := []string{"SetInterestingSyscalls", "Start", "Stop", "Start"}
	if got := d.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %v", got)
	}
}

func TestAWaitEndsWithAnEventOrWithClose(t *testing.T) {
	d := started(scap.SCClose)
	got := make(chan error, 2)
	go func() {
		var b scap.Batch
		got <- d.Next(&b, time.Minute)
		d.Release(&b)
		got <- d.Next(&b, time.Minute)
	}()
	d.Play(closed)
	if err := <-got; err != nil {
		t.Error(err)
	}
	_ = d.Close()
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Errorf("after Close: %v", err)
	}
}

func TestABorrowedEventIsWipedAtRelease(t *testing.T) {
	d := started(scap.SCOpenat).Play(opened)
	var b scap.Batch
	_ = d.Next(&b, 0)
	kept := b.Events[0]
	d.Release(&b)
	if v, _ := kept.Int(0); v != 0 {
		t.Error("the event lived on")
	}
	if v, _ := opened.Int(0); v != 3 {
		t.Error("the script's own event was wiped")
	}
}
