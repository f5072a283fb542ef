// SPDX-License-Identifier: Apache-2.0

package evtset_test

import (
	"errors"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

func analyze(t testing.TB, cond string) evtset.Result {
	t.Helper()
	n, err := filter.Parse(cond)
	if err != nil {
		t.Fatal(err)
	}
	r, err := evtset.Analyze(n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTypesHoldOldVersionsAndBothHalves(t *testing.T) {
	r := analyze(t, "evt.type = openat")
	for _, e := range scap.EventsNamed("openat") {
		if !r.Types.Has(e) {
			t.Errorf("%s is not in %d types", e.Info().Enum, r.Types.Len())
		}
	}
	if got, want := r.Types.Len(), len(scap.EventsNamed("openat")); got != want {
		t.Errorf("%d types, want %d", got, want)
	}
}

func TestMatchLeavesOutTheHalvesThatEvtDirRulesOut(t *testing.T) {
	exit := analyze(t, "evt.type = openat and evt.dir = <").Match
	enter := analyze(t, "evt.type = openat and evt.dir = >").Match
	both := analyze(t, "evt.type = openat").Match
	if exit.IsEmpty() || enter.IsEmpty() || !exit.Intersect(enter).IsEmpty() || exit.Union(enter) != both {
		t.Errorf("exit %v, enter %v, both %v", exit, enter, both)
	}
	for e := range exit.Each {
		if e.IsEnter() {
			t.Errorf("%s is an enter event", e.Info().Enum)
		}
	}
}

func TestEntryOfACallWithoutAnEnterEventIsGeneric(t *testing.T) {
	const genericEnter = 0
	if !analyze(t, "evt.type = close and evt.dir = >").Match.Has(genericEnter) {
		t.Error("the entry of close arrives as the generic event")
	}
	if analyze(t, "evt.type = openat and evt.dir = >").Match.Has(genericEnter) {
		t.Error("the entry of openat has an event of its own")
	}
	if analyze(t, "evt.type = close").Match.Has(genericEnter) {
		t.Error("nobody asked for the entry of close")
	}
}

// The generic event stands for many calls: leaving one of them out must not
// leave out the event.
func TestTheGenericEventStaysWhileACallMayUseIt(t *testing.T) {
	const generic = 1
	if !analyze(t, "evt.type = syncfs").Types.Has(generic) {
		t.Error("syncfs arrives as the generic event")
	}
	if r := analyze(t, "evt.type != syncfs"); !r.Types.All() {
		t.Error("other calls arrive as the generic event too")
	}
	if analyze(t, "evt.type = openat").Types.Has(generic) {
		t.Error("openat has events of its own")
	}
	if got := analyze(t, "evt.type != syncfs").Syscalls.Complement().Names(); len(got) != 1 || got[0] != "syncfs" {
		t.Errorf("left out %q", got)
	}
}

func TestUnknownNameIsAnErrorForWhoeverAsks(t *testing.T) {
	r := analyze(t, "m1 and evt.type in (openat, frobnicate)")
	var e *evtset.Error
	if !errors.As(r.UnknownName(), &e) || e.Msg != "unknown event type frobnicate" || e.Pos.Col != 29 {
		t.Errorf("error %v", r.UnknownName())
	}
	r = analyze(t, "evt.type = openat")
	if err := r.UnknownName(); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestChecksAreTheReasons(t *testing.T) {
	r := analyze(t, "(evt.type = open or proc.name = x) and not syscall.type in (close, dup) and evt.type startswith o")
	if len(r.Checks) != 2 || r.Checks[0].Text != "evt.type = open" || r.Checks[1].Text != "syscall.type in (close, dup)" {
		t.Errorf("checks %v", r.Checks)
	}
}

func TestEventNamesOfAnUnrestrictedConditionAreAll(t *testing.T) {
	r := analyze(t, "proc.name exists")
	names := r.EventNames()
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
	}
	for _, want := range []string{"openat", "procexit", "syncfs", "asyncevent", "pluginevent"} {
		if !have[want] {
			t.Errorf("%s is missing in %d names", want, len(names))
		}
	}
}

func TestTypesAlgebra(t *testing.T) {
	var a, b evtset.Types
	for _, e := range []scap.EventType{0, 63, 64, 300} {
		a.Add(e)
	}
	b.Add(64)
	b.Add(65)
	b.Add(60000) // beyond the range: ignored
	if a.Len() != 4 || b.Len() != 2 || a.Has(1) || b.Has(60000) {
		t.Errorf("a %v, b %v", a, b)
	}
	if got := a.Union(b).Len(); got != 5 {
		t.Errorf("union has %d members", got)
	}
	if got := a.Minus(b); got.Len() != 3 || got.Has(64) {
		t.Errorf("difference %v", got)
	}
	var seen []scap.EventType
	for e := range a.Each {
		seen = append(seen, e)
		if e == 64 {
			break
		}
	}
	if len(seen) != 3 || seen[0] != 0 || seen[2] != 64 {
		t.Errorf("ranged over %v", seen)
	}
	if !evtset.AllTypes().All() || a.All() {
		t.Error("All is wrong")
	}
}

// Whatever a condition's shape: what one half can make true, both can, and the
// analysis of a negation covers what the condition leaves out.
func FuzzAnalyze(f *testing.F) {
	for _, s := range []string{
		"evt.type = open and not (evt.dir = > or evt.num < 1)", "evt.type != close", "m or evt.type in (a, b)",
		"not evt.type = anyof (open, close)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := filter.Parse(text)
		if err != nil {
			return
		}
		r, err := evtset.Analyze(n)
		if err != nil {
			return
		}
		inverted, err := evtset.Analyze(&filter.Not{Operand: n})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := r.Types.Union(inverted.Types); !got.All() {
			t.Errorf("%q: no event makes it true or false: %v", text, evtset.AllTypes().Minus(got))
		}
		if !r.Match.Minus(r.Types).IsEmpty() {
			t.Errorf("%q: Match has more than Types", text)
		}
		if !r.Enter.Minus(r.Syscalls).IsEmpty() {
			t.Errorf("%q: Enter has more than Syscalls", text)
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	n, err := filter.Parse("evt.type in (open, openat, openat2) and evt.dir = < and not (proc.name = x or evt.type = open)")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := evtset.Analyze(n); err != nil {
			b.Fatal(err)
		}
	}
}

// As in the reference, which works with calls where they stand: accept stands
// for the calls accept and accept4, accept4 for the latter alone.
func TestNamesThatShareCallsMeet(t *testing.T) {
	accept4 := scap.NewSyscallSet(scap.SCAccept4)
	for cond, want := range map[string]scap.SyscallSet{
		"evt.type = accept4":                                          accept4,
		"evt.type = accept and evt.type = accept4":                    accept4,
		"evt.type in (accept, accept4) and not evt.type = accept":     {},
		"evt.type in (accept, close) and not evt.type = accept4":      scap.NewSyscallSet(scap.SCAccept, scap.SCClose),
		"not (evt.type != accept4 or proc.name = a)":                  accept4,
		"evt.type = accept4 and (evt.type = accept or proc.name = a)": accept4,
	} {
		if got := analyze(t, cond).Syscalls; got != want {
			t.Errorf("%s: %v, want %v", cond, got.Names(), want.Names())
		}
	}
}
