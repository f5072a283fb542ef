// SPDX-License-Identifier: Apache-2.0

package evtset_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// The cases were measured on the reference; the project's own ones in
// testdata cover the same ground.
func eachCase[T any](t *testing.T, file string, run func(*testing.T, T)) {
	f, err := os.Open("../../../shared/conformance/" + file)
	if err != nil {
		t.Skip("no conformance cases here: ", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c T
		var named struct{ Name string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal(lines.Bytes(), &named)
		t.Run(named.Name, func(t *testing.T) { run(t, c) })
	}
}

func TestConformanceEventTypes(t *testing.T) {
	type testCase struct {
		Expr, Kind       string
		Events, Syscalls []string
	}
	eachCase(t, "event_types.jsonl", func(t *testing.T, c testCase) {
		n, err := filter.Parse(c.Expr)
		if err != nil {
			t.Fatal(err)
		}
		r, err := evtset.Analyze(n)
		if err != nil {
			if c.Kind != "error" {
				t.Fatalf("analyze %q: %v", c.Expr, err)
			}
			return
		}
		if r.Kind.String() != c.Kind {
			t.Fatalf("%q: kind %s, want %s", c.Expr, r.Kind, c.Kind)
		}
		// For all_except the case lists what is left out.
		calls, types := r.Syscalls, r.Types
		if r.Kind == evtset.KindAllExcept {
			calls = calls.Complement()
			types = evtset.AllTypes().Minus(types)
		}
		if r.Kind != evtset.KindAll && !slices.Equal(calls.Names(), c.Syscalls) {
			t.Errorf("%q: calls %q, want %q", c.Expr, calls.Names(), c.Syscalls)
		}
		if c.Events != nil {
			if got := (&evtset.Result{Types: types}).EventNames(); !slices.Equal(got, c.Events) {
				t.Errorf("%q: events %q, want %q", c.Expr, got, c.Events)
			}
		}
	})
}

func TestConformanceRulesSyscalls(t *testing.T) {
	type testCase struct {
		Conditions []string `json:"rules_conditions"`
		Syscalls   []string `json:"rules_syscalls"`
	}
	eachCase(t, "syscall_selection.jsonl", func(t *testing.T, c testCase) {
		var all scap.SyscallSet
		for _, text := range c.Conditions {
			n, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			r, err := evtset.Analyze(n)
			if err != nil {
				t.Fatal(err)
			}
			all = all.Union(r.Syscalls)
		}
		if got := all.Names(); !slices.Equal(got, c.Syscalls) {
			t.Errorf("%q: calls %q, want %q", c.Conditions, got, c.Syscalls)
		}
	})
}
