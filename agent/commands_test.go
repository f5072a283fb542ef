// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
)

func TestCommandsUseTheConfigurationAndTheRulesThatTheAgentWouldUse(t *testing.T) {
	rules := ruleOn("Opens", "/etc/a", "a") + "- rule: Modes\n  desc: d\n  condition: evt.type = chmod\n  output: o\n  priority: INFO\n"
	other := "- rule: Owners\n  desc: d\n  condition: evt.type = chown\n  output: o\n  priority: INFO\n"
	broken := "- rule: Broken\n  desc: d\n  condition: proc.nmae = cat\n  output: o\n  priority: INFO\n"
	w := newWorld(t, "")
	a, b, bad := w.file("a.yaml", rules), w.file("b.yaml", other), w.file("bad.yaml", broken)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string // on standard output
		err    string // on standard error
	}{
		{"check a good file", []string{"rules", "check", a}, 0, "0 errors", ""},
		{"check a broken file", []string{"rules", "check", bad}, 1, "proc.name", ""},
		{"check a file that is not there", []string{"rules", "check", "/nowhere.yaml"}, 2, "", "Error: "},
		{"explain-plan", []string{"rules", "explain-plan", a}, 0, "Modes", ""},
		{"explain-plan of broken rules", []string{"rules", "explain-plan", bad}, 1, "", "did you mean 'proc.name'?"},
		{"explain a call that a rule asks for", []string{"syscalls", "explain", "-r", a, "chmod"}, 0, `"Modes"`, ""},
		{"explain honours the configuration", []string{"syscalls", "explain", "-r", a, "-o", "base_syscalls.custom_set[]=!chmod", "chmod"}, 0, "off", ""},
		{"diff of two rules files", []string{"syscalls", "diff", a, b}, 0, "+ chown", ""},
		{"diff that finds something can fail", []string{"syscalls", "diff", "--exit-code", a, b}, 1, "+ chown", ""},
		{"diff with itself", []string{"syscalls", "diff", "--exit-code", a, a}, 0, "", ""},
		{"diff with a file that is not there", []string{"syscalls", "diff", a, "/nowhere.yaml"}, 1, "", "Error: /nowhere.yaml: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "", c.args...)
			if s := w.run(); s != c.status {
				t.Errorf("status %d, want %d", s, c.status)
			}
			if !strings.Contains(w.out.String(), c.want) || !strings.Contains(w.err.String(), c.err) {
				t.Errorf("want %q and %q\nstdout: %s\nstderr: %s", c.want, c.err, &w.out, &w.err)
			}
			if c.status == 0 && w.err.String() != "" {
				t.Errorf("stderr: %s", &w.err)
			}
		})
	}
}

func TestALiveProfileLooksOnAndLeaves(t *testing.T) {
	w := newWorld(t, "")
	w.sys.Args = []string{"rules", "profile", "-d", "10s", w.file("a.yaml", ruleOn("Opens", "/etc/a", "a"))}
	w.driver.Play(execCat(), openFile(100, "/etc/a")).End()
	if s := w.run(); s != 0 || !strings.Contains(w.out.String(), "Opens") {
		t.Errorf("status %d\nstdout: %s\nstderr: %s", s, &w.out, &w.err)
	}
	if calls := w.driver.Calls(); len(calls) == 0 || calls[len(calls)-1] != "Close" {
		t.Errorf("the driver is not closed: %v", calls)
	}
}

// A unit prepares its driver before the agent starts; where another one may take
// its place, failing is no reason not to start.
func TestAFallbackForgivesADriverThatCannotBePrepared(t *testing.T) {
	for _, c := range []struct {
		config string
		status int
		says   string
	}{
		{"engine: {kind: kmod, fallback: [modern_bpf]}\n", 0, "engine.fallback is taken: modern_bpf"},
		{"engine: {kind: kmod}\n", 1, "/there/is/no.ko"},
		{"engine: {kind: kmod, fallback: [modern_bpf]\n", 1, "whether engine.fallback names another driver cannot be told"},
	} {
		w := newWorld(t, "")
		w.sys.Args = []string{"driver", "load", "kmod", "--file", "/there/is/no.ko", "--or-fallback"}
		w.sys.Search = []string{w.file("tiercel.yaml", c.config+"rules_files: []\nstdout_output: {enabled: true}\n")}
		if got := w.run(); got != c.status {
			t.Errorf("%s: status %d, %s", c.config, got, &w.err)
		}
		w.until(&w.err, "/there/is/no.ko")
		w.until(&w.err, c.says)
	}
}
