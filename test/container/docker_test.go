// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/captool"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

// docker starts a dockerd and returns a function that runs its client.
func (h *host) docker() (run func(t *testing.T, args ...string) string) {
	h.t.Helper()
	socket := "unix://" + h.path("docker.sock")
	h.start(func() error { _, err := h.try("docker", "-H", socket, "version"); return err },
		"dockerd", "--bridge=none", "--iptables=false", "-H", socket, "--data-root", h.path("data"), "--exec-root", h.path("exec"), "-p", h.path("docker.pid"))
	h.must(h.t, "docker", "-H", socket, "load", "-i", h.image)
	h.t.Cleanup(func() {
		// While the daemon is there it takes the shims along.
		if ids, err := h.try("docker", "-H", socket, "ps", "-q"); err == nil && ids != "" {
			_, _ = h.try("sh", "-c", "docker -H "+socket+" rm -f $(docker -H "+socket+" ps -aq)")
		}
	})
	return func(t *testing.T, args ...string) string {
		t.Helper()
		return h.must(t, "docker", append([]string{"-H", socket}, args...)...)
	}
}

func TestDocker(t *testing.T) {
	h := newHost(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io"})
	docker := h.docker()
	if err := os.Mkdir(h.path("shared"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := docker(t, "run", "-d", "--name", "before", "--network", "none", "boxed:v1", "sleep", "9001")
	a := h.watch(map[string]string{"docker": h.path("docker.sock")})

	t.Run("a new container is known with all details", func(t *testing.T) {
		id := docker(t, "run", "-d", "--name", "web", "--network", "none", "-u", boxUser, "--label", "team=blue", "--label", "io.kubernetes.pod.name=pod-1",
			"--label", "io.kubernetes.pod.namespace=ns-1", "--label", "io.kubernetes.pod.uid=uid-1",
			"-v", h.path("shared")+":/mnt:ro", "--health-cmd", "cat /health", "boxed:v1", "sleep", "9002")
		al := a.wait(t, "sleep 9002")
		al.has(t, map[string]any{
			"container.id": id[:12], "container.full_id": id, "container.name": "web", "container.type": "docker",
			"container.image": "boxed:v1", "container.image.repository": "boxed", "container.image.tag": "v1",
			"container.image.id":   "~" + docker(t, "inspect", "-f", "{{.Image}}", "web")[len("sha256:"):],
			"container.privileged": false, "container.host_pid": false, "container.host_network": false, "container.host_ipc": false,
			"container.mounts": h.path("shared") + ":/mnt:ro:false:rprivate", "container.labels": "~team:blue",
			"k8s.pod.name": "pod-1", "k8s.ns.name": "ns-1", "k8s.pod.uid": "uid-1",
			"user.name": boxUser, "user.uid": boxUID, "group.name": "crew",
		})
	})
	t.Run("one that shares the host's namespaces says so", func(t *testing.T) {
		docker(t, "run", "--rm", "--network", "host", "--pid", "host", "--ipc", "host", "boxed:v1", "sleep", "0.01")
		al := a.wait(t, "sleep 0.01")
		al.has(t, map[string]any{
			"container.privileged": false, "container.host_pid": true, "container.host_network": true, "container.host_ipc": true,
		})
	})
	t.Run("one from before the start is known", func(t *testing.T) {
		docker(t, "exec", "before", "sleep", "0.011")
		al := a.wait(t, "sleep 0.011")
		al.has(t, map[string]any{"container.id": before[:12], "container.name": "before", "container.image.repository": "boxed"})
		a.find(t, "By image", "sleep 0.011")
	})
	t.Run("a new name is seen", func(t *testing.T) {
		docker(t, "rename", "before", "after")
		docker(t, "exec", "after", "sh", "-c", "sleep 0.2; exec /bin/sleep 0.012")
		al := a.wait(t, "sleep 0.012")
		al.has(t, map[string]any{"container.name": "after"})
	})
	t.Run("a restarted one is known again", func(t *testing.T) {
		docker(t, "restart", "-t", "0", "after")
		docker(t, "exec", "after", "sleep", "0.013")
		al := a.wait(t, "sleep 0.013")
		al.has(t, map[string]any{"container.id": before[:12], "container.name": "after"})
	})
}

// A capture of this host tells of its containers, so that a replay elsewhere
// shows them.
func TestCaptureKnowsContainers(t *testing.T) {
	h := newHost(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io"})
	docker := h.docker()
	docker(t, "run", "-d", "--name", "before", "--network", "none", "boxed:v1", "sleep", "9401")
	cfg := container.DefaultConfig()
	cfg.Engines = container.EnginesConfig{Docker: container.SocketsConfig{Enabled: true, Sockets: []string{h.path("docker.sock")}}}
	signals := make(chan os.Signal, 1)
	sys := &captool.System{
		Stdout: io.Discard, Stderr: io.Discard, Signals: signals, Open: drivers.Open, Containers: &cfg,
		State: state.Options{Proc: procfs.New("/", procfs.Options{}), BootTime: scap.BootTime(), Self: int64(os.Getpid())},
	}
	file := h.path("trace.scap")
	done := make(chan error, 1)
	go func() {
		done <- captool.Record(sys, &cmdline.Capture{File: file, Driver: "modern_bpf", Preset: 4, Quiet: true, Duration: 20 * time.Second})
	}()
	for range 40 { // until the recording has begun
		if st, err := os.Stat(file); err == nil && st.Size() > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	docker(t, "exec", "before", "sleep", "0.021")
	docker(t, "run", "--rm", "--name", "during", "--network", "none", "boxed:v1", "sleep", "0.022")
	signals <- syscall.SIGINT
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	err := captool.Print(&captool.System{Stdout: &out, Stderr: &errs}, &cmdline.Capture{
		File: file, Filter: "evt.type = execve and proc.name = sleep", Format: "%proc.args %container.name %container.image.repository:%container.image.tag",
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	for _, want := range []string{"0.021 before boxed:v1", "0.022 during boxed:v1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the replay:\n%s", want, out.String())
		}
	}
}
