// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rule makes a rule on opens of a file.
func ruleOn(name, file, text string) string {
	return "- rule: " + name + "\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = " + file +
		"\n  output: \"" + text + "\"\n  priority: WARNING\n"
}

// living starts an agent on rules in a file and returns the file.
func living(t *testing.T, rules string, args ...string) (*world, string) {
	w := newWorld(t, "")
	path := w.file("rules.yaml", rules)
	w.sys.Args = append([]string{"-r", path, "-o", "watch_debounce_ms=20"}, args...)
	w.driver.Play(execCat())
	w.start()
	w.until(&w.err, "Watching:")
	return w, path
}

func (w *world) overwrite(path, content string) {
	w.t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

// reloaded waits for the nth reload.
func (w *world) reloaded(n int) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(w.err.String(), "Reloaded: ") < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("no reload\nstdout: %s\nstderr: %s", &w.out, &w.err)
		}
	}
}

func TestChangedRulesTakeEffectWithoutARestart(t *testing.T) {
	w, path := living(t, ruleOn("A", "/etc/a", "old %fd.name")+ruleOn("B", "/etc/b", "b %fd.name"))
	w.driver.Play(openFile(100, "/etc/a"), openFile(100, "/etc/b"))
	w.until(&w.out, "Warning old /etc/a")
	w.overwrite(path, ruleOn("A", "/etc/a", "new %fd.name proc=%proc.name"))
	w.reloaded(1)
	w.driver.Play(openFile(100, "/etc/a"), openFile(100, "/etc/b")).End()
	if s := w.wait(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	out := w.out.String()
	if !strings.Contains(out, "Warning new /etc/a proc=cat\n") {
		t.Errorf("the new rule or the model of the host is not there: %s", out)
	}
	if strings.Count(out, "Warning b /etc/b") != 1 {
		t.Errorf("the removed rule fires: %s", out)
	}
	// Counters go on, those of the rule that has gone too.
	for _, want := range []string{"Events detected: 3\n", "   WARNING: 3\n", "   A: 2\n", "   B: 1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q: %s", want, out)
		}
	}
	if strings.Count(w.err.String(), "SIGHUP received, restarting...") != 1 {
		t.Errorf("stderr: %s", &w.err)
	}
}

func TestNewCallsFlowBeforeTheSwapAndOldOnesUntilAfterIt(t *testing.T) {
	chmod, chown := "evt.type = chmod", "evt.type = chown"
	rule := func(cond string) string {
		return "- rule: r\n  desc: d\n  condition: " + cond + "\n  output: o\n  priority: INFO\n"
	}
	w, path := living(t, rule(chmod))
	w.overwrite(path, rule(chown))
	w.reloaded(1)
	w.driver.End()
	w.wait()
	sel := w.driver.Selections()
	if len(sel) != 4 {
		t.Fatalf("%d selections", len(sel))
	}
	for i, want := range []string{"", "+-", "++", "-+"} {
		got := ""
		for _, name := range []string{"chmod", "chown"} {
			if sel[i].Exit.Has(call(t, name)) {
				got += "+"
			} else {
				got += "-"
			}
		}
		if i > 0 && got != want {
			t.Errorf("selection %d: chmod, chown are %s, want %s", i, got, want)
		}
	}
}

func TestABrokenReloadIsReportedAndChangesNothing(t *testing.T) {
	good := ruleOn("A", "/etc/a", "a %fd.name")
	w, path := living(t, good, "-o", "priority=warning")
	w.overwrite(path, good+"- rule: Broken\n  desc: d\n  condition: proc.nmae = cat\n  output: o\n  priority: INFO\n")
	w.until(&w.out, ": Critical Tiercel internal: hot restart failure: ")
	w.driver.Play(openFile(100, "/etc/a"))
	w.until(&w.out, "Warning a /etc/a")
	for _, want := range []string{"Reload failed", "rules.yaml:8:", "did you mean 'proc.name'?"} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, &w.err)
		}
	}
	line, _, _ := strings.Cut(w.out.String(), "\n")
	if !strings.Contains(line, "LOAD_ERR_COMPILE_CONDITION") || !strings.HasSuffix(line, " ()") {
		t.Errorf("the message is not on one line: %s", w.out.String())
	}
	// The repaired file is taken.
	w.overwrite(path, ruleOn("A", "/etc/a", "repaired %fd.name"))
	w.reloaded(1)
	w.driver.Play(openFile(100, "/etc/a")).End()
	w.wait()
	if !strings.Contains(w.out.String(), "Warning repaired /etc/a") {
		t.Errorf("stdout: %s", &w.out)
	}
}

func TestADriverThatRefusesTheNewSelectionKeepsTheOldPlan(t *testing.T) {
	w, path := living(t, ruleOn("A", "/etc/a", "a"))
	w.driver.FailSelection = os.ErrPermission
	w.overwrite(path, ruleOn("A", "/etc/a", "b"))
	w.until(&w.out, "hot restart failure: select system calls: permission denied")
	w.driver.Play(openFile(100, "/etc/a")).End()
	w.wait()
	if !strings.Contains(w.out.String(), "Warning a\n") {
		t.Errorf("stdout: %s", &w.out)
	}
}

func TestWhatOfTheConfigurationChangesLive(t *testing.T) {
	w := newWorld(t, "")
	rules := w.file("rules.yaml", ruleOn("A", "/etc/a", "a %fd.name")+ruleOn("B", "/etc/a", "also"))
	config := func(more string) string {
		return "rules_files: [" + rules + "]\nstdout_output: {enabled: true}\nlog_stderr: true\nwatch_debounce_ms: 20\n" + more
	}
	path := w.file("tiercel.yaml", config(""))
	w.sys.Args = []string{"-c", path}
	w.driver.Play(execCat(), openFile(100, "/etc/a"))
	w.start()
	w.until(&w.out, "Warning a /etc/a\n")

	w.overwrite(path, config("json_output: true\nrule_matching: all\nlog_level: debug\nappend_output: [{extra_output: \"more=%evt.type\"}]\n"+
		"engine: {kind: modern_ebpf, modern_ebpf: {buf_size_preset: 5}}\nfalco_libs: {thread_table_size: 1000}\n"))
	w.reloaded(1)
	w.until(&w.err, "Changed, but not before a restart: engine.kind, engine.modern_ebpf.buf_size_preset, falco_libs.thread_table_size")
	w.driver.Play(openFile(100, "/etc/a"))
	w.until(&w.out, `"rule":"B"`)
	if !strings.Contains(w.out.String(), `a /etc/a more=openat"`) {
		t.Errorf("stdout: %s", &w.out)
	}
	if strings.Contains(w.err.String(), "syscalls selected in total") {
		t.Errorf("debug lines before log_level: debug was in force: %s", &w.err)
	}

	w.overwrite(path, config("rules: [{disable: {rule: A}}]\n"))
	w.reloaded(2)
	w.until(&w.err, "Disabling rules with name: A")
	w.until(&w.err, "syscalls selected in total")
	w.driver.Play(openFile(100, "/etc/a"))
	w.until(&w.out, "Warning also\n")
	w.driver.End()
	w.wait()
}

func TestTheSignalReloadsWhenFilesAreNotWatched(t *testing.T) {
	w, path := living(t, ruleOn("A", "/etc/a", "old"), "-o", "watch_config_files=false")
	w.overwrite(path, ruleOn("A", "/etc/a", "new"))
	w.signals <- syscall.SIGHUP
	w.reloaded(1)
	w.driver.Play(openFile(100, "/etc/a")).End()
	w.wait()
	if !strings.Contains(w.out.String(), "Warning new\n") {
		t.Errorf("stdout: %s", &w.out)
	}
}

func TestAFolderOfRulesIsWatched(t *testing.T) {
	w := newWorld(t, "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(ruleOn("A", "/etc/a", "a")), 0o644); err != nil {
		t.Fatal(err)
	}
	w.sys.Args = []string{"-r", dir, "-o", "watch_debounce_ms=20"}
	w.driver.Play(execCat())
	w.start()
	w.until(&w.err, "Watching: 1 rules")
	w.overwrite(filepath.Join(dir, "b.yaml"), ruleOn("B", "/etc/b", "b"))
	w.until(&w.err, "Reloaded: 2 rules")
	w.driver.End()
	w.wait()
}

func TestCountersOfDropsGoOnAcrossAReload(t *testing.T) {
	w, path := living(t, ruleOn("A", "/etc/a", "a"), "-o", "syscall_event_drops.actions[]=log", "-o", "syscall_event_drops.simulate_drops=true")
	w.driver.Drop(3)
	w.until(&w.err, "Lost 3 of ")
	w.overwrite(path, ruleOn("A", "/etc/a", "b"))
	w.reloaded(1)
	w.driver.Drop(4).End()
	w.wait()
	if !strings.Contains(w.err.String(), "7 lost in all") {
		t.Errorf("stderr: %s", &w.err)
	}
}

// An old plan must go: an agent that is reloaded every hour would grow.
func TestTheOldPlanIsFreed(t *testing.T) {
	w := newLoop(t)
	freed := make(chan struct{})
	runtime.AddCleanup(w.matcher, func(int) { close(freed) }, 0)
	r := loopRun(t)
	if err := r.compile(); err != nil {
		t.Fatal(err)
	}
	r.alerts = w.alerts
	w.take(r, nil)
	if err := w.handle(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; runtime.GC() {
		select {
		case <-freed:
			return
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the matcher of the former plan is still held")
		}
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "output_timeout=60000")
	slow := &slowWriter{gate: make(chan struct{})}
	w.sys.Stdout = slow
	status := make(chan int, 1)
	w.sys.Exit = func(s int) { status <- s; close(slow.gate) }
	w.driver.Play(execCat(), openFile(100, "/etc/shadow"))
	w.start()
	w.until(&w.err, "Watching:")
	w.signals <- syscall.SIGINT
	w.until(&w.err, "SIGINT received, exiting...")
	w.signals <- syscall.SIGINT
	select {
	case s := <-status:
		if s != 130 {
			t.Errorf("status %d, want 130", s)
		}
	case <-time.After(time.Minute):
		t.Fatal("the second signal does not end it")
	}
	w.wait()
}

func TestManyEmptyReadsAreTold(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "syscall_event_timeouts.max_consecutives=1", "-o", "json_output=true")
	w.start()
	w.until(&w.out, `"output":"Tiercel internal: timeouts notification. 1 consecutive timeouts without event.","output_fields":{"last_event_time":"none"},"priority":"Debug"`)
	w.driver.Play(openFile(100, "/x")).End()
	w.wait()
}

func TestARulesFileThatHasGoneIsNamedAndItsCountsStay(t *testing.T) {
	w := newWorld(t, "")
	a, b := w.file("a.yaml", ruleOn("A", "/etc/a", "a")), w.file("b.yaml", ruleOn("B", "/etc/b", "b"))
	cfg := w.file("c.yaml", "rules_files: ["+a+", "+b+"]\nstdout_output: {enabled: true}\nlog_stderr: true\nwatch_debounce_ms: 20\n")
	w.sys.Args = []string{"-c", cfg}
	w.driver.Play(execCat())
	w.start()
	w.until(&w.err, "Watching:")
	for n := range 3 {
		w.driver.Play(openFile(100, "/etc/b"), openFile(100, "/etc/a"))
		for end := time.Now().Add(time.Minute); strings.Count(w.out.String(), "Warning a") <= n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no alert: %s", &w.out)
			}
		}
		if err := os.Remove(b); err != nil {
			t.Fatal(err)
		}
		w.reloaded(2*n + 1)
		w.overwrite(b, ruleOn("B", "/etc/b", "b"))
		w.reloaded(2*n + 2)
	}
	w.driver.End()
	if s := w.wait(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	if !strings.Contains(w.err.String(), "There is no rules file or folder "+b) {
		t.Errorf("nobody is told that %s has gone:\n%s", b, &w.err)
	}
	if got := w.out.String(); strings.Count(got, "   B: ") != 1 || !strings.Contains(got, "   B: 3\n") {
		t.Errorf("the report names B other than once, with 3 matches:\n%s", got)
	}
}
