// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tiercel/tiercel/sinsp/container/dial"
)

// containerd starts a containerd and returns what runs ctr in a namespace.
func (h *host) containerd() (ctr func(t *testing.T, namespace string, args ...string) string) {
	h.t.Helper()
	socket := h.path("c.sock")
	config := h.write("containerd.toml", fmt.Sprintf(`
version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = %q
`, h.path("root"), h.path("state"), socket, imageName, h.path("runc")))
	h.start(func() error { _, err := h.try("ctr", "-a", socket, "version"); return err }, "containerd", "-c", config)
	return func(t *testing.T, namespace string, args ...string) string {
		t.Helper()
		if args[0] == "run" {
			args = append([]string{"run", "--runc-root", h.path("runc")}, args[1:]...)
		}
		return h.must(t, "ctr", append([]string{"-a", socket, "-n", namespace}, args...)...)
	}
}

var containerdPrograms = map[string]string{"containerd": "containerd", "ctr": "containerd", "runc": "runc"}

func TestContainerd(t *testing.T) {
	h := newHost(t, containerdPrograms)
	ctr := h.containerd()
	for _, ns := range []string{"default", "blue"} {
		ctr(t, ns, "images", "import", h.image)
	}
	a := h.watch(map[string]string{"containerd": h.path("c.sock")})

	t.Run("one of ctr in the default namespace", func(t *testing.T) {
		ctr(t, "default", "run", "-d", "--label", "team=blue", "--mount", "type=bind,src=/tmp,dst=/mnt,options=rbind:ro", imageName, "box", "sleep", "9101")
		al := a.wait(t, "sleep 9101")
		al.has(t, map[string]any{
			"container.id": "box", "container.full_id": "box", "container.name": "box", "container.type": "containerd",
			"container.image": imageName, "container.image.repository": "docker.io/library/boxed", "container.image.tag": "v1",
			"container.image.digest": "~sha256:", "container.labels": "~team:blue", "container.mounts": "~/tmp:/mnt::false:",
			"container.privileged": false, "container.host_network": false, "container.host_pid": false,
			"user.name": boxRoot,
		})
	})
	t.Run("one in another namespace, which the runtime confirms", func(t *testing.T) {
		ctr(t, "blue", "run", "-d", "--net-host", imageName, "a-name-of-many-letters", "sleep", "9102")
		al := a.wait(t, "sleep 9102")
		al.has(t, map[string]any{
			"container.id": "a-name-of-ma", "container.full_id": "a-name-of-many-letters", "container.name": "a-name-of-many-letters",
			"container.type": "containerd", "container.host_network": true, "user.name": boxRoot,
		})
	})
	t.Run("one in a namespace that is new", func(t *testing.T) {
		ctr(t, "green", "images", "import", h.image)
		ctr(t, "green", "run", "-d", imageName, "fresh", "sleep", "9103")
		al := a.wait(t, "sleep 9103")
		al.has(t, map[string]any{"container.id": "fresh", "container.name": "fresh", "container.image.tag": "v1"})
	})
}

func TestKubernetesRuntime(t *testing.T) {
	h := newHost(t, containerdPrograms)
	ctr := h.containerd()
	ctr(t, "k8s.io", "images", "import", h.image)
	a := h.watch(map[string]string{"cri": h.path("c.sock"), "containerd": h.path("c.sock")})

	conn, err := dial.GRPC(h.path("c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	api := cri.NewRuntimeServiceClient(conn)
	sandbox, box := runPod(ctx, t, conn, api)

	al := a.wait(t, "sleep 9201")
	al.has(t, map[string]any{
		"container.id": box[:12], "container.full_id": box, "container.name": "main", "container.type": "containerd",
		"container.image.repository": "docker.io/library/boxed", "container.image.tag": "v1", "container.labels": "tier:front",
		"container.privileged": false, "container.host_network": true, "container.mounts": "/tmp:/mnt::false:rprivate",
		"k8s.pod.name": "pod-7", "k8s.ns.name": "ns-7", "k8s.pod.uid": "uid-7", "k8s.pod.labels": "~app:seven",
		"k8s.pod.sandbox_id": sandbox[:12], "k8s.pod.full_sandbox_id": sandbox, "user.name": boxUser,
	})
	// The sandbox is a container as well. The runtime tells of it only after
	// its first process runs: the alert waits for that.
	al = a.wait(t, "sleep 1000")
	al.has(t, map[string]any{
		"container.id": sandbox[:12], "k8s.pod.name": "pod-7", "k8s.ns.name": "ns-7", "k8s.pod.full_sandbox_id": sandbox,
	})
	if _, err := api.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: sandbox}); err != nil {
		t.Error(err)
	}
	if _, err := api.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: sandbox}); err != nil {
		t.Error(err)
	}
}

// runPod runs a pod with one container, as a kubelet would.
func runPod(ctx context.Context, t *testing.T, conn *grpc.ClientConn, api cri.RuntimeServiceClient) (sandbox, box string) {
	t.Helper()
	labels := map[string]string{
		"app": "seven", "io.kubernetes.pod.name": "pod-7", "io.kubernetes.pod.namespace": "ns-7", "io.kubernetes.pod.uid": "uid-7",
	}
	pod := &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: "pod-7", Namespace: "ns-7", Uid: "uid-7"},
		Labels:   labels,
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent:    "/kubepods/besteffort/poduid-7",
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}},
		},
	}
	p, err := api.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: pod})
	if err != nil {
		if strings.Contains(err.Error(), "not permitted") {
			t.Skipf("this machine lets containerd run no pods: %v", err)
		}
		t.Fatal(err)
	}
	c, err := api.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: p.GetPodSandboxId(), SandboxConfig: pod,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "main"}, Image: &cri.ImageSpec{Image: imageName},
			Command: []string{"sleep", "9201"},
			Labels: map[string]string{
				"tier": "front", "io.kubernetes.container.name": "main", "io.kubernetes.pod.name": "pod-7", "io.kubernetes.pod.namespace": "ns-7", "io.kubernetes.pod.uid": "uid-7",
			},
			Mounts: []*cri.Mount{{HostPath: "/tmp", ContainerPath: "/mnt", Readonly: true}},
			Linux:  &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{RunAsUser: &cri.Int64Value{Value: boxUID}, NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: c.GetContainerId()}); err != nil {
		t.Fatal(err)
	}
	return p.GetPodSandboxId(), c.GetContainerId()
}
