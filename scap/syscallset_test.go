// SPDX-License-Identifier: Apache-2.0

package scap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestSetAlgebra(t *testing.T) {
	a := scap.NewSyscallSet(1, 2, 64, 600)
	b := scap.NewSyscallSet(2, 3, 600)
	for _, c := range []struct {
		name string
		got  scap.SyscallSet
		want []scap.SC
	}{
		{"union", a.Union(b), []scap.SC{1, 2, 3, 64, 600}},
		{"intersection", a.Intersect(b), []scap.SC{2, 600}},
		{"difference", a.Minus(b), []scap.SC{1, 64}},
		{"difference with itself", a.Minus(a), nil},
		{"union with nothing", a.Union(scap.SyscallSet{}), []scap.SC{1, 2, 64, 600}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := slices.Collect(c.got.All()); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.got.Len() != len(c.want) || c.got.IsEmpty() != (len(c.want) == 0) {
				t.Errorf("Len %d, IsEmpty %v", c.got.Len(), c.got.IsEmpty())
			}
			if !c.got.Equal(scap.NewSyscallSet(c.want...)) {
				t.Error("not equal to the set of its members")
			}
		})
	}
	if !a.Intersects(b) || a.Intersects(scap.NewSyscallSet(3)) {
		t.Error("Intersects")
	}
	if !a.ContainsAll(scap.NewSyscallSet(1, 600)) || a.ContainsAll(b) || !a.ContainsAll(scap.SyscallSet{}) {
		t.Error("ContainsAll")
	}
}

func TestASetIsAValue(t *testing.T) {
	a := scap.NewSyscallSet(1)
	b := a
	b.Add(2)
	b.Remove(1)
	if !a.Has(1) || a.Has(2) || b.Has(1) || !b.Has(2) {
		t.Errorf("a %v, b %v", a, b)
	}
}

func TestCodesBeyondTheRangeAreIgnored(t *testing.T) {
	var s scap.SyscallSet
	s.Add(640)
	s.Add(65535)
	s.Remove(65535)
	if !s.IsEmpty() || s.Has(640) || s.Has(65535) {
		t.Error("a code beyond the range was kept")
	}
	if n := len(scap.Syscalls); n > 600 {
		t.Errorf("%d codes: little room is left in a set of 640", n)
	}
}

func TestAllRangesCanBeLeftEarly(t *testing.T) {
	for sc := range scap.NewSyscallSet(5, 6, 7).All() {
		if sc == 6 {
			return
		}
		if sc > 6 {
			t.Fatal("went on")
		}
	}
}

func TestTheBitmapHasABitForEachCode(t *testing.T) {
	w := scap.NewSyscallSet(0, 65, 639).Words()
	if w[0] != 1 || w[1] != 2 || w[9] != 1<<63 {
		t.Errorf("%x", w)
	}
}

func TestTheComplementIsTakenWithinAllCalls(t *testing.T) {
	all := scap.AllSyscalls()
	if n := all.Len(); n != 452 {
		t.Errorf("there are %d calls and tracepoints, want 452", n)
	}
	if all.Has(0) || all.Has(382) {
		t.Error("the unknown code or the gap is a member")
	}
	if !all.Complement().IsEmpty() || (scap.SyscallSet{}).Complement() != all {
		t.Error("complement of all, or of nothing")
	}
	s := scap.NewSyscallSet(scap.SCOpen, scap.SCClose)
	if s.Complement().Complement() != s || s.Complement().Intersects(s) {
		t.Error("complement of a complement")
	}
}

func TestNamesBringAllCodesOfTheirEvents(t *testing.T) {
	for _, c := range []struct {
		name string
		want string // plain names
	}{
		{"open", "open"},
		{"openat", "openat"},
		{"mkdir", "mkdir"},                  // two versions of one event
		{"setuid", "setuid setuid32"},       // twins
		{"fcntl", "fcntl fcntl64"},          //
		{"sendfile", "sendfile sendfile64"}, //
		{"procexit", "sched_process_exit"},  // a tracepoint by its event's name
		{"switch", "sched_switch"},          //
		{"signaldeliver", "signal_deliver"}, //
		{"page_fault", "page_fault_kernel page_fault_user"},
		{"getpid", "getpid"}, // a generic call by its plain name
		{"container", ""},    // an event that no call makes
		{"drop", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := scap.SyscallsNamed(c.name)
			if !ok {
				t.Fatal("unknown")
			}
			if got := strings.Join(s.SyscallNames(), " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatIsNoNameBringsNothing(t *testing.T) {
	// syscall is what generic events print, but a name of no event; a twin and a
	// tracepoint have only their event's name.
	for _, name := range []string{"", "nosuchcall", "syscall", "OPEN", "setuid32", "sched_process_exit"} {
		if s, ok := scap.SyscallsNamed(name); ok || !s.IsEmpty() {
			t.Errorf("%q brings %v", name, s)
		}
	}
}

func TestASetPrintsEventNamesSortedAndOnce(t *testing.T) {
	s := scap.NewSyscallSet(scap.SCSetuid, scap.SCSetuid32, scap.SCSchedProcessExit, scap.SCGetpid, scap.SCOpen)
	if got, want := s.String(), "getpid, open, procexit, setuid"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (scap.SyscallSet{}).String(); got != "" {
		t.Errorf("the empty set prints %q", got)
	}
}

func TestNamesMissingAreThoseThatNoCallHas(t *testing.T) {
	asked := []string{"open", "nonsense", "procexit", "another", "nonsense"}
	s := scap.ParseSyscallSet(asked...)
	if got := s.NamesMissing(asked...); !slices.Equal(got, []string{"another", "nonsense"}) {
		t.Errorf("got %v", got)
	}
}

func TestNamesOfASetBringTheSetBack(t *testing.T) {
	// Codes that share a name come together, so this holds for all of them only.
	all := scap.AllSyscalls()
	if back := scap.ParseSyscallSet(all.Names()...); back != all {
		t.Errorf("lost %v", all.Minus(back).SyscallNames())
	}
	for sc := range all.All() {
		one := scap.NewSyscallSet(sc)
		if !scap.ParseSyscallSet(one.Names()...).ContainsAll(one) {
			t.Errorf("%s: its names %v do not bring it", sc, one.Names())
		}
	}
}

func TestEventsOfANameAreOfThatName(t *testing.T) {
	events := scap.EventsNamed("openat")
	if len(events) < 2 {
		t.Fatalf("openat has events %v", events)
	}
	for _, e := range events {
		if e.Info().Name != "openat" {
			t.Errorf("%s is no openat", e.Info().Enum)
		}
	}
	if e := scap.EventsNamed("getpid"); e != nil {
		t.Errorf("a generic call has events %v", e)
	}
	if !slices.Contains(scap.NewSyscallSet(scap.SCOpenat).Events(), scap.EvOpenatV2X) {
		t.Error("Events of openat lack its current one")
	}
}

func TestGenericCallsHaveNoEventOfTheirOwn(t *testing.T) {
	g := scap.GenericSyscalls()
	if !g.Has(scap.SCGetpid) || g.Has(scap.SCOpen) || g.Has(scap.SCSchedProcessExit) {
		t.Errorf("generic: %v", g)
	}
}

func TestNativeNumbersLeadToCodes(t *testing.T) {
	for _, c := range []struct {
		arch scap.Arch
		nr   int
		want scap.SC
		ok   bool
	}{
		{scap.AMD64, 257, scap.SCOpenat, true},
		{scap.ARM64, 56, scap.SCOpenat, true},
		{scap.AMD64, 2, scap.SCOpen, true},
		{scap.AMD64, -1, 0, false},
		{scap.AMD64, 1 << 20, 0, false},
		{scap.Arch(9), 2, 0, false},
	} {
		if sc, ok := scap.SyscallOfNative(c.arch, c.nr); sc != c.want || ok != c.ok {
			t.Errorf("arch %d number %d: %v, %v", c.arch, c.nr, sc, ok)
		}
	}
	s := scap.NewSyscallSet(scap.SCOpen, scap.SCOpenat, scap.SCSchedProcessExit)
	if got := s.AvailableOn(scap.ARM64).SyscallNames(); !slices.Equal(got, []string{"openat", "sched_process_exit"}) {
		t.Errorf("on arm64: %v", got)
	}
}

func TestSetOperationsAllocateNothing(t *testing.T) {
	a, b := scap.NewSyscallSet(1, 2), scap.NewSyscallSet(2, 3)
	n := testing.AllocsPerRun(100, func() {
		c := a.Union(b).Minus(a).Intersect(b)
		for sc := range c.All() {
			sink += uint64(sc)
		}
		if c.Len() != 1 || !c.Has(3) {
			t.Fatal("wrong set")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSyscallSetHas(b *testing.B) {
	s := scap.AllSyscalls()
	b.ReportAllocs()
	for b.Loop() {
		if s.Has(scap.SCOpenat) {
			sink++
		}
	}
}
