// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// rulesetOf loads rules in short form, NAME: condition.
func rulesetOf(t *testing.T, lines ...string) *rules.Ruleset {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		name, cond, _ := strings.Cut(line, ": ")
		b.WriteString("- rule: " + name + "\n  desc: d\n  condition: " + cond + "\n  output: o\n  priority: INFO\n")
	}
	set, report := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte(b.String())}}, rules.Options{Catalog: fields.Default()})
	if err := report.Err(); err != nil {
		t.Fatalf("%v\n%s", err, report.Text())
	}
	return set
}

func TestRulesOfARuleset(t *testing.T) {
	set := rulesetOf(t,
		"opens: evt.type = openat and fd.name = /x",
		"entries: evt.type = openat and evt.dir = > and fd.name = /x",
		"containers: evt.type in (openat, container)",
		"anything: proc.name = x",
		"off: evt.type = kill")
	set.Switch(rules.Switch{Rule: "off"})
	openat := scap.ParseSyscallSet("openat")
	for i, want := range []Rule{
		{Name: "opens", Syscalls: openat},
		{Name: "entries", Syscalls: openat, Enter: openat},
		{Name: "containers", Syscalls: openat, Others: true},
		{Name: "anything", Syscalls: scap.AllSyscalls(), Others: true},
	} {
		got := RulesOf(set)[i]
		got.Tree = nil
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if n := len(RulesOf(set)); n != 4 {
		t.Errorf("%d rules, want 4: one is off", n)
	}
}

func TestInputOfAConfiguration(t *testing.T) {
	conf := config.BaseSyscalls{CustomSet: []string{"a"}, Repair: true, All: true, StateSet: "falco-0.35", NegationWins: true}
	in, err := InputOf(&conf, rulesetOf(t, "opens: evt.type = openat"))
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Rules) != 1 || in.CustomSet[0] != "a" || !in.Repair || !in.All || in.State == sinsp.Current || !in.NegationWins || !in.SpareTracepoints {
		t.Errorf("%+v", in)
	}
	if _, err := InputOf(&config.BaseSyscalls{StateSet: "no such"}, rulesetOf(t)); err == nil {
		t.Error("an unknown state set is no error")
	}
}

func TestARuleThatCannotFireIsNamedWithTheStockSettings(t *testing.T) {
	in, err := InputOf(&config.BaseSyscalls{}, rulesetOf(t, "reads: evt.type = read", "containers: evt.type in (read, container)", "opens: evt.type in (openat, read)"))
	if err != nil {
		t.Fatal(err)
	}
	r := Compute(in)
	if strings.Join(r.NeverFire, ",") != "reads" || strings.Join(r.PartBlind, ",") != "containers,opens" {
		t.Errorf("never %v, part %v", r.NeverFire, r.PartBlind)
	}
}
