// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp"
)

// text is a writer that can be read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// world is an agent with a scripted driver.
type world struct {
	t       *testing.T
	sys     *System
	driver  *scaptest.Driver
	out     text
	err     text
	signals chan os.Signal
	status  chan int
	kind    string
	options drivers.Options
}

const shadowRule = `
- rule: Shadow read
  desc: someone reads the passwords
  condition: evt.type in (open, openat) and fd.name = /etc/shadow
  output: file=%fd.name proc=%proc.name gone=%fd.sip
  priority: WARNING
  tags: [b, a]
- rule: Anything opened
  desc: d
  condition: evt.type = openat
  output: opened %fd.name
  priority: INFO
`

func newWorld(t *testing.T, rules string, args ...string) *world {
	w := &world{t: t, driver: scaptest.NewDriver(), signals: make(chan os.Signal, 4), status: make(chan int, 1)}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "proc/1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if rules != "" {
		args = append([]string{"-r", w.file("rules.yaml", rules)}, args...)
	}
	w.sys = &System{
		Args: args, Stdout: &w.out, Stderr: &w.err, Signals: w.signals, Search: []string{}, HostRoot: root,
		Env: func(string) (string, bool) { return "", false },
		Open: func(kind string, o drivers.Options) (scap.Driver, error) {
			w.kind, w.options = kind, o
			return w.driver, nil
		},
	}
	return w
}

func (w *world) file(name, content string) string {
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// run runs the agent to its end.
func (w *world) run() int {
	w.start()
	return w.wait()
}

func (w *world) start() { go func() { w.status <- Main(w.sys) }() }

func (w *world) wait() int {
	w.t.Helper()
	select {
	case s := <-w.status:
		return s
	case <-time.After(time.Minute):
		w.t.Fatalf("the agent does not end\nstdout: %s\nstderr: %s", &w.out, &w.err)
		return -1
	}
}

// until waits for a text on a stream.
func (w *world) until(s *text, want string) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("no %q\nstdout: %s\nstderr: %s", want, &w.out, &w.err)
		}
	}
}

const ts = 1700000000_012345678

func execCat() *scap.Event {
	return scaptest.Named(scap.EvExecveV19X, ts-1000, 100, scaptest.P{
		"res": 0, "exe": "/bin/cat", "args": []string{"/etc/shadow"}, "tid": 100, "pid": 100, "ptid": 1, "comm": "cat", "cwd": "/root",
	})
}

func openFile(tid int64, name string) *scap.Event {
	return scaptest.Named(scap.EvOpenatV2X, ts, tid, scaptest.P{"fd": 3, "dirfd": -100, "name": name, "flags": 1, "mode": 0})
}

func TestAlertAsText(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "time_format_iso_8601=true")
	w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	lines := strings.Split(w.out.String(), "\n")
	if want := "2023-11-14T22:13:20.012345678+0000: Warning file=/etc/shadow proc=cat gone=<NA>"; lines[0] != want {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	_, summary, _ := strings.Cut(w.out.String(), "\n")
	want := "Events detected: 1\nRule counts by severity:\n   WARNING: 1\nTriggered rules by rule name:\n   Shadow read: 1\n" +
		"System call events:\n   looked at: 2\n   collected: 2\n   lost: 0\n"
	if d := cmp.Diff(want, summary); d != "" {
		t.Error(d)
	}
}

func TestAlertAsJSON(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "json_output=true", "-o", "json_include_message_property=true", "-o", "rule_matching=all",
		"-o", `append_output[]={"match": {"rule": "Shadow read"}, "extra_output": "more=%evt.type", "extra_fields": ["proc.pid", {"k": "p=%proc.name"}]}`)
	w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	lines := strings.Split(w.out.String(), "\n")
	if !strings.Contains(lines[1], `"rule":"Anything opened"`) {
		t.Errorf("rule_matching=all gave no second alert: %s", lines[1])
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatalf("%v in %s", err, lines[0])
	}
	host, _ := os.Hostname()
	prefix := got["output"].(string)[:len("15:04:05.000000000: Warning ")]
	want := map[string]any{
		"hostname": host, "rule": "Shadow read", "priority": "Warning", "source": "syscall", "tags": []any{"a", "b"},
		"time": "2023-11-14T22:13:20.012345678Z", "message": "file=/etc/shadow proc=cat gone=<NA> more=openat",
		"output": prefix + "file=/etc/shadow proc=cat gone=<NA> more=openat",
		"output_fields": map[string]any{
			"evt.time": float64(ts), "evt.type": "openat", "fd.name": "/etc/shadow", "proc.name": "cat", "fd.sip": nil,
			"proc.pid": 100.0, "k": "p=cat",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestJSONKeysCanBeLeftOut(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "json_output=true", "-o", "json_include_output_property=false",
		"-o", "json_include_output_fields_property=false", "-o", "json_include_tags_property=false")
	w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
	w.run()
	line, _, _ := strings.Cut(w.out.String(), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"output", "output_fields", "tags", "message"} {
		if _, there := got[key]; there {
			t.Errorf("%s is there: %s", key, line)
		}
	}
}

func TestSignalEndsCleanlyWithTheSummary(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		w := newWorld(t, shadowRule)
		w.driver.Play(execCat(), openFile(100, "/etc/shadow"))
		w.start()
		w.until(&w.out, "Warning file=/etc/shadow")
		w.signals <- sig
		if s := w.wait(); s != 0 {
			t.Errorf("%v: status %d", sig, s)
		}
		if !strings.Contains(w.out.String(), "Events detected: 1\n") || !strings.Contains(w.err.String(), "SIGINT received, exiting...") {
			t.Errorf("%v: stdout %s stderr %s", sig, &w.out, &w.err)
		}
		calls := w.driver.Calls()
		if calls[len(calls)-1] != "Close" {
			t.Errorf("%v: the driver is not closed: %v", sig, calls)
		}
	}
}

func TestValidationSaysWhatWasProbablyMeant(t *testing.T) {
	w := newWorld(t, "")
	w.sys.Args = []string{"-V", w.file("v.yaml", "- rule: Broken\n  desc: d\n  condition: proc.nmae = cat\n  output: o\n  priority: INFO\n")}
	if s := w.run(); s != 1 {
		t.Errorf("status %d, want 1", s)
	}
	for _, want := range []string{"v.yaml:3:", "rule 'Broken': ", "did you mean 'proc.name'?"} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, &w.err)
		}
	}
}

func TestValidationTellsOfEachFileWhatIsUnusedSoFar(t *testing.T) {
	w := newWorld(t, "")
	first := w.file("first.yaml", "- macro: later\n  condition: evt.type = open\n")
	second := w.file("second.yaml", "- rule: One\n  desc: d\n  condition: later\n  output: o\n  priority: INFO\n")
	w.sys.Args = []string{"-o", "json_output=true", "-V", first, "-V", second}
	if s := w.run(); s != 0 {
		t.Errorf("status %d, want 0", s)
	}
	if n := strings.Count(w.out.String(), "LOAD_UNUSED_MACRO"); n != 1 {
		t.Errorf("%d warnings, want one: %s", n, &w.out)
	}
}

func TestValidationEndsWhereARequiredPluginIsMissing(t *testing.T) {
	w := newWorld(t, "")
	w.sys.Args = []string{"-V", w.file("v.yaml", "- required_plugin_versions: [{name: json, version: 0.7.0}]\n")}
	if s := w.run(); s != 1 {
		t.Errorf("status %d, want 1", s)
	}
	if want := "must load one of: json (>= 0.7.0)"; !strings.Contains(w.err.String(), want) || w.out.String() != "" {
		t.Errorf("stdout %s stderr %s", &w.out, &w.err)
	}
}

func TestOtherSignalsDoNotEndIt(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.start()
	w.until(&w.err, "Watching:")
	w.signals <- syscall.SIGHUP
	w.until(&w.err, "SIGHUP received")
	w.signals <- syscall.SIGUSR1
	w.until(&w.err, "SIGUSR1 received, reopening outputs...")
	w.signals <- syscall.SIGTERM
	w.wait()
}

func TestFirstDropIsReportedAtOnceAndTheRestAtTheEnd(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.driver.Play(execCat()).Drop(7)
	w.start()
	w.until(&w.err, "Lost 7 of ")
	w.until(&w.err, "7 ring full")
	w.driver.Drop(5).End()
	w.wait()
	if !strings.Contains(w.err.String(), "Lost 5 of 5") || !strings.Contains(w.err.String(), "12 lost in all") {
		t.Errorf("stderr: %s", &w.err)
	}
	if !strings.Contains(w.out.String(), "   lost: 12\n") {
		t.Errorf("stdout: %s", &w.out)
	}
}

func TestStateSetFlowsFirstAndTheRulesFollow(t *testing.T) {
	w := newWorld(t, shadowRule+"- rule: c\n  desc: d\n  condition: evt.type = chmod\n  output: o\n  priority: INFO\n")
	w.driver.End()
	w.run()
	sel := w.driver.Selections()
	if len(sel) != 2 {
		t.Fatalf("%d selections", len(sel))
	}
	early := sinsp.StateSet(sinsp.Current).Union(sinsp.ProcessExit())
	if sel[0].Exit != early {
		t.Errorf("first selection is %v", sel[0].Exit)
	}
	if want := early.Union(scap.ParseSyscallSet("chmod")); sel[1].Exit != want {
		t.Errorf("then %v", sel[1].Exit.Minus(want))
	}
	if w.kind != drivers.Auto || w.options.RingBytes != 8<<20 || w.options.CPUsPerRing != 2 {
		t.Errorf("driver %s %+v", w.kind, w.options)
	}
}

func TestCustomSetIsTheOnlySelection(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "base_syscalls.custom_set[]=close", "--driver", "modern_bpf", "-o", "engine.modern_ebpf.buf_size_preset=1")
	w.driver.End()
	w.run()
	sel := w.driver.Selections()
	if len(sel) != 1 || sel[0].Exit.Has(call(t, "socket")) {
		t.Fatalf("selections: %v", sel)
	}
	if w.kind != drivers.ModernBPF || w.options.RingBytes != 1<<20 {
		t.Errorf("driver %s %+v", w.kind, w.options)
	}
}

func TestBrokenRulesLoadNothing(t *testing.T) {
	w := newWorld(t, shadowRule+"- rule: Broken\n  desc: d\n  condition: evt.type = openat and proc.nmae = cat\n  output: o\n  priority: INFO\n")
	w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
	if s := w.run(); s != 1 {
		t.Errorf("status %d, want 1", s)
	}
	if w.out.String() != "" {
		t.Errorf("stdout: %s", &w.out)
	}
	for _, want := range []string{"Error: ", "rules.yaml: Invalid", "LOAD_ERR_COMPILE_CONDITION", "rule 'Broken'", "rules.yaml:15:", "rule 'Broken': ", "did you mean 'proc.name'?"} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, &w.err)
		}
	}
	if calls := w.driver.Calls(); len(calls) > 0 && calls[len(calls)-1] != "Close" {
		t.Errorf("the driver is not closed: %v", calls)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(*world)
		want  string
	}{
		{"no privilege", func(w *world) {
			w.sys.Open = func(string, drivers.Options) (scap.Driver, error) {
				return nil, errors.New("open modern_bpf: needs CAP_BPF; run it as root")
			}
		}, "Error: open modern_bpf: needs CAP_BPF; run it as root\n"},
		{"the driver refuses the selection", func(w *world) { w.driver.FailSelection = errors.New("no room") }, "Error: select system calls: no room\n"},
		{"reading fails", func(w *world) { w.driver.Fail(errors.New("ring torn")) }, "Error: read events: ring torn\n"},
		{"no output", func(w *world) { w.sys.Args = append(w.sys.Args, "-o", "stdout_output.enabled=false") }, "Error: No output configured"},
		{"bad ring size", func(w *world) {
			w.sys.Args = append(w.sys.Args, "-o", "engine.modern_ebpf.buf_size_preset=11")
		}, "Error: The 'buf_size_preset' value must be between '1' and '10'\n"},
		{"pid file", func(w *world) { w.sys.Args = append(w.sys.Args, "-P", "/nowhere/pid") }, "Error: write pid file: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, shadowRule)
			c.setup(w)
			s := w.run()
			want := 1
			if c.name == "pid file" {
				want = 255
			}
			if s != want {
				t.Errorf("status %d, want %d", s, want)
			}
			if !strings.Contains(w.err.String(), c.want) {
				t.Errorf("stderr lacks %q: %s", c.want, &w.err)
			}
		})
	}
}

func TestDegradedCallsAreNamed(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.driver.Degrade = map[scap.SC]scap.Degraded{
		scap.SCOpenat: {Reason: errors.New("verifier said no")},
		scap.SCOpen:   {Lack: scap.LackNameCheck, Reason: errors.New("verifier said no")},
	}
	w.driver.End()
	w.run()
	for _, want := range []string{
		"The driver does not report everything in full: ",
		"openat arrives without its parameters (verifier said no)",
		"open is reported, but its name is not checked (verifier said no)",
	} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, &w.err)
		}
	}
}

func TestMaxSecondsEndsAnIdleRun(t *testing.T) {
	w := newWorld(t, shadowRule, "-M", "1")
	start := time.Now()
	if s := w.run(); s != 0 || time.Since(start) > time.Minute {
		t.Errorf("status %d after %v", s, time.Since(start))
	}
}

func TestDryRunPrintsTheSelectionAndOpensNothing(t *testing.T) {
	rule := "- rule: many\n  desc: d\n  condition: evt.type in (accept, accept4, connect, creat, dup, dup2, dup3, execve, execveat, link, " +
		"linkat, listen, mkdir, mkdirat, open, openat, openat2, ptrace, recvfrom, rename, renameat, renameat2, rmdir, sendmsg, " +
		"sendto, setuid, socket, symlink, symlinkat, unlink, unlinkat, userfaultfd)\n  output: o\n  priority: INFO\n"
	w := newWorld(t, rule, "--dry-run", "-o", "log_level=debug", "-o", "log_stderr=true", "-o", "base_syscalls.state_set=falco-0.35")
	w.sys.Open = func(string, drivers.Options) (scap.Driver, error) {
		t.Error("a dry run opened the driver")
		return nil, io.EOF
	}
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	for _, want := range []string{": (32) syscalls in rules: accept, ", ": +(40) syscalls (Falco's state engine set of syscalls): bind, ", ": (72) syscalls selected in total (final set): accept, ",
		"\n   execve on (rules: many; state)\n", "\n   close on (state)\n"} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("stderr lacks %q: %s", want, &w.err)
		}
	}
	if w.out.String() != "" {
		t.Errorf("stdout: %s", &w.out)
	}
}

// slowWriter blocks until it is released.
type slowWriter struct {
	gate chan struct{}
	text
}

func (s *slowWriter) Write(p []byte) (int, error) {
	<-s.gate
	return s.text.Write(p)
}

func TestBlockedStdoutDoesNotHoldTheEvents(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "outputs_queue.capacity=2", "-v")
	slow := &slowWriter{gate: make(chan struct{})}
	w.sys.Stdout = slow
	w.driver.Play(execCat())
	for range 100 {
		w.driver.Play(openFile(100, "/etc/shadow"))
	}
	w.start()
	w.until(&w.err, "Outputs queue out of memory. Drop event and continue on ...")
	for len(w.driver.Calls()) == 0 || !w.played(101) {
		time.Sleep(time.Millisecond)
	}
	close(slow.gate)
	w.driver.End()
	w.wait()
	if !strings.Contains(slow.String(), "Events detected: 100\n") || !strings.Contains(w.err.String(), "alerts were lost because this output is too slow") {
		t.Errorf("stdout: %s\nstderr: %s", slow.String(), &w.err)
	}
}

// played reports whether the driver has handed out n events.
func (w *world) played(n uint64) bool {
	var s scap.Stats
	return w.driver.Stats(&s) == nil && s.Delivered >= n
}

func TestHostNameFromTheEnvironment(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "json_output=true")
	w.sys.Env = func(name string) (string, bool) { return "elsewhere", name == "FALCO_HOSTNAME" }
	w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
	w.run()
	if !strings.HasPrefix(w.out.String(), `{"hostname":"elsewhere",`) {
		t.Errorf("stdout: %s", &w.out)
	}
	if !strings.Contains(w.err.String(), "Hostname value has been overridden via environment variable to: elsewhere") {
		t.Errorf("stderr: %s", &w.err)
	}
}

func TestStaticFieldsWorkInConditionsAndOutputs(t *testing.T) {
	w := newWorld(t, "- rule: r\n  desc: d\n  condition: evt.type = openat and static.env = prod\n  output: env=%static.env\n  priority: INFO\n",
		"-o", "static_fields.env=prod")
	w.driver.Play(execCat(), openFile(100, "/x")).End()
	w.run()
	if !strings.Contains(w.out.String(), "Informational env=prod\n") {
		t.Errorf("stdout: %s\nstderr: %s", &w.out, &w.err)
	}
}

func TestUnknownOptionKeyIsAcceptedWithASuggestion(t *testing.T) {
	w := newWorld(t, shadowRule, "--dry-run", "-o", "json_outptu=true")
	if s := w.run(); s != 0 {
		t.Errorf("status %d", s)
	}
	if want := `unknown configuration key "json_outptu"; did you mean "json_output"?`; !strings.Contains(w.err.String(), want) {
		t.Errorf("stderr lacks %q: %s", want, &w.err)
	}
}

func call(t *testing.T, name string) scap.SC {
	t.Helper()
	sc, ok := scap.SyscallNamed(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return sc
}

func TestNoGoroutineOutlivesARun(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		w := newWorld(t, shadowRule)
		w.driver.Play(execCat(), openFile(100, "/etc/shadow")).End()
		w.run()
		w = newWorld(t, "- rule: broken\n")
		w.run()
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), b[:runtime.Stack(b, true)])
		}
	}
}

func TestTooManyCPUsForARingAreLowered(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "engine.modern_ebpf.cpus_for_each_buffer=60000")
	w.driver.End()
	w.run()
	if !strings.Contains(w.err.String(), "lowered") || w.options.CPUsPerRing != runtime.NumCPU() {
		t.Errorf("%+v, stderr: %s", w.options, &w.err)
	}
}
