// SPDX-License-Identifier: Apache-2.0

package container

import (
	"strings"
	"testing"
	"time"
)

// The image as docs/install-kubernetes.md runs it with Docker.
func TestImageInDocker(t *testing.T) {
	h := newHost(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io"})
	docker := h.docker()
	docker(t, "load", "-i", h.agentImage())
	args := []string{
		"run", "-d", "--name", "agent", "--network", "none", "--read-only", "--cap-drop", "ALL", "--hostname", "node-8",
		"-v", "/proc:/host/proc:ro", "-v", "/etc:/host/etc:ro", "-v", h.path("docker.sock") + ":/host/run/docker.sock:ro",
	}
	// Docker before 23 has no name for CAP_BPF, and its seccomp profile wants this instead.
	docker(t, append(args, "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--cap-add", "DAC_READ_SEARCH", agentImageName+":v0", "-o", "containers.wait_ms=5000")...)
	logs := func() string { return docker(t, "logs", "agent") }
	until := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 30 s\n%s", what, logs())
			}
		}
	}
	until("the health check", func() bool {
		out, err := h.try("docker", "-H", "unix://"+h.path("docker.sock"), "exec", "agent", "/usr/bin/tiercel", "health")
		return err == nil && out == "ok"
	})
	docker(t, "run", "-d", "--name", "victim", "--network", "none", "-v", h.write("shadow", "")+":/etc/shadow:ro", "boxed:v1", "sh", "-c", "cat /etc/shadow; exec sleep 9501")
	until("an alert with the name of the container", func() bool {
		for line := range strings.Lines(logs()) {
			if strings.Contains(line, `"hostname":"node-8"`) && strings.Contains(line, "/etc/shadow") && strings.Contains(line, `"container.name":"victim"`) {
				return true
			}
		}
		return false
	})
	docker(t, "stop", "-t", "10", "agent")
	if code := docker(t, "inspect", "-f", "{{.State.ExitCode}}", "agent"); code != "0" {
		t.Errorf("it ended with %s\n%s", code, logs())
	}
}
