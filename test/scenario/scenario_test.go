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
	"syscall"
	"testing"
	"time"

	"github.com/tiercel/tiercel/test/live"
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

func startAgent(t *testing.T, bin string, args ...string) *agent {
	t.Helper()
	a := &agent{done: make(chan struct{})}
	a.cmd = exec.Command(bin, append([]string{"-o", "json_output=true", "-o", "json_include_tags_property=true"}, args...)...)
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

// outputs returns the first lines of the alerts that came after the first n.
func (a *agent) outputs(n, most int) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	for i, al := range a.alerts[n:] {
		if i == most {
			fmt.Fprintf(&b, "... %d more\n", len(a.alerts)-n-most)
			break
		}
		fmt.Fprintln(&b, al.Output)
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

// scenario is a provocation and the alert that it must raise. Each wanted
// field is a regular expression for the whole value.
type scenario struct {
	provoke  string
	rule     string
	priority string
	fields   map[string]string
}

var scenarios = []scenario{
	{"read-shadow", "Password database read by an unexpected program", "Warning", map[string]string{
		"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.exepath": "(/usr)?/bin/cat",
		"proc.pname": "provoke", "user.name": "root", "user.uid": "0", "container.id": "host"}},
	{"spawn-shell", "Shell started by an unusual program", "Notice", map[string]string{
		"proc.name": "sh", "proc.cmdline": "sh -c exit 0", "proc.pname": "provoke",
		"proc.pcmdline": "provoke spawn-shell", "user.name": "root"}},
	{"setuid-bit", "Set-user-id or set-group-id bit put on a file", "Warning", map[string]string{
		"fs.path.name": "/.*/tiercel-provoke-[0-9]+", "evt.arg.mode": ".*S_ISUID.*", "proc.name": "chmod",
		"proc.cmdline": "chmod u\\+s /.*", "proc.pname": "provoke", "user.name": "root"}},
	{"outbound", "Outbound connection from a shell or a script tool", "Notice", map[string]string{
		"fd.name": "203\\.0\\.113\\.7:[0-9]+->203\\.0\\.113\\.7:4444", "fd.sip": "203\\.0\\.113\\.7", "fd.sport": "4444",
		"fd.l4proto": "tcp", "evt.res": "SUCCESS", "proc.name": "bash", "proc.pname": "provoke", "user.name": "root"}},
	{"reverse-shell", "Shell connected to a network socket", "Critical", map[string]string{
		"fd.name": ".*->203\\.0\\.113\\.7:4444", "evt.rawres": "0", "proc.name": "bash", "user.name": "root"}},
	{"ptrace", "Process attached to another one", "Warning", map[string]string{
		"evt.arg.request": "PTRACE_ATTACH", "proc.name": "provoke", "user.name": "root"}},
	{"load-module", "Kernel module load requested", "Critical", map[string]string{
		"evt.res": "E[A-Z]+", "proc.name": "provoke", "proc.cmdline": "provoke load-module", "user.name": "root"}},
	{"write-binary", "System program folder written to", "Error", map[string]string{
		"fd.name": "/usr/local/bin/tiercel-provoked", "evt.arg.flags": ".*O_WRONLY.*", "proc.name": "provoke"}},
	{"write-ssh-key", "SSH login key file written", "Warning", map[string]string{
		"fd.name": "/root/\\.ssh/authorized_keys", "proc.name": "provoke"}},
	{"write-cron", "Scheduled job or service definition written", "Warning", map[string]string{
		"fd.name": "/etc/cron\\.d/tiercel-provoked", "proc.name": "provoke"}},
	{"write-preload", "Library preload file written", "Critical", map[string]string{
		"fd.name": "/etc/ld\\.so\\.preload", "proc.name": "provoke"}},
	{"memfd-exec", "Program run from memory", "Critical", map[string]string{
		"proc.exepath": "/?memfd:provoked", "proc.pname": "provoke", "user.name": "root"}},
	{"hidden-exec", "Program run from a hiding place", "Warning", map[string]string{
		"proc.exepath": "/dev/shm/provoked", "proc.name": "provoked", "proc.pname": "provoke"}},
	{"delete-log", "Log file deleted or emptied", "Warning", map[string]string{
		"fs.path.name": "/var/log/provoked\\.log", "proc.name": "provoke"}},
	{"truncate-log", "Log file deleted or emptied", "Warning", map[string]string{
		"fd.name": "/var/log/provoked\\.log", "proc.name": "provoke"}},
}

// nearMisses resemble a scenario and must not raise its rule.
var nearMisses = []struct{ provoke, rule string }{
	{"benign-reads", "Password database read by an unexpected program"},
	{"loopback", "Outbound connection from a shell or a script tool"},
	{"failing-chmod", "Set-user-id or set-group-id bit put on a file"},
}

func TestScenarioDefaultRules(t *testing.T) {
	live.Require(t)
	dir := t.TempDir()
	tiercel := build(t, dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	provoke := build(t, dir, "github.com/tiercel/tiercel/test/scenario/provoke")
	a := startAgent(t, tiercel, "-r", "../../rules/default/tiercel_rules.yaml", "-o", "engine.kind=modern_ebpf")
	defer a.stop(t)
	waitReady(t, a, provoke)

	for _, s := range scenarios {
		t.Run(s.provoke, func(t *testing.T) { play(t, a, provoke, s) })
	}
	for _, m := range nearMisses {
		t.Run(m.provoke, func(t *testing.T) {
			from := a.count()
			run(t, provoke, m.provoke)
			// A known alert behind it proves that all events in between were seen.
			run(t, provoke, "read-shadow")
			if !eventually(time.Second, func() bool { return len(a.since(from, scenarios[0].rule)) > 0 }) {
				t.Fatal("the marker alert did not come")
			}
			found := a.since(from, m.rule)
			for _, al := range found {
				if pname, _ := al.Fields["proc.pname"].(string); m.rule != scenarios[0].rule || pname != "provoke" || al.Fields["proc.name"] != "cat" {
					t.Errorf("raised %q: %s", m.rule, al.Output)
				}
			}
		})
	}
}

// stockScenarios are provocations and what the reference's own rules say to
// them.
var stockScenarios = []scenario{
	{"read-shadow", "Read sensitive file untrusted", "Warning", map[string]string{
		"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.pname": "provoke",
		"evt.type": "open(at)?", "user.name": "root", "user.uid": "0"}},
	{"web-shell", "Run shell untrusted", "Notice", map[string]string{
		"proc.cmdline": "sh -c exit 0", "proc.pcmdline": "httpd spawn-shell", "proc.pname": "httpd", "user.name": "root"}},
	{"setuid-bit", "Set Setuid or Setgid bit", "Notice", map[string]string{
		"evt.arg.mode": ".*S_ISUID.*", "evt.type": "f?chmod(at)?", "proc.name": "chmod", "user.name": "root"}},
	{"ssh-odd-port", "Disallowed SSH Connection Non Standard Port", "Notice", map[string]string{
		"fd.name": "203\\.0\\.113\\.7:[0-9]+->203\\.0\\.113\\.7:4444", "fd.rport": "[0-9]+", "evt.type": "connect",
		"proc.name": "ssh"}},
	{"ptrace", "PTRACE attached to process", "Warning", map[string]string{"proc.name": "provoke", "evt.type": "ptrace"}},
	{"memfd-exec", "Fileless execution via memfd_create", "Critical", map[string]string{
		"proc.exepath": "/?memfd:provoked", "proc.pname": "provoke"}},
	{"hidden-exec", "Execution from /dev/shm", "Warning", map[string]string{"proc.exepath": "/dev/shm/provoked"}},
	{"write-ssh-key", "Adding ssh keys to authorized_keys", "Warning", nil},
}

func TestScenarioStockRules(t *testing.T) {
	live.Require(t)
	const stock = "../../../shared/data/rules/"
	var args []string
	for _, f := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		if _, err := os.Stat(stock + f); err != nil {
			t.Skipf("the stock rules of the reference are not here: %v", err)
		}
		args = append(args, "-r", stock+f)
	}
	dir := t.TempDir()
	tiercel := build(t, dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	provoke := build(t, dir, "github.com/tiercel/tiercel/test/scenario/provoke")
	a := startAgent(t, tiercel, append(args, "-o", "engine.kind=modern_ebpf", "-o", "rule_matching=all")...)
	defer a.stop(t)
	waitReady(t, a, provoke)
	for _, s := range stockScenarios {
		t.Run(s.provoke, func(t *testing.T) { play(t, a, provoke, s) })
	}
}

// play provokes and wants the alert within a second.
func play(t *testing.T, a *agent, provoke string, s scenario) {
	t.Helper()
	from := a.count()
	run(t, provoke, s.provoke)
	if !eventually(time.Second, func() bool { return len(a.since(from, s.rule)) > 0 }) {
		t.Fatalf("no alert of %q within a second; instead:\n%s\n%s", s.rule, a.outputs(from, 10), a.stderr.String())
	}
	check(t, s, a.since(from, s.rule))
}

// waitReady provokes an alert until the first one comes.
func waitReady(t *testing.T, a *agent, provoke string) {
	t.Helper()
	if !eventually(10*time.Second, func() bool {
		run(t, provoke, "read-shadow")
		return a.count() > 0
	}) {
		_ = a.cmd.Process.Kill()
		<-a.done
		t.Fatalf("no alert within ten seconds of the start\n%s", a.stderr.String())
	}
}

func run(t *testing.T, provoke, what string) {
	t.Helper()
	if out, err := exec.Command(provoke, what).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// check wants one alert whose fields all match, and no broken one.
func check(t *testing.T, s scenario, found []alert) {
	t.Helper()
	var problems []string
	for _, al := range found {
		var wrong []string
		for field, pattern := range s.fields {
			value, ok := al.Fields[field]
			text := strings.Trim(string(mustJSON(value)), `"`)
			if !ok || !regexp.MustCompile("^(?:"+pattern+")$").MatchString(text) {
				wrong = append(wrong, field+"="+text+" (want "+pattern+")")
			}
		}
		if al.Priority != s.priority {
			wrong = append(wrong, "priority="+al.Priority)
		}
		if al.Source != "syscall" || len(al.Tags) == 0 {
			wrong = append(wrong, "source="+al.Source+" tags="+strings.Join(al.Tags, ","))
		}
		if when, err := time.Parse(time.RFC3339Nano, al.Time); err != nil || time.Since(when).Abs() > 30*time.Second {
			wrong = append(wrong, "time="+al.Time)
		}
		if len(wrong) == 0 {
			return
		}
		problems = append(problems, strings.Join(wrong, "; ")+"\n  "+al.Output)
	}
	t.Errorf("no alert of %q has the right fields:\n%s", s.rule, strings.Join(problems, "\n"))
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSpace(b.Bytes())
}
