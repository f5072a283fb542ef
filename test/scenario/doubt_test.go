// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/test/live"
	"github.com/tiercel/tiercel/test/live/agent"
)

// An agent that is held up loses events. What it says afterwards must show the
// doubt, and must still be right.
func TestScenarioLostEventsShowAsDoubt(t *testing.T) {
	live.Require(t)
	runtime.LockOSThread() // losses are told by thread
	defer runtime.UnlockOSThread()
	dir := t.TempDir()
	tiercel := build(t, dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	rules := filepath.Join(dir, "rules.yaml")
	marks := filepath.Join(dir, "marks")
	write(t, rules, `
- rule: Mark
  desc: the test's own opens
  condition: evt.type in (open, openat) and fd.name startswith `+marks+`
  output: "%fd.name lost=%evt.lost_before uncertain=%thread.uncertain exe=%proc.exepath pid=%proc.pid"
  priority: WARNING
  tags: [test]
`)
	a := startAgent(t, tiercel, "-r", rules, "-o", "engine.kind=modern_ebpf", "-o", "engine.modern_ebpf.buf_size_preset=1",
		"-o", "log_stderr=true", "-o", "log_syslog=false")
	defer a.stop(t)
	mark := func(name string) *agent.Alert {
		t.Helper()
		from := a.count()
		open(filepath.Join(marks, name))
		if !eventually(patience, func() bool { return len(a.since(from, "Mark")) > 0 }) {
			t.Fatalf("no alert of %s\n%s", name, a.Log())
		}
		return a.since(from, "Mark")[0]
	}
	if !eventually(patience, func() bool {
		open(filepath.Join(marks, "ready"))
		return a.count() > 0
	}) {
		t.Fatalf("no first alert\n%s", a.Log())
	}
	before := mark("before")
	if n := before.Fields["evt.lost_before"]; n != 0.0 {
		t.Errorf("before any loss %v events were lost", n)
	}

	// Nobody reads the rings while another thread writes more than they hold.
	hold(t, a, syscall.SIGSTOP)
	full := make(chan struct{})
	go func() {
		defer close(full)
		for range 100_000 {
			open("/nowhere")
		}
	}()
	<-full
	hold(t, a, syscall.SIGCONT)
	if !eventually(patience, func() bool { return strings.Contains(a.Log(), "Lost ") }) {
		t.Fatalf("the loss is not reported\n%s", a.Log())
	}
	after := mark("after")
	if n, ok := after.Fields["evt.lost_before"].(float64); !ok || n <= 0 {
		t.Errorf("an alert after the loss says lost_before=%v: %s", after.Fields["evt.lost_before"], after.Output)
	}
	if _, ok := after.Fields["thread.uncertain"].(bool); !ok {
		t.Errorf("thread.uncertain is %v", after.Fields["thread.uncertain"])
	}
	for _, field := range []string{"proc.exepath", "proc.pid"} {
		if after.Fields[field] != before.Fields[field] {
			t.Errorf("%s was %v and is %v", field, before.Fields[field], after.Fields[field])
		}
	}
	if again := mark("again"); again.Fields["evt.lost_before"] != 0.0 {
		t.Errorf("the same loss is told twice: %s", again.Output)
	}
}

// open makes the event of an open that fails, on this thread.
func open(path string) {
	if fd, err := unix.Open(path, unix.O_RDONLY, 0); err == nil {
		unix.Close(fd)
	}
}

// hold stops the agent, or lets it go on.
func hold(t *testing.T, a *watcher, s syscall.Signal) {
	t.Helper()
	if err := a.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
