// SPDX-License-Identifier: Apache-2.0

package callwork

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got)\n%s", file, d)
	}
}

// sideOf makes a side of rules in short form, NAME: condition.
func sideOf(t testing.TB, base config.BaseSyscalls, rulesText string) Side {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(rulesText) {
		name, cond, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok {
			b.WriteString("- rule: " + name + "\n  desc: d\n  condition: " + cond + "\n  output: o\n  priority: INFO\n")
		}
	}
	set, report := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte(b.String())}}, rules.Options{Catalog: fields.Default()})
	if err := report.Err(); err != nil {
		t.Fatalf("%v\n%s", err, report.Text())
	}
	return Side{Name: "r.yaml", Config: &config.Config{BaseSyscalls: base}, Rules: set}
}

const someRules = `
Shells: evt.type in (execve, execveat) and proc.name in (bash, sh)
Secrets: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and not proc.name = sshd
Reads: evt.type = read and fd.name startswith /etc
Opens too: evt.type = openat and fd.name = /x
Anybody opens: evt.type = openat and fd.name = /y
Kills: evt.type = kill and proc.name = x
`

func text(t *testing.T, s Side, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Explain(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{Repair: true, CustomSet: []string{"!kill", "!nosuch", "mmap"}}, someRules)
	golden(t, "explain.txt", text(t, s, Options{}))
	golden(t, "explain_v.txt", text(t, s, Options{Verbose: true, OnlyOn: true}))
	golden(t, "explain.json", text(t, s, Options{JSON: true, Names: []string{"openat", "kill", "getppid"}}))
}

func TestExplainNames(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{}, someRules)
	for _, c := range []struct {
		name  string
		names []string
		want  []string // beginnings of the lines behind the title
	}{
		{"a call that nobody asks for", []string{"getppid"}, []string{"getppid  off    low   nobody asks for it"}},
		{"a high-volume call", []string{"read"}, []string{`read  off    very high  high volume, -A keeps it; 1 rule: "Reads"`}},
		{"a name of rules brings its calls", []string{"setuid"}, []string{"setuid             exit   low   state", "setuid32 (setuid)  exit   low   state"}},
		{"more than three rules are counted", []string{"openat"}, []string{`openat  exit   medium  3 rules: "Secrets", "Opens too", "Anybody opens"; state`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(text(t, s, Options{Names: c.names})), "\n")
			if d := cmp.Diff(c.want, lines[1:]); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestExplainOnlyWhatSomeRulesAskFor(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{}, someRules)
	got := text(t, s, Options{Rules: []string{"Shell", "Kill"}})
	for _, want := range []string{"\nexecve ", "\nexecveat ", "\nkill "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\nopenat ") {
		t.Errorf("other rules' calls are there:\n%s", got)
	}
}

func TestAnUnknownNameSaysWhatIsAlike(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{}, someRules)
	for name, want := range map[string]string{"opnat": "openat", "execv": "execve", "conect": "connect", "openatt": "openat", "ptraec": "ptrace", "x": "--list-events"} {
		err := Explain(&bytes.Buffer{}, s, Options{Names: []string{name}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRulesWithoutEventTypesAreCountedNotListed(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{All: true}, "Anything: proc.name = x\nElse: proc.name = y\n")
	got := text(t, s, Options{})
	if !strings.Contains(got, `2 rules name no event type and ask for every call: "Anything", "Else"`) {
		t.Errorf("got\n%s", got[max(0, len(got)-600):])
	}
	if !strings.Contains(got, "\nread ") || strings.Contains(got, "\nsched_switch ") && !strings.Contains(got, "tracepoint that no rule names") {
		t.Error("the table is not that of all calls")
	}
}

func TestConsumersAreReasons(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{}, "")
	s.Consumers = []selection.Consumer{{Name: "captures", Syscalls: scap.ParseSyscallSet("acct")}}
	if got := text(t, s, Options{Names: []string{"acct"}}); !strings.Contains(got, "needed by captures") {
		t.Errorf("got\n%s", got)
	}
}

func TestAnUnknownStateSetIsAnError(t *testing.T) {
	s := sideOf(t, config.BaseSyscalls{StateSet: "falco-9"}, "")
	if err := Explain(&bytes.Buffer{}, s, Options{}); err == nil {
		t.Error("no error")
	}
	ok := sideOf(t, config.BaseSyscalls{}, "")
	if _, err := Diff(&bytes.Buffer{}, ok, s, Options{}); err == nil {
		t.Error("diff: no error")
	}
}

func TestNamesCannotForgeLines(t *testing.T) {
	set, report := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte(
		"- rule: \"evil\\nread on\\x1b[2J\"\n  desc: d\n  condition: evt.type = kill and proc.name = \"a\\x1b\"\n  output: o\n  priority: INFO\n")}},
		rules.Options{Catalog: fields.Default()})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	got := text(t, Side{Config: &config.Config{}, Rules: set}, Options{Names: []string{"kill"}, Verbose: true})
	if strings.ContainsRune(got, 0x1b) || strings.Contains(got, "\nread on") {
		t.Errorf("got %q", got)
	}
}

func diff(t *testing.T, a, b Side, o Options) (string, bool) {
	t.Helper()
	var out bytes.Buffer
	a.Name, b.Name = "a.yaml", "b.yaml"
	differs, err := Diff(&out, a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), differs
}

func TestDiff(t *testing.T) {
	a := sideOf(t, config.BaseSyscalls{}, someRules)
	b := sideOf(t, config.BaseSyscalls{All: true, CustomSet: []string{"!kill", "!bogus"}},
		strings.Replace(someRules, "Shells: ", "Traces: evt.type = ptrace\nMore shells: ", 1)+"Entries: evt.type = openat and evt.dir = >\n")
	got, differs := diff(t, a, b, Options{})
	if !differs {
		t.Error("no difference")
	}
	golden(t, "diff.txt", got)
	got, _ = diff(t, a, b, Options{Verbose: true})
	golden(t, "diff_v.txt", got)
	got, _ = diff(t, a, b, Options{JSON: true})
	var d Difference
	if err := json.Unmarshal([]byte(got), &d); err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, c := range d.Changes {
		changes = append(changes, c.Name+" "+c.Change)
	}
	if want := []string{"ptrace on", "read on", "kill off"}; !slices.Equal(changes[:3], want) {
		t.Errorf("changes %v", changes)
	}
}

func TestDiffOfTheSameIsNone(t *testing.T) {
	a := sideOf(t, config.BaseSyscalls{}, someRules)
	got, differs := diff(t, a, a, Options{})
	if differs || got != "from \"a.yaml\" to \"b.yaml\": the same 71 system calls are collected\n" {
		t.Errorf("%v %q", differs, got)
	}
}

func TestDiffBackwardsIsTheOppositeForEachCall(t *testing.T) {
	a := sideOf(t, config.BaseSyscalls{}, someRules)
	b := sideOf(t, config.BaseSyscalls{Repair: true, All: true}, someRules)
	read := func(x, y Side) map[string]string {
		text, _ := diff(t, x, y, Options{JSON: true})
		var d Difference
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, c := range d.Changes {
			out[c.Name] = c.Change
		}
		return out
	}
	there, back := read(a, b), read(b, a)
	if len(there) == 0 || len(there) != len(back) {
		t.Errorf("%d there, %d back", len(there), len(back))
	}
	for name, change := range there {
		if want := map[string]string{"on": "off", "off": "on"}[change]; back[name] != want {
			t.Errorf("%s: %s there, %s back", name, change, back[name])
		}
	}
}

func TestEveryCallHasACost(t *testing.T) {
	count := map[Cost]int{}
	for sc := range scap.AllSyscalls().All() {
		count[CostOf(sc)]++
	}
	for _, c := range []Cost{Low, Medium, High, VeryHigh} {
		if count[c] == 0 {
			t.Errorf("no call costs %s", c)
		}
	}
	for name, want := range map[string]Cost{"read": VeryHigh, "close": High, "openat": Medium, "execve": Low, "sched_switch": VeryHigh} {
		sc, _ := scap.SyscallNamed(name)
		if got := CostOf(sc); got != want {
			t.Errorf("%s costs %s, want %s", name, got, want)
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	s := sideOf(b, config.BaseSyscalls{}, someRules)
	b.ReportAllocs()
	for b.Loop() {
		if err := Explain(&bytes.Buffer{}, s, Options{Verbose: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRulesAreAListAndAConfigurationIsAMap(t *testing.T) {
	for text, want := range map[string]bool{
		"# comment\n\n---\n- rule: x\n": true, "- list: x": true, "[]": true, "-\n  rule: x": true, "\ufeff- rule: x\n": true,
		"rules_files: []\n": false, "{}": false, "": false, "--- \n# only\n": false, "-o\n": false,
	} {
		if got := IsRules([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
