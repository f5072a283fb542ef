// SPDX-License-Identifier: Apache-2.0

package container

import "testing"

func TestPodman(t *testing.T) {
	h := newHost(t, map[string]string{"podman": "podman", "runc": "runc"})
	socket := h.path("podman.sock")
	base := []string{
		"--root", h.path("root"), "--runroot", h.path("run"), "--tmpdir", h.path("tmp"), "--runtime", "runc",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "vfs",
	}
	podman := func(t *testing.T, args ...string) string {
		t.Helper()
		return h.must(t, "podman", append(base, args...)...)
	}
	podman(t, "load", "-i", h.image)
	h.start(func() error { _, err := h.try("podman", "--remote", "--url", "unix://"+socket, "version"); return err },
		"podman", append(base, "system", "service", "-t", "0", "unix://"+socket)...)
	t.Cleanup(func() { _, _ = h.try("podman", append(base, "rm", "-f", "-a", "-t", "0")...) })
	a := h.watch(map[string]string{"podman": socket})

	// Limits as they are: raising them may be forbidden.
	id := podman(t, "run", "-d", "--name", "pod", "--network", "none", "--ulimit", "nofile=512:512", "--ulimit", "nproc=1000:1000", "-u", boxUser,
		"--label", "team=blue", "-v", "/tmp:/mnt:ro", imageName, "sleep", "9301")
	// Podman runs containers without its service, which tells of them later:
	// the alert waits for what a condition could not ask.
	al := a.wait(t, "sleep 9301")
	al.has(t, map[string]any{
		"container.id": id[:12], "container.full_id": id, "container.name": "pod", "container.type": "podman",
		"container.image.repository": "docker.io/library/boxed", "container.image.tag": "v1", "container.labels": "~team:blue",
		"container.mounts": "~/tmp:/mnt:", "container.privileged": false, "container.host_network": false, "user.name": boxUser, "group.name": "crew",
	})
}
