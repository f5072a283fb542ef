// SPDX-License-Identifier: Apache-2.0

package sinsp

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

// sets computes every named set by the name of the reference.
func sets(g Generation) map[string]scap.SyscallSet {
	return map[string]scap.SyscallSet{
		"state":            StateSet(g),
		"io":               IOSet(),
		"io_other":         IOOtherSet(g),
		"file":             FileSet(g),
		"net":              NetSet(),
		"proc":             ProcSet(g),
		"sys":              SysSet(g),
		"default_excluded": DefaultExcluded(g),
		"repair_always":    RepairAlways(),
	}
}

func TestSetsHaveTheSizesOfTheirGeneration(t *testing.T) {
	want := map[Generation]map[string]int{
		Current: {"state": 70, "io": 18, "io_other": 12, "file": 45, "net": 11,
			"proc": 24, "sys": 18, "default_excluded": 12, "repair_always": 22},
		Falco035: {"state": 63, "io": 18, "io_other": 11, "file": 44, "net": 11,
			"proc": 22, "sys": 17, "default_excluded": 14, "repair_always": 22},
	}
	for g, sizes := range want {
		have := map[string]int{}
		for name, set := range sets(g) {
			have[name] = set.Len()
		}
		if diff := cmp.Diff(sizes, have); diff != "" {
			t.Errorf("%s (-want +got):\n%s", g, diff)
		}
	}
}

func TestDefaultExcludedIsDataMovingCallsWithoutState(t *testing.T) {
	want := "pread, preadv, pwrite, pwritev, read, readv, recv, send, sendfile, write, writev"
	if got := DefaultExcluded(Current).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSetsAgreeWithTheReferenceTable(t *testing.T) {
	f, err := os.Open("../../shared/reference/sets.tsv")
	if err != nil {
		t.Skipf("reference table absent: %v", err)
	}
	defer f.Close()
	type key struct {
		gen Generation
		set string
	}
	want := map[key]scap.SyscallSet{}
	lines := bufio.NewScanner(f)
	lines.Scan() // column names
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		gen, err := ParseGeneration(c[1])
		if err != nil {
			t.Fatal(err)
		}
		code, err := strconv.Atoi(c[3])
		if err != nil {
			t.Fatal(err)
		}
		if name := scap.SC(code).String(); name != c[4] {
			t.Errorf("code %d is %s, reference says %s", code, name, c[4])
		}
		set := want[key{gen, c[0]}]
		set.Add(scap.SC(code))
		want[key{gen, c[0]}] = set
	}
	for _, g := range []Generation{Current, Falco035} {
		for name, have := range sets(g) {
			ref, ok := want[key{g, name}]
			if !ok {
				continue // the reference has no older rows for it
			}
			if d := have.Minus(ref); !d.IsEmpty() {
				t.Errorf("%s %s: too many: %v", g, name, d.SyscallNames())
			}
			if d := ref.Minus(have); !d.IsEmpty() {
				t.Errorf("%s %s: missing: %v", g, name, d.SyscallNames())
			}
		}
	}
}

func TestRepairAddsWhatTheAskedCallsNeed(t *testing.T) {
	for _, c := range []struct{ name, asked, added string }{
		{"nothing brings processes only", "", ""},
		{"a file call brings close", "mkdir", "close"},
		{"a write brings close", "write", "close"},
		{"a call on any descriptor brings close", "fcntl", "close"},
		{"a connect brings sockets but no bind", "connect", "close getsockopt socket"},
		{"a listen brings bind too", "listen", "bind close getsockopt socket"},
		{"a kill brings nothing", "kill", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := scap.ParseSyscallSet(strings.Fields(c.asked)...)
			got := Repair(asked)
			want := asked.Union(RepairAlways()).Union(scap.ParseSyscallSet(strings.Fields(c.added)...))
			if got != want {
				t.Errorf("added %v and lack %v", got.Minus(want), want.Minus(got))
			}
		})
	}
}

func TestRepairIsOnePass(t *testing.T) {
	// A file call adds close; close alone would not have added more.
	s := Repair(scap.ParseSyscallSet("mkdir"))
	if s.Has(scap.SCSocket) {
		t.Error("close, added for a file call, brought socket")
	}
}

func TestGenerationNamesRoundTrip(t *testing.T) {
	for _, g := range []Generation{Current, Falco035} {
		if got, err := ParseGeneration(g.String()); got != g || err != nil {
			t.Errorf("%v: got %v, %v", g, got, err)
		}
	}
	if _, err := ParseGeneration("falco-0.1"); err == nil {
		t.Error("an unknown generation was accepted")
	}
}
