// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiercel/tiercel/test/live/agent"
)

// watcher is a running tiercel whose alerts are looked at by step.
type watcher struct{ *agent.Agent }

// endTime is how long it may take to end, on a loaded machine.
const endTime = time.Minute

func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	bin, err := agent.Build(dir, pkg)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// startAgent runs tiercel. Alerts tell which step provoked them, see run.
func startAgent(t *testing.T, bin string, args ...string) *watcher {
	t.Helper()
	a, err := agent.Start(bin, append([]string{"-o", "json_include_tags_property=true", "-o", "append_output[0].extra_fields[0]=" + stepField}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{a}
}

// stop ends the agent the way a user would, and wants a clean end.
func (a *watcher) stop(t *testing.T) {
	t.Helper()
	if err := a.Stop(endTime); err != nil {
		t.Error(err)
	}
}

// since returns the alerts of a rule that came after the first n alerts.
func (a *watcher) since(n int, rule string) []*agent.Alert {
	var found []*agent.Alert
	for _, al := range a.Alerts()[n:] {
		if al.Rule == rule {
			found = append(found, al)
		}
	}
	return found
}

// outputs returns the first lines of alerts.
func outputs(alerts []*agent.Alert) string {
	const most = 10
	var b strings.Builder
	for _, al := range alerts[:min(most, len(alerts))] {
		fmt.Fprintf(&b, "%s: %s\n", al.Rule, al.Output)
	}
	if len(alerts) > most {
		fmt.Fprintf(&b, "... %d more\n", len(alerts)-most)
	}
	return b.String()
}

func (a *watcher) count() int { return len(a.Alerts()) }

func eventually(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}

// Every step has a number in its environment, which all its processes inherit.
// So steps may run at once, and alerts of others on the same host count for
// nothing.
const (
	stepVariable = "TIERCEL_STEP"
	stepField    = "proc.env[" + stepVariable + "]"
)

var lastStep atomic.Int64

// run does a step and returns its number.
func run(t *testing.T, provoke, what string) string {
	t.Helper()
	number := fmt.Sprint(lastStep.Add(1))
	cmd := exec.Command(provoke, what)
	cmd.Env = []string{stepVariable + "=" + number, "PATH=" + os.Getenv("PATH"), "HOME=/root"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return number
}

// of returns the alerts of a step, those of one rule if it is named.
func (a *watcher) of(number, rule string) []*agent.Alert {
	var found []*agent.Alert
	for _, al := range a.Alerts() {
		if al.Fields[stepField] == number && (rule == "" || al.Rule == rule) {
			found = append(found, al)
		}
	}
	return found
}

// waitReady provokes an alert until the first one comes.
func waitReady(t *testing.T, a *watcher, provoke string) {
	t.Helper()
	if !eventually(patience, func() bool {
		return len(a.of(run(t, provoke, "read-shadow"), "")) > 0 || a.count() > 0
	}) {
		a.Kill()
		t.Fatalf("no alert after the start\n%s", a.Log())
	}
}

// wanted is an alert: each field is a regular expression for the whole value.
type wanted struct {
	rule     string
	priority string
	fields   map[string]string
}

// check wants one alert whose fields all match.
func check(t *testing.T, w wanted, found []*agent.Alert) {
	t.Helper()
	if problems := w.misses(found); problems != nil {
		t.Errorf("no alert of %q has the right fields:\n%s", w.rule, strings.Join(problems, "\n"))
	}
}

// misses says of each alert what is wrong about it, or nothing if one is right.
func (w wanted) misses(found []*agent.Alert) []string {
	var problems []string
	if len(found) == 0 {
		problems = append(problems, "there is none")
	}
	for _, al := range found {
		var wrong []string
		for field, pattern := range w.fields {
			value, ok := al.Fields[field]
			text := strings.Trim(string(mustJSON(value)), `"`)
			if !ok || !regexp.MustCompile("^(?:"+pattern+")$").MatchString(text) {
				wrong = append(wrong, field+"="+text+" (want "+pattern+")")
			}
		}
		if al.Priority != w.priority {
			wrong = append(wrong, "priority="+al.Priority)
		}
		if al.Source != "syscall" || len(al.Tags) == 0 {
			wrong = append(wrong, "source="+al.Source+" tags="+strings.Join(al.Tags, ","))
		}
		if time.Since(al.Time).Abs() > 2*patience {
			wrong = append(wrong, "time="+al.Time.String())
		}
		if len(wrong) == 0 {
			return nil
		}
		problems = append(problems, strings.Join(wrong, "; ")+"\n  "+al.Output)
	}
	return problems
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSpace(b.Bytes())
}
