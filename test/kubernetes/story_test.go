// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root      = "../.."
	chart     = root + "/packaging/helm/tiercel"
	manifests = root + "/packaging/kubernetes"
)

// The manifests and the chart do on a node what docs/install-kubernetes.md says.
func TestKubernetes(t *testing.T) {
	bin, image := os.Getenv("K8S_PROGRAMS"), os.Getenv("K8S_IMAGE")
	if bin == "" || image == "" {
		t.Skip("it wants programs and an image: make k8stest")
	}
	n := newNode(t, bin)
	n.write("box.tar", string(boxArchive(t)))
	for _, archive := range []string{n.path("box.tar"), image} {
		n.must("ctr", "-n", "k8s.io", "images", "import", archive)
	}
	n.k("run", "victim", "--image="+boxImage, "--image-pull-policy=Never", "--restart=Never", "--", "sleep", "100000")
	n.k("wait", "--for=condition=Ready", "pod/victim", "--timeout=4m")

	steps := []struct {
		name string
		do   func(n *node)
	}{
		{"the API server takes the chart with all values", (*node).validates},
		{"a namespace without the label gets no pod", (*node).isRefused},
		{"the manifests", (*node).runsManifests},
		{"the chart", (*node).runsChart},
	}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) {
			n.t = t
			s.do(n)
		}) {
			break
		}
	}
	n.t = t
}

// k is kubectl for what cannot fail.
func (n *node) k(args ...string) string {
	n.t.Helper()
	return n.must(filepath.Join(n.bin, "kubectl"), args...)
}

func (n *node) helm(args ...string) string {
	n.t.Helper()
	return n.must(filepath.Join(n.bin, "helm"), args...)
}

// validates lets the API server check, default and admit every set of values,
// without keeping it.
func (n *node) validates() {
	n.k("create", "namespace", "checked")
	n.k("label", "namespace", "checked", "pod-security.kubernetes.io/enforce=privileged", "pod-security.kubernetes.io/warn=privileged")
	sets, err := filepath.Glob(root + "/test/manifests/testdata/values/*.yaml")
	if err != nil || len(sets) == 0 {
		n.t.Fatalf("no values: %v", err)
	}
	for _, values := range append(sets, chart+"/values.yaml") {
		n.helm("lint", "--strict", chart, "-f", values)
		// The API server has no type for what belongs to an operator.
		text := n.helm("template", "tiercel", chart, "--namespace", "checked", "--kube-version", "v1.35.4", "-f", values, "--set", "metrics.serviceMonitor.enabled=false")
		n.write("rendered.yaml", text)
		out := n.k("apply", "--dry-run=server", "-n", "checked", "-f", n.path("rendered.yaml"))
		if !strings.Contains(out, "daemonset.apps/tiercel created (server dry run)") || strings.Contains(out, "Warning") {
			n.t.Errorf("%s:\n%s", filepath.Base(values), out)
		}
	}
	n.k("delete", "namespace", "checked")
}

// isRefused is what somebody sees who forgets the label.
func (n *node) isRefused() {
	n.k("create", "namespace", "plain")
	n.k("label", "namespace", "plain", "pod-security.kubernetes.io/enforce=baseline")
	n.helm("install", "tiercel", chart, "-n", "plain")
	n.until("the refusal is told", func() error {
		out, err := n.kubectl("-n", "plain", "get", "events")
		if err == nil && !strings.Contains(out, `violates PodSecurity "baseline`) {
			err = errors.New(out)
		}
		return err
	})
	n.helm("uninstall", "tiercel", "-n", "plain")
	n.k("delete", "namespace", "plain")
}

func (n *node) runsManifests() {
	n.k("apply", "-f", manifests)
	n.k("-n", "tiercel", "rollout", "status", "daemonset/tiercel", "--timeout=4m")
	n.alertOfVictim("app.kubernetes.io/name=tiercel")
	if out := n.k("-n", "tiercel", "exec", "ds/tiercel", "--", "tiercel", "driver", "doctor"); !strings.Contains(out, "modern_bpf  ok") {
		n.t.Errorf("the doctor does not find what runs:\n%s", out)
	}
	// A pod that starts is no attack, although its runtime mounts and enters namespaces.
	n.k("run", "after", "--image="+boxImage, "--image-pull-policy=Never", "--restart=Never", "--", "sleep", "100000")
	n.k("wait", "--for=condition=Ready", "pod/after", "--timeout=4m")
	n.k("exec", "after", "--", "cat", "/etc/shadow") // comes after whatever the start would have told
	n.until("the alert about the new pod", func() error {
		return n.told("after", "/etc/shadow", "app.kubernetes.io/name=tiercel")
	})
	all, err := n.alerts("app.kubernetes.io/name=tiercel")
	if err != nil {
		n.t.Fatal(err)
	}
	for _, al := range all {
		if al.Fields["k8s.pod.name"] == "after" && al.Fields["fd.name"] != "/etc/shadow" {
			n.t.Errorf("the start of a pod is told of: %s", al.Output)
		}
	}
	first := n.podNames()
	n.k("-n", "tiercel", "rollout", "restart", "daemonset/tiercel")
	n.k("-n", "tiercel", "rollout", "status", "daemonset/tiercel", "--timeout=4m")
	n.alertOfVictim("app.kubernetes.io/name=tiercel")
	if now := n.podNames(); now == first {
		n.t.Errorf("the pods after a restart are those before it: %s", now)
	}
	n.k("delete", "pod", "after", "--now")
	n.k("delete", "-f", manifests)
	n.nothingLeft()
}

func (n *node) runsChart() {
	n.k("create", "namespace", "tiercel")
	n.k("label", "namespace", "tiercel", "pod-security.kubernetes.io/enforce=privileged")
	n.helm("install", "tiercel", chart, "-n", "tiercel")
	n.k("-n", "tiercel", "rollout", "status", "daemonset/tiercel", "--timeout=4m")
	n.alertOfVictim("app.kubernetes.io/instance=tiercel")
	first := n.podNames()

	// The health check follows an option that it was never told of.
	n.write("values.yaml", `extraArgs: [-o, webserver.listen_port=9123]
rules:
  custom:
    ours.yaml: |
      - rule: Ours
        desc: A rule of the test.
        condition: evt.type in (execve, execveat) and proc.name = sleep and proc.args = "0000"
        output: ours pod=%k8s.pod.name
        priority: NOTICE
`)
	n.helm("upgrade", "tiercel", chart, "-n", "tiercel", "--reset-then-reuse-values", "-f", n.path("values.yaml"))
	n.k("-n", "tiercel", "rollout", "status", "daemonset/tiercel", "--timeout=4m")
	if now := n.podNames(); now == first {
		n.t.Errorf("changed values start no new pod: %s", now)
	}
	n.k("exec", "victim", "--", "sleep", "0000")
	n.until("an alert of an own rule", func() error {
		all, err := n.alerts("app.kubernetes.io/instance=tiercel")
		if err != nil {
			return err
		}
		for _, al := range all {
			if al.Rule == "Ours" && al.Fields["k8s.pod.name"] == "victim" {
				return nil
			}
		}
		return errors.New("none")
	})

	// A configuration that is wrong stops the rollout; the old agents go on.
	good := n.podNames()
	n.helm("upgrade", "tiercel", chart, "-n", "tiercel", "--reuse-values", "--set", "config.no_such_key=1", "--set-json", `config.rules_files=["/no/such/file.yaml"]`)
	n.until("the reason is told by describe", func() error {
		out, err := n.kubectl("-n", "tiercel", "describe", "pods")
		if err == nil && !strings.Contains(out, "/no/such/file.yaml") {
			err = errors.New(out)
		}
		return err
	})
	if !strings.Contains(n.podNames(), good) {
		n.t.Errorf("the agent that ran is gone: %s, now %s", good, n.podNames())
	}
	n.helm("uninstall", "tiercel", "-n", "tiercel")
	n.k("delete", "namespace", "tiercel")
	n.nothingLeft()
}

func (n *node) podNames() string {
	return n.k("-n", "tiercel", "get", "pods", "-o", "name")
}

// alert is as much of an alert as is looked at.
type alert struct {
	Rule, Output, Hostname string
	Fields                 map[string]any `json:"output_fields"`
}

// alerts reads the logs of the agents, as the documentation says. It fails while
// a pod is replaced.
func (n *node) alerts(selector string) ([]alert, error) {
	text, err := n.kubectl("-n", "tiercel", "logs", "--prefix", "--max-log-requests", "50", "--tail=-1", "-l", selector)
	var all []alert
	for line := range strings.Lines(text) {
		_, text, _ := strings.Cut(line, "] ")
		var al alert
		if json.Unmarshal([]byte(text), &al) == nil && al.Rule != "" {
			all = append(all, al)
		}
	}
	return all, err
}

// told reports whether there is the alert about a file in a pod, with its names.
func (n *node) told(pod, file, selector string) error {
	all, err := n.alerts(selector)
	if err != nil {
		return err
	}
	for _, al := range all {
		if al.Fields["fd.name"] != file || al.Fields["k8s.pod.name"] != pod {
			continue
		}
		for field, want := range map[string]string{"k8s.ns.name": "default", "container.name": pod, "container.image.repository": "docker.io/library/box"} {
			if al.Fields[field] != want {
				return fmt.Errorf("%s is %v, want %s", field, al.Fields[field], want)
			}
		}
		if al.Hostname != nodeName || !strings.Contains(al.Output, "pod="+pod+" namespace=default") {
			return fmt.Errorf("host %s: %s", al.Hostname, al.Output)
		}
		return nil
	}
	return errors.New("no alert")
}

// alertOfVictim provokes the first alert of the documentation.
func (n *node) alertOfVictim(selector string) {
	n.t.Helper()
	n.until("the alert about the victim", func() error {
		if _, err := n.kubectl("exec", "victim", "--", "cat", "/etc/shadow"); err != nil {
			return err
		}
		return n.told("victim", "/etc/shadow", selector)
	})
}

// nothingLeft looks for what an uninstall forgot: in the cluster and on the node.
func (n *node) nothingLeft() {
	n.t.Helper()
	n.until("the pods are gone", func() error {
		out, err := n.kubectl("get", "all,configmaps,serviceaccounts,secrets", "-A", "-o", "name")
		if err == nil && strings.Contains(out, "tiercel") {
			err = errors.New(out)
		}
		return err
	})
	if out := n.must("ctr", "-n", "k8s.io", "containers", "ls"); strings.Contains(out, "tiercel") {
		n.t.Errorf("containers are left:\n%s", out)
	}
	if _, err := os.Stat("/var/lib/tiercel"); err == nil {
		n.t.Error("/var/lib/tiercel is left")
	}
}
