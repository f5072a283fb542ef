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
	docker(t, append(args, "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--cap-add", "DAC_READ_SEARCH", agentImageName+":v0", "-o", "containers.wait_ms=5000", "-o", "webserver.listen_port=9123")...)
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
		out, err := h.try("docker", "-H", "unix://"+h.path("docker.sock"), "exec", "agent", "/usr/bin/tiercel", "health", "--running")
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

// The Dockerfile makes what `make image` makes, out of the same files and
// without a network.
func TestDockerfileMakesTheSameImage(t *testing.T) {
	h := newHost(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io"})
	docker := h.docker()
	docker(t, "load", "-i", h.agentImage())
	docker(t, "build", "-q", "--network", "none", "-f", "../../packaging/image/Dockerfile", "--build-arg", "TARGETARCH=amd64", "-t", "built", h.path("dist/image"))
	const runs = "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.User}} {{json .Config.Env}} {{json .Config.StopSignal}} {{json .Config.Healthcheck}}"
	ours, theirs := docker(t, "inspect", "-f", runs, agentImageName+":v0"), docker(t, "inspect", "-f", runs, "built")
	if ours != theirs {
		t.Errorf("they are run differently:\nmake image %s\nDockerfile %s", ours, theirs)
	}
	files := func(image string) string {
		id := docker(t, "create", "--network", "none", image)
		defer docker(t, "rm", id)
		// Docker adds places of its own to every container.
		return h.must(t, "sh", "-c", "docker -H unix://"+h.path("docker.sock")+" export "+id+
			" | tar --numeric-owner --exclude=dev --exclude=proc --exclude=sys --exclude=etc/mtab --exclude=etc/host* --exclude=etc/resolv.conf --exclude=.dockerenv -tv | awk '{print $1, $2, $3 * /^-/, $6, $7, $8}' | sort -k4")
	}
	ours, theirs = files(agentImageName+":v0"), files("built")
	if ours != theirs || !strings.Contains(ours, "usr/bin/tiercel") {
		t.Errorf("they have other files:\nmake image\n%s\nDockerfile\n%s", ours, theirs)
	}
	for line := range strings.Lines(ours) {
		if strings.ContainsAny(strings.Fields(line)[0], "sS") {
			t.Errorf("it has a program with rights of its own: %s", line)
		}
	}
}
