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
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

type script struct {
	name    string
	in      Input
	lines   []string
	notices []string
	whys    [][2]string
	never   []string
	part    []string
	checks  [][3]string // rule, call, part of the condition
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
		case "cond":
			name, text, _ := strings.Cut(rest, ": ")
			tree, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			a, err := evtset.Analyze(tree)
			if err != nil {
				t.Fatal(err)
			}
			s.in.Rules = append(s.in.Rules, Rule{Name: name, Syscalls: a.Syscalls, Enter: a.Enter, Tree: tree})
		case "others":
			s.in.Rules[len(s.in.Rules)-1].Others = true
		case "need":
			name, calls, _ := strings.Cut(rest, ": ")
			s.in.Consumers = append(s.in.Consumers, Consumer{name, scap.ParseSyscallSet(strings.Fields(calls)...)})
		case "plugins":
			s.in.Plugins = scap.ParseSyscallSet(strings.Fields(rest)...)
		case "wins":
			s.in.NegationWins = true
		case "spare":
			s.in.SpareTracepoints = true
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
		case "never":
			s.never = append(s.never, rest)
		case "part":
			s.part = append(s.part, rest)
		case "check":
			f := strings.SplitN(rest, " ", 3)
			s.checks = append(s.checks, [3]string{f[0], f[1], strings.Join(f[2:], "")})
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

// partsText writes parts of a condition; those that do not name the call in
// brackets.
func partsText(parts []evtset.Reason) string {
	var out []string
	for _, p := range parts {
		if !p.Named {
			p.Text = "(" + p.Text + ")"
		}
		out = append(out, p.Text)
	}
	return strings.Join(out, "; ")
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
			compare(t, "never fires", s.never, r.NeverFire)
			compare(t, "partly blind", s.part, r.PartBlind)
			for _, c := range s.checks {
				sc, ok := scap.SyscallNamed(c[1])
				if !ok {
					t.Fatalf("no call %q", c[1])
				}
				parts, asks := r.Checks(c[0], sc)
				got := "does not ask"
				if asks {
					got = partsText(parts)
				}
				if got != c[2] {
					t.Errorf("check %s %s:\nwant %s\ngot  %s", c[0], c[1], c[2], got)
				}
			}
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

func TestTracepointsAreSparedForRulesThatDoNotNameThem(t *testing.T) {
	whatever := Rule{Name: "whatever comes", Syscalls: scap.AllSyscalls()}
	not := Rule{Name: "anything else", Syscalls: scap.AllSyscalls().Minus(scap.ParseSyscallSet("close"))}
	r := Compute(Input{Rules: []Rule{whatever, not}, All: true, SpareTracepoints: true})
	if r.Selection.Exit.Intersects(Tracepoints) {
		t.Errorf("selected: %v", r.Selection.Exit.Intersect(Tracepoints).Names())
	}
	if len(r.Notices) > 0 {
		t.Errorf("notices: %v", r.Notices)
	}
	r = Compute(Input{Rules: []Rule{whatever, {Name: "named", Syscalls: scap.NewSyscallSet(scap.SCSchedSwitch)}}, SpareTracepoints: true})
	if got := r.Selection.Exit.Intersect(Tracepoints); got != scap.NewSyscallSet(scap.SCSchedSwitch) {
		t.Errorf("selected: %v", got.Names())
	}
}

// As in the reference: a rule without event types asks for all 452.
func TestWithoutSparingARuleWithoutEventTypesGetsEverything(t *testing.T) {
	r := Compute(Input{Rules: []Rule{{Name: "whatever comes", Syscalls: scap.AllSyscalls()}}, All: true})
	if got := r.Selection.Exit; got != scap.AllSyscalls() {
		t.Errorf("left out: %v", scap.AllSyscalls().Minus(got).Names())
	}
}

// Whatever the settings: the set is what the steps of the reference make of
// it, told by names and in another way.
func FuzzCompute(f *testing.F) {
	f.Add("open read", "!close execve", uint8(0))
	f.Add("accept", "!accept", uint8(3))
	f.Add("", "! nosuch", uint8(7))
	f.Fuzz(func(t *testing.T, calls, custom string, flags uint8) {
		in := Input{
			Rules:     []Rule{{Name: "r", Syscalls: scap.ParseSyscallSet(strings.Fields(calls)...)}},
			CustomSet: strings.Fields(custom), Repair: flags&1 != 0, All: flags&2 != 0, NegationWins: flags&4 != 0,
		}
		r := Compute(in)
		if !r.Selection.Exit.ContainsAll(sinsp.ProcessExit()) {
			t.Error("process exit is missing")
		}
		if !r.Selection.Exit.ContainsAll(r.Selection.Enter) {
			t.Error("entries without their exits")
		}
		if in.NegationWins && r.Selection.Exit.Minus(sinsp.ProcessExit()).Intersects(r.negative) {
			t.Errorf("taken out and there: %v", r.Selection.Exit.Intersect(r.negative))
		}
		if !in.All && !in.Repair && r.Selection.Exit.Intersects(sinsp.DefaultExcluded(in.State)) {
			t.Error("high-volume calls without -A")
		}
		if r.Unsupported != r.Rules.Minus(r.Selection.Exit) {
			t.Errorf("unsupported: %v", r.Unsupported)
		}
		for _, w := range r.Explain() {
			if w.On != r.Selection.Exit.Has(w.Syscall) || len(w.Reasons()) == 0 {
				t.Errorf("%v", w)
			}
		}
	})
}
