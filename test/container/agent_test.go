// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// alert is one line of the agent's JSON output.
type alert struct {
	Rule   string         `json:"rule"`
	Output string         `json:"output"`
	Fields map[string]any `json:"output_fields"`
}

// agent is a running tiercel.
type agent struct {
	h      *host
	cmd    *exec.Cmd
	stderr bytes.Buffer
	mu     sync.Mutex
	alerts []alert
	done   chan struct{}
}

var binDir string // what build made

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tiercel")
	if err != nil {
		return "", err
	}
	binDir = dir
	bin := filepath.Join(dir, "tiercel")
	cmd := exec.Command("go", "build", "-o", bin, "../../agent/cmd/tiercel")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binDir != "" {
		os.RemoveAll(binDir)
	}
	os.Exit(code)
}

// shown are the fields of each alert.
var shown = []string{
	"evt.type", "proc.name", "proc.cmdline", "user.name", "user.uid", "group.name",
	"container.id", "container.full_id", "container.name", "container.type", "container.image", "container.image.id",
	"container.image.repository", "container.image.tag", "container.image.digest", "container.privileged",
	"container.mounts", "container.labels", "container.ip", "container.host_pid", "container.host_network", "container.host_ipc",
	"container.start_ts", "container.duration",
	"k8s.pod.name", "k8s.ns.name", "k8s.pod.uid", "k8s.pod.labels", "k8s.pod.ip", "k8s.pod.sandbox_id", "k8s.pod.full_sandbox_id",
}

// watch starts the agent with the sockets of the engines and waits until it
// watches. Alerts come for every execution in a container.
func (h *host) watch(engines map[string]string, args ...string) *agent {
	h.t.Helper()
	bin, err := build()
	if err != nil {
		h.t.Fatal(err)
	}
	var output strings.Builder
	for _, f := range shown {
		fmt.Fprintf(&output, " %%%s", f)
	}
	h.write("rules.yaml", fmt.Sprintf(`
- rule: In a container
  desc: every execution in a container of the test
  condition: evt.type in (execve, execveat) and evt.failed = false and container.id != host and proc.name in (sleep, id, cat, true)
  output: "ran%s"
  priority: NOTICE
- rule: By image
  desc: a condition about what only the runtime knows
  condition: evt.type in (execve, execveat) and evt.failed = false and container.image.tag = v1 and proc.name in (sleep, id, cat, true)
  output: "by image %%proc.cmdline"
  priority: NOTICE
`, output.String()))
	var conf strings.Builder
	conf.WriteString("plugins:\n  - name: container\n    library_path: libcontainer.so\n    init_config:\n      engines:\n")
	for _, name := range []string{"docker", "podman", "containerd", "cri"} {
		if path := engines[name]; path != "" {
			fmt.Fprintf(&conf, "        %s: {enabled: true, sockets: [%s]}\n", name, path)
		} else {
			fmt.Fprintf(&conf, "        %s: {enabled: false}\n", name)
		}
	}
	conf.WriteString("load_plugins: [container]\nlog_stderr: true\nlog_syslog: false\nlog_level: info\ncontainers: {wait_ms: 3000}\njson_output: true\nrule_matching: all\nstdout_output: {enabled: true}\nrules_files: [" + h.path("rules.yaml") + "]\n")
	h.write("tiercel.yaml", conf.String())
	return h.run(bin, append([]string{"-c", h.path("tiercel.yaml")}, args...)...)
}

func (h *host) run(bin string, args ...string) *agent {
	h.t.Helper()
	a := &agent{h: h, done: make(chan struct{})}
	a.cmd = exec.Command(bin, args...)
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	errs, err := a.cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	watching := make(chan struct{})
	var once sync.Once
	go func() {
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			a.mu.Lock()
			fmt.Fprintln(&a.stderr, lines.Text())
			a.mu.Unlock()
			if strings.Contains(lines.Text(), "Watching:") {
				once.Do(func() { close(watching) })
			}
		}
	}()
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
	h.t.Cleanup(a.stop)
	select {
	case <-watching:
	case <-a.done:
		h.t.Fatalf("the agent ended:\n%s", a.errors())
	case <-time.After(20 * time.Second):
		h.t.Fatalf("the agent does not watch:\n%s", a.errors())
	}
	return a
}

func (a *agent) errors() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stderr.String()
}

// stop ends the agent the way a user would, and wants a clean end.
func (a *agent) stop() {
	if a.cmd.ProcessState != nil {
		return
	}
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(10*time.Second, func() { _ = a.cmd.Process.Kill() })
	defer timer.Stop()
	<-a.done
	if err := a.cmd.Wait(); err != nil {
		a.h.t.Errorf("agent did not end cleanly: %v\n%s", err, a.errors())
	}
}

// wait returns the first alert whose command line has text in it.
func (a *agent) wait(t *testing.T, text string) alert {
	t.Helper()
	return a.find(t, "In a container", text)
}

func (a *agent) find(t *testing.T, rule, text string) alert {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		a.mu.Lock()
		i := slices.IndexFunc(a.alerts, func(al alert) bool {
			return al.Rule == rule && strings.Contains(fmt.Sprint(al.Fields["proc.cmdline"]), text)
		})
		var found alert
		if i >= 0 {
			found = a.alerts[i]
		}
		a.mu.Unlock()
		if i >= 0 {
			return found
		}
	}
	a.mu.Lock()
	seen := len(a.alerts)
	a.mu.Unlock()
	t.Fatalf("no alert of %q about %q among %d\n%s", rule, text, seen, a.errors())
	return alert{}
}

// has checks fields of an alert. A wanted value that begins with ~ is a part of
// what there must be, nil stands for no value.
func (al *alert) has(t *testing.T, want map[string]any) {
	t.Helper()
	for field, w := range want {
		got := al.Fields[field]
		part, isPart := w.(string)
		isPart = isPart && strings.HasPrefix(part, "~")
		switch {
		case isPart && strings.Contains(fmt.Sprint(got), part[1:]):
		case !isPart && fmt.Sprint(got) == fmt.Sprint(w):
		default:
			t.Errorf("%s of %v: got %v, want %v", field, al.Fields["proc.cmdline"], got, w)
		}
	}
}
