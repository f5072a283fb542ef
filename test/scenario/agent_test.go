// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// alert is one line of the agent's JSON output.
type alert struct {
	Rule     string         `json:"rule"`
	Priority string         `json:"priority"`
	Output   string         `json:"output"`
	Time     string         `json:"time"`
	Source   string         `json:"source"`
	Tags     []string       `json:"tags"`
	Fields   map[string]any `json:"output_fields"`
}

// agent is a running tiercel whose alerts are collected.
type agent struct {
	cmd    *exec.Cmd
	stderr locked
	mu     sync.Mutex
	alerts []alert
	done   chan struct{}
}

// locked is a buffer that can be read while it is written.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// errors returns what the agent has written to standard error.
func (a *agent) errors() string { return a.stderr.String() }

func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	bin := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// startAgent runs tiercel. Alerts tell which step provoked them, see run.
func startAgent(t *testing.T, bin string, args ...string) *agent {
	t.Helper()
	a := &agent{done: make(chan struct{})}
	a.cmd = exec.Command(bin, append([]string{"-o", "json_output=true", "-o", "json_include_tags_property=true",
		"-o", "append_output[0].extra_fields[0]=" + stepField}, args...)...)
	a.cmd.Stderr = &a.stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(a.done)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var al alert
			if json.Unmarshal(lines.Bytes(), &al) == nil && al.Rule != "" {
				a.mu.Lock()
				a.alerts = append(a.alerts, al)
				a.mu.Unlock()
			}
		}
	}()
	return a
}

// stop ends the agent the way a user would, and wants a clean end.
func (a *agent) stop(t *testing.T) {
	t.Helper()
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(10*time.Second, func() { _ = a.cmd.Process.Kill() })
	<-a.done
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("agent did not end cleanly: %v\n%s", err, a.stderr.String())
	}
	timer.Stop()
}

// since returns the alerts of a rule that came after the first n alerts.
func (a *agent) since(n int, rule string) []alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []alert
	for _, al := range a.alerts[n:] {
		if al.Rule == rule {
			found = append(found, al)
		}
	}
	return found
}

// outputs returns the first lines of alerts.
func outputs(alerts []alert) string {
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

func (a *agent) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.alerts)
}

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
func (a *agent) of(number, rule string) []alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []alert
	for _, al := range a.alerts {
		if al.Fields[stepField] == number && (rule == "" || al.Rule == rule) {
			found = append(found, al)
		}
	}
	return found
}

// waitReady provokes an alert until the first one comes.
func waitReady(t *testing.T, a *agent, provoke string) {
	t.Helper()
	if !eventually(10*time.Second, func() bool {
		return len(a.of(run(t, provoke, "read-shadow"), "")) > 0 || a.count() > 0
	}) {
		_ = a.cmd.Process.Kill()
		<-a.done
		t.Fatalf("no alert within ten seconds of the start\n%s", a.errors())
	}
}

// wanted is an alert: each field is a regular expression for the whole value.
type wanted struct {
	rule     string
	priority string
	fields   map[string]string
}

// check wants one alert whose fields all match.
func check(t *testing.T, w wanted, found []alert) {
	t.Helper()
	if problems := w.misses(found); problems != nil {
		t.Errorf("no alert of %q has the right fields:\n%s", w.rule, strings.Join(problems, "\n"))
	}
}

// misses says of each alert what is wrong about it, or nothing if one is right.
func (w wanted) misses(found []alert) []string {
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
		if when, err := time.Parse(time.RFC3339Nano, al.Time); err != nil || time.Since(when).Abs() > 30*time.Second {
			wrong = append(wrong, "time="+al.Time)
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
