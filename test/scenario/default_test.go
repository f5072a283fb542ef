// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiercel/tiercel/rules/default/catalog"
	"github.com/tiercel/tiercel/test/live"
)

// fields are what alerts of a step must say, beside that they come: by step,
// field and regular expression for the whole value. Each tactic has a file.
var fields = map[string]map[string]string{}

// wantFields adds to fields.
func wantFields(more map[string]map[string]string) bool {
	for step, f := range more {
		fields[step] = f
	}
	return true
}

// play is what a rule must do about a step.
type play struct {
	catalog.Rule
	fires bool
}

// plays returns what the default rules say of every step.
func plays(t *testing.T) map[string][]play {
	t.Helper()
	tactics, _, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]play{}
	for _, tactic := range tactics {
		for _, r := range tactic.Rules {
			for _, step := range r.Provoke {
				by[step] = append(by[step], play{r, true})
			}
			for _, step := range r.NearMiss {
				by[step] = append(by[step], play{r, false})
			}
		}
	}
	return by
}

// patience is how long an alert may take. It comes within milliseconds; the rest
// is for machines that have much else to do.
const patience = time.Minute

// Every default rule fires at each of its provocations, and at none of its near
// misses.
func TestScenarioDefaultRules(t *testing.T) {
	live.Require(t)
	dir := t.TempDir()
	tiercel := build(t, dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	provoke := build(t, dir, "github.com/tiercel/tiercel/test/scenario/provoke")
	// Rules that are off by default are tried as well.
	a := startAgent(t, tiercel, "-r", "../../rules/default", "-o", "engine.kind=modern_ebpf", "-o", "rules[0].enable.rule=*")
	defer a.stop(t)
	waitReady(t, a, provoke)

	// What must fire is waited for at once, what must not is looked at in the
	// end, behind an alert that must come after all the others.
	by := plays(t)
	numbers := map[string]string{}
	var mu sync.Mutex
	t.Run("rules", func(t *testing.T) {
		for step, does := range by {
			t.Run(step, func(t *testing.T) {
				t.Parallel()
				number := run(t, provoke, step)
				mu.Lock()
				numbers[step] = number
				mu.Unlock()
				for _, p := range does {
					if p.fires {
						fires(t, a, step, number, p)
					}
				}
			})
		}
	})
	last := run(t, provoke, "read-shadow")
	if !eventually(patience, func() bool { return len(a.of(last, "")) > 0 }) {
		t.Fatalf("the last alert did not come\n%s", a.Log())
	}
	for step, does := range by {
		for _, p := range does {
			if found := a.of(numbers[step], p.Name); !p.fires && len(found) > 0 {
				t.Errorf("%s must not raise %q:\n%s", step, p.Name, outputs(found))
			}
		}
	}
}

// fires wants the alert of a rule about a step.
func fires(t *testing.T, a *watcher, step, number string, p play) {
	t.Helper()
	// A step may raise several alerts, of which the wanted one need not be the first.
	w := wanted{p.Name, p.Priority.String(), fields[step]}
	if eventually(patience, func() bool { return w.misses(a.of(number, p.Name)) == nil }) {
		return
	}
	if len(a.of(number, p.Name)) == 0 {
		t.Errorf("no alert of %q within %v; instead:\n%s", p.Name, patience, outputs(a.of(number, "")))
		return
	}
	check(t, w, a.of(number, p.Name))
}

func TestStepsThatRulesNameExist(t *testing.T) {
	provoke := build(t, t.TempDir(), "github.com/tiercel/tiercel/test/scenario/provoke")
	out, err := exec.Command(provoke, "-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := strings.Fields(string(out))
	by := plays(t)
	for step, does := range by {
		if !slices.Contains(there, step) {
			t.Errorf("rule %q names the step %q, which provoke lacks", does[0].Name, step)
		}
	}
	for step := range fields {
		if by[step] == nil {
			t.Errorf("no rule is provoked by %q, of whose alerts something is wanted", step)
		}
	}
}
