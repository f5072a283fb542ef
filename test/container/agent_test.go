// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiercel/tiercel/test/live/agent"
)

// alert is one line of the agent's JSON output.
type alert struct{ agent.Alert }

// watcher is a running tiercel.
type watcher struct {
	*agent.Agent
	h *host
}

// endTime is how long it may take to end, on a loaded machine.
const endTime = time.Minute

var binDir string // what build made

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tiercel")
	if err != nil {
		return "", err
	}
	binDir = dir
	return agent.Build(dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
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
func (h *host) watch(engines map[string]string, args ...string) *watcher {
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

func (h *host) run(bin string, args ...string) *watcher {
	h.t.Helper()
	started, err := agent.Start(bin, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	a := &watcher{started, h}
	h.t.Cleanup(a.stop)
	if err := a.Watching(time.Minute); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// stop ends the agent the way a user would, and wants a clean end.
func (a *watcher) stop() {
	if err := a.Stop(endTime); err != nil {
		a.h.t.Error(err)
	}
}

// wait returns the first alert whose command line has text in it.
func (a *watcher) wait(t *testing.T, text string) alert {
	t.Helper()
	return a.find(t, "In a container", text)
}

func (a *watcher) find(t *testing.T, rule, text string) alert {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, al := range a.Alerts() {
			if al.Rule == rule && strings.Contains(fmt.Sprint(al.Fields["proc.cmdline"]), text) {
				return alert{*al}
			}
		}
	}
	t.Fatalf("no alert of %q about %q among %d\n%s", rule, text, len(a.Alerts()), a.Log())
	return alert{}
}

// has checks fields of an alert. A wanted value that begins with ~ is a part of
// what there must be, nil stands for no value.
func (al alert) has(t *testing.T, want map[string]any) {
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
