// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tiercel/tiercel/sinsp/container/dial"
)

// daemonSet is as much of the manifest as a kubelet passes on to the runtime.
type daemonSet struct {
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct{ Name, Value string }

					SecurityContext struct {
						Privileged             bool
						ReadOnlyRootFilesystem bool `yaml:"readOnlyRootFilesystem"`
						AllowEscalation        bool `yaml:"allowPrivilegeEscalation"`
						Capabilities           struct{ Add, Drop []string }
					} `yaml:"securityContext"`
					LivenessProbe struct {
						Exec struct{ Command []string }
					} `yaml:"livenessProbe"`
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
						ReadOnly  bool   `yaml:"readOnly"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name     string
					HostPath struct{ Path string } `yaml:"hostPath"`
				}
			}
		}
	}
}

const manifests = "../../packaging/kubernetes/"

// The pod of the manifests, as it stands there, runs in containerd: with its
// capabilities, the runtime's seccomp profile, a root that it cannot write and
// namespaces of its own, it sees the host and other pods, answers its health
// check and ends when it is told to.
func TestPodOfTheManifests(t *testing.T) {
	h := newHost(t, containerdPrograms)
	if !exists(cniDir + "/ptp") {
		t.Skipf("there are no CNI plugins in %s (apt-get install containernetworking-plugins)", cniDir)
	}
	ctr := h.kubernetesNode()
	ctr(t, "k8s.io", "images", "import", h.image)
	ctr(t, "k8s.io", "images", "import", h.agentImage())
	conn, err := dial.GRPC(h.path("run/containerd/containerd.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	n := &node{h: h, ctx: ctx, api: cri.NewRuntimeServiceClient(conn)}

	before := n.run(t, "before", nil, &cri.ContainerConfig{
		Image:   &cri.ImageSpec{Image: imageName},
		Command: []string{"sh", "-c", "while true; do /bin/sleep 0.5; cat </etc/tct-before; done"},
	})
	var ds daemonSet
	text, err := os.ReadFile(manifests + "30-daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &ds); err != nil {
		t.Fatal(err)
	}
	agent := n.run(t, "tiercel", n.sandboxSecurity(), n.agentConfig(t, &ds))
	health := ds.Spec.Template.Spec.Containers[0].LivenessProbe.Exec.Command
	n.healthy(t, agent, health)

	t.Run("it tells of the host", func(t *testing.T) {
		file := h.write("tct-host", "")
		h.must(t, "cat", file)
		n.alert(t, agent, file).has(t, map[string]any{
			"container.id": "host", "proc.name": "cat", "user.name": "root", "evt.hostname": "node-7", "proc.exepath": "~/cat",
		})
	})
	t.Run("it knows a pod from before its start", func(t *testing.T) {
		n.alert(t, agent, "/etc/tct-before").has(t, map[string]any{
			"container.id": before.id[:12], "container.name": "before", "k8s.pod.name": "before", "k8s.ns.name": "ns-before", "user.name": boxRoot,
			"container.image.repository": "docker.io/library/boxed",
		})
	})
	t.Run("it knows a new pod", func(t *testing.T) {
		after := n.run(t, "after", nil, &cri.ContainerConfig{Image: &cri.ImageSpec{Image: imageName}, Command: []string{"sh", "-c", "cat /etc/tct-after; exec sleep 9401"}})
		n.alert(t, agent, "/etc/tct-after").has(t, map[string]any{
			"container.id": after.id[:12], "container.name": "after", "k8s.pod.name": "after", "container.image.tag": "v1",
		})
	})
	t.Run("it has what the manifest says, and no more", func(t *testing.T) {
		n.confined(t, agent, ds.Spec.Template.Spec.Containers[0].SecurityContext.Capabilities.Add)
	})
	t.Run("it ends when it is told to", func(t *testing.T) {
		began := time.Now()
		if _, err := n.api.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: agent.id, Timeout: 60}); err != nil {
			t.Fatal(err)
		}
		st, err := n.api.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: agent.id})
		if err != nil {
			t.Fatal(err)
		}
		if st.GetStatus().GetExitCode() != 0 || time.Since(began) > 50*time.Second {
			t.Errorf("status %d after %v\n%s", st.GetStatus().GetExitCode(), time.Since(began), agent.text())
		}
	})
}

const cniDir = "/usr/lib/cni" // Debian's place

// kubernetesNode starts a containerd as it runs on a node: pods have networks
// of their own.
func (h *host) kubernetesNode() (ctr func(t *testing.T, namespace string, args ...string) string) {
	h.t.Helper()
	for _, dir := range []string{"run/containerd", "cni"} {
		if err := os.MkdirAll(h.path(dir), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	h.write("cni/net.conflist", fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "tct", "plugins": [{"type": "ptp", "ipam":
{"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "198.51.100.0/28"}]]}}]}`, h.path("ipam")))
	socket := h.path("run/containerd/containerd.sock")
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
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = %q
  conf_dir = %q
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = %q
`, h.path("root"), h.path("state"), socket, imageName, cniDir, h.path("cni"), h.path("runc")))
	h.start(func() error { _, err := h.try("ctr", "-a", socket, "version"); return err }, "containerd", "-c", config)
	return func(t *testing.T, namespace string, args ...string) string {
		t.Helper()
		return h.must(t, "ctr", append([]string{"-a", socket, "-n", namespace}, args...)...)
	}
}

const agentImageName = "tiercel.test/tiercel"

// agentImage makes the real image of the agent.
func (h *host) agentImage() string {
	h.t.Helper()
	bin, err := build()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-C", "../../packaging/image", ".", "-source", "../..", "-out", h.path("dist"),
		"-name", agentImageName, "-version", "v0", "-revision", "none", "-binary", "amd64="+bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("make the image: %v\n%s", err, out)
	}
	return h.path("dist/tiercel-image-v0-docker-amd64.tar")
}

// node is what a kubelet does here.
type node struct {
	h   *host
	ctx context.Context
	api cri.RuntimeServiceClient
}

// pod is a running container of its own pod.
type pod struct {
	sandbox, id, log string
}

func (p *pod) text() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

func (n *node) run(t *testing.T, name string, security *cri.LinuxSandboxSecurityContext, c *cri.ContainerConfig) *pod {
	t.Helper()
	labels := map[string]string{"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "ns-" + name, "io.kubernetes.pod.uid": "uid-" + name}
	sandbox := &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: name, Namespace: "ns-" + name, Uid: "uid-" + name}, Labels: labels, LogDirectory: n.h.path("logs"),
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: "/kubepods/burstable/poduid-" + name, SecurityContext: security},
	}
	p, err := n.api.RunPodSandbox(n.ctx, &cri.RunPodSandboxRequest{Config: sandbox})
	if err != nil {
		if strings.Contains(err.Error(), "not permitted") {
			t.Skipf("this machine lets containerd run no pods: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { n.remove(t, p.GetPodSandboxId()) })
	c.Metadata, c.LogPath = &cri.ContainerMetadata{Name: name}, name+".log"
	c.Labels = map[string]string{"io.kubernetes.container.name": name}
	for k, v := range labels {
		c.Labels[k] = v
	}
	made, err := n.api.CreateContainer(n.ctx, &cri.CreateContainerRequest{PodSandboxId: p.GetPodSandboxId(), SandboxConfig: sandbox, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.api.StartContainer(n.ctx, &cri.StartContainerRequest{ContainerId: made.GetContainerId()}); err != nil {
		t.Fatal(err)
	}
	return &pod{p.GetPodSandboxId(), made.GetContainerId(), n.h.path("logs/" + name + ".log")}
}

func (n *node) remove(t *testing.T, sandbox string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := n.api.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: sandbox}); err != nil {
		t.Error(err)
	}
	if _, err := n.api.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: sandbox}); err != nil {
		t.Error(err)
	}
}

func (n *node) sandboxSecurity() *cri.LinuxSandboxSecurityContext {
	return &cri.LinuxSandboxSecurityContext{Seccomp: &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}}
}

// agentConfig is the container of the manifest. What differs: /run is that of
// this test, and a rule of the test is added to the rules.
func (n *node) agentConfig(t *testing.T, ds *daemonSet) *cri.ContainerConfig {
	t.Helper()
	c := ds.Spec.Template.Spec.Containers[0]
	s := c.SecurityContext
	if s.Privileged || s.AllowEscalation {
		t.Fatal("the manifest asks for a privileged container")
	}
	config := &cri.ContainerConfig{
		Image: &cri.ImageSpec{Image: agentImageName + ":v0"}, Args: c.Args,
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			RunAsUser: &cri.Int64Value{}, ReadonlyRootfs: s.ReadOnlyRootFilesystem, NoNewPrivs: true,
			Capabilities: &cri.Capability{AddCapabilities: s.Capabilities.Add, DropCapabilities: s.Capabilities.Drop},
			Seccomp:      &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault},
			MaskedPaths:  []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{
				"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
			},
		}},
	}
	for _, e := range c.Env {
		if e.Name == "TIERCEL_HOSTNAME" {
			e.Value = "node-7" // the kubelet's part
		}
		config.Envs = append(config.Envs, &cri.KeyValue{Key: e.Name, Value: []byte(e.Value)})
	}
	places := map[string]string{"config": n.config(t), "tmp": n.folder(t, "tmp")}
	for _, v := range ds.Spec.Template.Spec.Volumes {
		switch v.HostPath.Path {
		case "":
		case "/run":
			places[v.Name] = n.h.path("run")
		default:
			places[v.Name] = v.HostPath.Path
		}
	}
	for _, m := range c.VolumeMounts {
		if places[m.Name] == "" {
			t.Fatalf("the test does not know the volume %s", m.Name)
		}
		config.Mounts = append(config.Mounts, &cri.Mount{HostPath: places[m.Name], ContainerPath: m.MountPath, Readonly: m.ReadOnly})
	}
	config.Mounts = append(config.Mounts, &cri.Mount{HostPath: n.rules(t), ContainerPath: "/etc/tiercel/rules.d", Readonly: true})
	return config
}

func (n *node) folder(t *testing.T, name string) string {
	t.Helper()
	if err := os.MkdirAll(n.h.path(name), 0o755); err != nil {
		t.Fatal(err)
	}
	return n.h.path(name)
}

// config writes the configuration of the manifests to a file.
func (n *node) config(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manifests + "20-configmap.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cm struct{ Data map[string]string }
	if err := yaml.Unmarshal(text, &cm); err != nil || cm.Data["tiercel.yaml"] == "" {
		t.Fatalf("no configuration: %v", err)
	}
	return n.h.write("pod.yaml", cm.Data["tiercel.yaml"])
}

func (n *node) rules(t *testing.T) string {
	t.Helper()
	dir := n.folder(t, "rules")
	var fields strings.Builder
	for _, f := range shown {
		fmt.Fprintf(&fields, " %%%s", f)
	}
	n.h.write("rules/test.yaml", `
- rule: In a manifest's pod
  desc: files of the test that somebody opens
  condition: evt.type in (open, openat, openat2) and fd.name contains tct- and evt.is_open_read = true
  output: "opened %fd.name %evt.hostname %proc.exepath`+fields.String()+`"
  priority: NOTICE
`)
	return dir
}

// healthy runs the liveness probe until it is content.
func (n *node) healthy(t *testing.T, p *pod, command []string) {
	t.Helper()
	var last string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		r, err := n.api.ExecSync(n.ctx, &cri.ExecSyncRequest{ContainerId: p.id, Cmd: command, Timeout: 5})
		switch {
		case err != nil: // a container that only just starts, on a busy machine
			last = err.Error()
		case r.GetExitCode() == 0:
			return
		default:
			last = string(r.GetStderr())
		}
	}
	t.Fatalf("not healthy: %s\n%s", last, p.text())
}

// alert waits for one about a file. A line of the log is a time, a stream, a
// mark and what was written.
func (n *node) alert(t *testing.T, p *pod, file string) *alert {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for line := range strings.Lines(p.text()) {
			f := strings.SplitN(line, " ", 4)
			var al alert
			if len(f) == 4 && json.Unmarshal([]byte(f[3]), &al) == nil && al.Rule == "In a manifest's pod" && al.Fields["fd.name"] == file {
				return &al
			}
		}
	}
	t.Fatalf("no alert about %s\n%s", file, p.text())
	return nil
}

// confined looks at the agent's process from outside.
func (n *node) confined(t *testing.T, p *pod, want []string) {
	t.Helper()
	st, err := n.api.ContainerStatus(n.ctx, &cri.ContainerStatusRequest{ContainerId: p.id, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Pid int }
	if err := json.Unmarshal([]byte(st.GetInfo()["info"]), &info); err != nil || info.Pid == 0 {
		t.Fatalf("no process: %v", err)
	}
	proc := fmt.Sprintf("/proc/%d/", info.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	bits := map[string]uint{"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "PERFMON": 38, "BPF": 39}
	var mask uint64
	for _, name := range want {
		mask |= 1 << bits[name]
	}
	for _, line := range []string{
		fmt.Sprintf("CapEff:\t%016x\n", mask), fmt.Sprintf("CapBnd:\t%016x\n", mask), "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
	} {
		if !bytes.Contains(status, []byte(line)) {
			t.Errorf("%q is not in its status:\n%s", line, status)
		}
	}
	for _, ns := range []string{"pid", "net", "mnt", "ipc"} {
		own, err1 := os.Readlink(proc + "ns/" + ns)
		ours, err2 := os.Readlink("/proc/self/ns/" + ns)
		if err1 != nil || err2 != nil || own == ours {
			t.Errorf("it shares the host's namespace %s", ns)
		}
	}
	if listens, _ := os.ReadFile(proc + "net/tcp"); bytes.Count(listens, []byte(" 0A ")) != 1 || !bytes.Contains(listens, []byte("0100007F:223D ")) {
		t.Errorf("something listens beside the health check on loopback:\n%s", listens)
	}
}
