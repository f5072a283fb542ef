// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

type script struct {
	name    string
	in      Input
	lines   []string
	notices []string
	whys    [][2]string
}

func readScripts(t *testing.T) []script {
	f, err := os.Open("testdata/steps.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []script
	var s *script
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
		case "==":
			all = append(all, script{name: rest})
			s = &all[len(all)-1]
		case "rule":
			name, calls, _ := strings.Cut(rest, ": ")
			set := scap.ParseSyscallSet(strings.Fields(calls)...)
			if calls == "*" {
				set = scap.AllSyscalls()
			}
			s.in.Rules = append(s.in.Rules, Rule{Name: name, Syscalls: set})
		case "set":
			s.in.CustomSet = strings.Fields(rest)
		case "repair":
			s.in.Repair = true
		case "all":
			s.in.All = true
		case "state":
			g, err := sinsp.ParseGeneration(rest)
			if err != nil {
				t.Fatal(err)
			}
			s.in.State = g
		case "D", "I", "W":
			s.lines = append(s.lines, line)
		case "!":
			s.notices = append(s.notices, rest)
		case "why":
			call, text, _ := strings.Cut(rest, ": ")
			s.whys = append(s.whys, [2]string{call, text})
		default:
			t.Fatalf("testdata/steps.txt: cannot read %q", line)
		}
	}
	return all
}

// like reports whether got has the form of want, where "..." is anything.
func like(want, got string) bool {
	parts := strings.Split(want, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(got)
}

func compare(t *testing.T, what string, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			t.Errorf("%s: unexpected: %s", what, got[i])
		case i >= len(got):
			t.Errorf("%s: missing: %s", what, want[i])
		case !like(want[i], got[i]):
			t.Errorf("%s:\nwant %s\ngot  %s", what, want[i], got[i])
		}
	}
}

func TestScripts(t *testing.T) {
	for _, s := range readScripts(t) {
		t.Run(s.name, func(t *testing.T) {
			r := Compute(s.in)
			var lines []string
			for _, l := range r.Lines {
				lines = append(lines, "DIW"[l.Level:l.Level+1]+" "+l.Text)
			}
			compare(t, "line", s.lines, lines)
			compare(t, "notice", s.notices, r.Notices)
			for _, w := range s.whys {
				sc, ok := scap.SyscallNamed(w[0])
				if !ok {
					t.Fatalf("no call %q", w[0])
				}
				if got := r.Why(sc).String(); got != w[1] {
					t.Errorf("why %s:\nwant %s\ngot  %s", w[0], w[1], got)
				}
			}
		})
	}
}

func TestEveryCollectedCallHasAReason(t *testing.T) {
	for _, s := range readScripts(t) {
		r := Compute(s.in)
		for _, w := range r.Explain() {
			if strings.HasSuffix(w.String(), "()") {
				t.Errorf("%s: %s", s.name, w)
			}
			if w.On != r.Selection.Exit.Has(w.Syscall) {
				t.Errorf("%s: %s disagrees with the set", s.name, w)
			}
		}
	}
}

func TestEnterPlaneIsBoundedByTheSelection(t *testing.T) {
	open, read := scap.ParseSyscallSet("openat"), scap.ParseSyscallSet("read")
	r := Compute(Input{Rules: []Rule{{Name: "r", Syscalls: open.Union(read), Enter: open.Union(read)}}})
	if r.Selection.Enter != open {
		t.Errorf("enter plane is %v, want openat: read is not collected", r.Selection.Enter)
	}
}

func BenchmarkCompute(b *testing.B) {
	in := Input{Rules: []Rule{{Name: "a", Syscalls: scap.ParseSyscallSet("execve", "openat")}, {Name: "b", Syscalls: scap.AllSyscalls()}}}
	b.ReportAllocs()
	for b.Loop() {
		Compute(in)
	}
}

func TestTracepointsAreForRulesThatNameThem(t *testing.T) {
	whatever := Rule{Name: "whatever comes", Syscalls: scap.AllSyscalls()}
	not := Rule{Name: "anything else", Syscalls: scap.AllSyscalls().Minus(scap.ParseSyscallSet("close"))}
	r := Compute(Input{Rules: []Rule{whatever, not}, All: true})
	if r.Selection.Exit.Intersects(Tracepoints) {
		t.Errorf("selected: %v", r.Selection.Exit.Intersect(Tracepoints).Names())
	}
	if len(r.Notices) > 0 {
		t.Errorf("notices: %v", r.Notices)
	}
	r = Compute(Input{Rules: []Rule{whatever, {Name: "named", Syscalls: scap.NewSyscallSet(scap.SCSchedSwitch)}}})
	if got := r.Selection.Exit.Intersect(Tracepoints); got != scap.NewSyscallSet(scap.SCSchedSwitch) {
		t.Errorf("selected: %v", got.Names())
	}
}
