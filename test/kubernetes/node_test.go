// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	nodeName = "node-7"
	nodeIP   = "192.0.2.7"
	token    = "t0ken"
	server   = "https://127.0.0.1:6443"
	// group is the control group of all pods: other tests clean up in kubepods.
	group = "tk8"
	// patience is for machines that do much else.
	patience = 5 * time.Minute
)

// node is a Kubernetes of one node. All its programs are children of the test.
type node struct {
	t       *testing.T
	bin     string // folder of the programs
	dir     string // folder for everything they write
	ordered []*exec.Cmd
}

// newNode starts everything and waits until the node is ready for pods.
func newNode(t *testing.T, bin string) *node {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tk8") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, bin: bin, dir: dir}
	t.Cleanup(n.clean)
	n.machine()
	n.files()
	n.runtime()
	n.start("etcd", "etcd", "--data-dir", n.path("etcd"), "--unsafe-no-fsync", "--log-level", "warn")
	n.start("kube-apiserver", "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--bind-address=127.0.0.1", "--advertise-address="+nodeIP,
		"--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=InternalIP", "--cert-dir="+n.path("certs"), "--service-cluster-ip-range=198.51.100.128/25", "--allow-privileged",
		"--token-auth-file="+n.path("tokens"), "--authorization-mode=RBAC", "--service-account-issuer=https://k8s.test",
		"--service-account-key-file="+n.path("sa.key"), "--service-account-signing-key-file="+n.path("sa.key"))
	n.until("the API server", func() error { _, err := n.kubectl("get", "--raw", "/readyz"); return err })
	n.start("kube-controller-manager", "kube-controller-manager", "--kubeconfig="+n.path("config"), "--leader-elect=false",
		"--service-account-private-key-file="+n.path("sa.key"), "--root-ca-file="+n.path("certs/apiserver.crt"))
	n.start("kube-scheduler", "kube-scheduler", "--kubeconfig="+n.path("config"), "--leader-elect=false")
	n.start("kubelet", "kubelet", "--kubeconfig="+n.path("config"), "--config="+n.path("kubelet.yaml"), "--root-dir="+n.path("kubelet"),
		"--cert-dir="+n.path("kubelet-certs"), "--hostname-override="+nodeName, "--node-ip="+nodeIP)
	n.until("the node", func() error {
		out, err := n.kubectl("get", "nodes", nodeName, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if err == nil && out != "True" {
			err = errors.New("not ready: " + out)
		}
		return err
	})
	return n
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

// machine makes of our namespaces a machine of its own: an address, folders that
// nobody else sees, mounts that are shared as systemd has them, and files in
// place of the kernel's settings that a kubelet makes its own.
func (n *node) machine() {
	n.t.Helper()
	n.must("ip", "link", "set", "lo", "up")
	n.must("ip", "addr", "add", nodeIP+"/32", "dev", "lo")
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		n.t.Fatalf("share the mounts: %v", err)
	}
	for _, dir := range []string{"/run", "/var/log", "/var/lib/cni"} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755")); err != nil {
			n.t.Fatalf("an own %s: %v", dir, err)
		}
	}
	for _, g := range groups() {
		if err := os.MkdirAll(g, 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	for _, setting := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"} {
		path := "/proc/sys/" + setting
		now, err := os.ReadFile(path)
		if err != nil {
			n.t.Fatal(err)
		}
		n.write("sys/"+setting, string(now))
		if err := syscall.Mount(n.path("sys/"+setting), path, "", syscall.MS_BIND, ""); err != nil {
			n.t.Fatalf("keep the kernel's setting %s: %v", setting, err)
		}
	}
}

// files writes what the programs are configured with.
func (n *node) files() {
	n.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		n.t.Fatal(err)
	}
	n.write("sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	n.write("tokens", token+`,admin,admin,"system:masters"`+"\n")
	n.write("config", `apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "`+server+`", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: `+token+`}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
`)
	n.write("kubelet.yaml", `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /`+group+`
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
podLogsDir: /var/log/pods
volumePluginDir: `+n.path("plugins")+`
resolvConf: ""
syncFrequency: 5s
evictionHard: {memory.available: 1Mi, nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%", imagefs.inodesFree: "0%"}
featureGates: {KubeletInUserNamespace: true} # what it may not set is no failure
`)
}

const cniDir = "/usr/lib/cni" // Debian's place

// runtime starts containerd with a network for pods.
func (n *node) runtime() {
	n.t.Helper()
	n.write("cni/net.conflist", fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam":
{"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "198.51.100.0/26"}]]}}]}`, n.path("ipam")))
	socket := "/run/containerd/containerd.sock"
	n.write("containerd.toml", fmt.Sprintf(`
version = 2
root = %q
state = "/run/containerd"
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
`, n.path("containerd"), socket, boxImage, cniDir, n.path("cni")))
	n.start("containerd", "/usr/bin/containerd", "-c", n.path("containerd.toml"))
	n.until("containerd", func() error { _, err := n.try("ctr", "version"); return err })
}

func (n *node) write(name, text string) {
	n.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(n.path(name)), 0o755), os.WriteFile(n.path(name), []byte(text), 0o600)); err != nil {
		n.t.Fatal(err)
	}
}

// start runs a program until the node ends.
func (n *node) start(name, program string, args ...string) {
	n.t.Helper()
	log, err := os.Create(n.path(name + ".log"))
	if err != nil {
		n.t.Fatal(err)
	}
	if !filepath.IsAbs(program) {
		program = filepath.Join(n.bin, program)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = n.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ordered = append(n.ordered, cmd)
}

// clean ends the programs, the last one first, then what containerd leaves: its
// shims are not our children.
func (n *node) clean() {
	if n.t.Failed() {
		n.tails()
	}
	for i := len(n.ordered) - 1; i >= 0; i-- {
		cmd := n.ordered[i]
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // however it ends, nothing may be left of it
		timer.Stop()
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		left := n.leftovers()
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) == 0 {
			break
		}
	}
	for _, g := range groups() {
		removeGroup(g)
	}
	n.unmount()
	if err := os.RemoveAll(n.dir); err != nil {
		n.t.Errorf("clean up: %v", err)
	}
	if left := n.leftovers(); len(left) > 0 {
		n.t.Errorf("processes are left: %v", left)
	}
}

// unmount takes away what kubelet and containerd mounted below our folder; the
// other mounts go with the namespace.
func (n *node) unmount() {
	text, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if f := strings.Fields(lines[i]); len(f) > 1 && strings.HasPrefix(f[1], n.dir+"/") {
			_ = syscall.Unmount(f[1], syscall.MNT_DETACH)
		}
	}
}

// leftovers are the processes of pods, and those in our mount namespace that
// are neither we nor above us.
func (n *node) leftovers() []int {
	above := map[int]bool{}
	for pid := os.Getpid(); pid > 1; {
		above[pid] = true
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			break
		}
		pid, _ = strconv.Atoi(fields[1])
	}
	ours, _ := os.Readlink("/proc/self/ns/mnt")
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil || above[pid] {
			continue
		}
		ns, _ := os.Readlink(p + "/ns/mnt")
		cgroup, _ := os.ReadFile(p + "/cgroup")
		if stat, _ := os.ReadFile(p + "/stat"); bytes.Contains(stat, []byte(") Z ")) {
			continue // it has ended; its parent has not noticed
		}
		if ns == ours || bytes.Contains(cgroup, []byte(":/"+group+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groups are the places of our control group, in one hierarchy or in many.
func groups() []string {
	files, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.procs"); err == nil {
		return []string{"/sys/fs/cgroup/" + group}
	}
	var all []string
	for _, f := range files {
		all = append(all, filepath.Join(filepath.Dir(f), group))
	}
	return all
}

// removeGroup removes a control group and those below it.
func removeGroup(path string) {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(path, e.Name()))
		}
	}
	_ = os.Remove(path)
}

// tails shows how the logs of the programs end.
func (n *node) tails() {
	logs, _ := filepath.Glob(n.path("*.log"))
	for _, log := range logs {
		text, _ := os.ReadFile(log)
		n.t.Logf("%s:\n%s", filepath.Base(log), text[max(0, len(text)-1500):])
	}
}

// try runs a program and returns what it prints, both ways.
func (n *node) try(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+n.path("config"), "HOME="+n.dir)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, text)
	}
	return text, nil
}

func (n *node) must(program string, args ...string) string {
	n.t.Helper()
	out, err := n.try(program, args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func (n *node) kubectl(args ...string) (string, error) {
	return n.try(filepath.Join(n.bin, "kubectl"), args...)
}

// until waits for something to succeed.
func (n *node) until(what string, is func() error) {
	n.t.Helper()
	began := time.Now()
	for {
		err := is()
		if err == nil {
			n.t.Logf("%s: after %.1f s", what, time.Since(began).Seconds())
			return
		}
		if time.Since(began) > patience {
			n.t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
