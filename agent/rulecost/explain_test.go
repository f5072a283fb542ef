// SPDX-License-Identifier: Apache-2.0

package rulecost

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

func load(t testing.TB, text string) *rules.Ruleset {
	t.Helper()
	set, report := rules.Load([]rules.File{{Name: "rules.yaml", Content: []byte(text)}}, rules.Options{})
	if set == nil {
		t.Fatal(report.Err())
	}
	return set
}

func explain(t *testing.T, set *rules.Ruleset, opts ExplainOptions) string {
	t.Helper()
	var b strings.Builder
	if err := Explain(&b, set, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const someRules = `
- macro: opened
  condition: (evt.type in (open, openat) and evt.is_open_read = true)
- rule: Key read
  desc: d
  condition: opened and fd.name = /etc/key and not proc.name in (sshd, login)
  output: o
  priority: INFO
- rule: Config read
  desc: d
  condition: opened and fd.name startswith /etc/app/ and proc.aname contains web
  output: o
  priority: INFO
- rule: Anything by a miner
  desc: d
  condition: proc.name = miner
  output: o
  priority: INFO
  warn_evttypes: false
`

func TestPlanSaysHowARuleIsReachedAndEvaluated(t *testing.T) {
	got := explain(t, load(t, someRules), ExplainOptions{})
	for _, want := range []string{
		"3 rules on system calls",
		"\n  open, openat: 2 rules\n",
		"\n  any event: 1 rule\n",
		"\n  Key read\n    on open, openat\n",
		"fd.name = /etc/key",
		"not proc.name in (sshd, login)",
		"evt.is_open_read = true  [in 2 rules]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "evt.type in") {
		t.Errorf("the type of the event is asked although it is known\n%s", got)
	}
}

func TestPlanOfOneEventOrRule(t *testing.T) {
	set := load(t, someRules)
	if got := explain(t, set, ExplainOptions{Rules: []string{"config"}}); strings.Contains(got, "Key read") || !strings.Contains(got, "Config read") {
		t.Errorf("of one rule:\n%s", got)
	}
	if got := explain(t, set, ExplainOptions{Events: []string{"close"}}); strings.Contains(got, "Key read\n") || !strings.Contains(got, "Anything by a miner") {
		t.Errorf("of an event that one rule can match:\n%s", got)
	}
	if err := Explain(&strings.Builder{}, set, ExplainOptions{Rules: []string{"nosuch"}}); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("a rule that is not there: %v", err)
	}
}

func TestPlanOfTheDefaultRulesAsJSON(t *testing.T) {
	set := load(t, string(defaultrules.Content()))
	var doc struct {
		Rules  int
		Events []struct{ Rules int }
		Routes []struct {
			Rule   string
			Checks []struct{ Text, Cost string }
		}
	}
	text := explain(t, set, ExplainOptions{JSON: true})
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, r := range doc.Routes {
		named[r.Rule] = true
		if len(r.Checks) == 0 {
			t.Errorf("%s has no check", r.Rule)
		}
	}
	for _, r := range set.Enabled() {
		if !named[r.Name] {
			t.Errorf("nothing about rule %s", r.Name)
		}
	}
	if doc.Rules != len(set.Enabled()) || len(doc.Events) == 0 {
		t.Errorf("%d rules, %d plans", doc.Rules, len(doc.Events))
	}
}
