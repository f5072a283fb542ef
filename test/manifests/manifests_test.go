// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/lint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// serviceMonitor is as much of the Prometheus operator's type as the chart uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct{ Port, Path, Interval string } `json:"endpoints"`
	} `json:"spec"`
}

// objects are manifests in the types of the API.
type objects struct {
	all      map[string]any // by kind/name
	daemon   *appsv1.DaemonSet
	config   string            // tiercel.yaml
	rules    map[string]string // rules files
	monitors []*serviceMonitor
	services []*corev1.Service
}

// decode decodes strictly: a key that the type does not have is an error, and
// so is one that is there twice.
func decode(t *testing.T, docs [][]byte) *objects {
	t.Helper()
	o := &objects{all: map[string]any{}}
	for _, doc := range docs {
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		into := newObject(head.APIVersion + " " + head.Kind)
		if into == nil {
			t.Fatalf("%s %s is no type that the chart should make", head.APIVersion, head.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, into); err != nil {
			t.Fatalf("%s %s: %v\n%s", head.Kind, head.Metadata.Name, err, doc)
		}
		key := head.Kind + "/" + head.Metadata.Name
		if o.all[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		if head.Kind != "Namespace" && head.Metadata.Namespace != Namespace {
			t.Errorf("%s is in the namespace %q", key, head.Metadata.Namespace)
		}
		o.all[key] = into
		o.add(into)
	}
	return o
}

func newObject(kind string) any {
	switch kind {
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Service":
		return &corev1.Service{}
	case "apps/v1 DaemonSet":
		return &appsv1.DaemonSet{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &serviceMonitor{}
	}
	return nil
}

func (o *objects) add(object any) {
	switch x := object.(type) {
	case *appsv1.DaemonSet:
		o.daemon = x
	case *corev1.Service:
		o.services = append(o.services, x)
	case *serviceMonitor:
		o.monitors = append(o.monitors, x)
	case *corev1.ConfigMap:
		if text, ok := x.Data["tiercel.yaml"]; ok {
			o.config = text
		} else {
			o.rules = x.Data
		}
	}
}

// variant is the chart with some values.
type variant struct {
	name   string
	values map[string]any
	driver string
	others []string // drivers to fall back to
	caps   capabilities
	listen bool // metrics are asked for
}

// capabilities are what values say of them.
type capabilities struct{ Extra, Replace []corev1.Capability }

// capabilitiesOf is what the agent has to get, and no more.
func capabilitiesOf(driver string, others []string, c capabilities) []corev1.Capability {
	want := []corev1.Capability{"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"}
	if driver == "bpf" || driver == "auto" || slices.Contains(others, "bpf") {
		want = append(want, "IPC_LOCK")
	}
	if len(c.Replace) > 0 {
		want = c.Replace
	}
	return append(want, c.Extra...)
}

// variants are the defaults, the files below testdata/values and the examples
// of the documentation.
func variants(t *testing.T) []variant {
	t.Helper()
	all := []variant{{name: "defaults", driver: "modern_bpf"}}
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, newVariant(t, strings.TrimSuffix(filepath.Base(file), ".yaml"), text))
	}
	page, err := os.ReadFile(Root + "/docs/install-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml values\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) == 0 {
		t.Fatal("the documentation has no example of values")
	}
	for i, m := range examples {
		all = append(all, newVariant(t, fmt.Sprintf("example %d of the documentation", i+1), m[1]))
	}
	return all
}

func newVariant(t *testing.T, name string, text []byte) variant {
	t.Helper()
	v := variant{name: name, driver: "modern_bpf"}
	var known struct {
		Driver struct {
			Kind     string
			Fallback []string
		}
		Capabilities capabilities
		Metrics      struct{ Enabled bool }
	}
	if err := errors.Join(yaml.Unmarshal(text, &v.values), yaml.Unmarshal(text, &known)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if known.Driver.Kind != "" {
		v.driver = known.Driver.Kind
	}
	v.others = known.Driver.Fallback
	v.caps, v.listen = known.Capabilities, known.Metrics.Enabled
	return v
}

func (v *variant) render(t *testing.T, kube string) *objects {
	t.Helper()
	rendered, err := Render(v.values, kube)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return decode(t, Documents(rendered))
}

func TestChartIsAllowedNoMoreThanItNeeds(t *testing.T) {
	for _, v := range variants(t) {
		for _, kube := range []string{OldestKube, NewestKube} {
			t.Run(v.name+" on "+kube, func(t *testing.T) {
				o := v.render(t, kube)
				if o.daemon == nil {
					t.Fatal("there is no DaemonSet")
				}
				for _, fault := range Faults(o.daemon, capabilitiesOf(v.driver, v.others, v.caps), v.driver == "kmod") {
					t.Error(fault)
				}
				for key, x := range o.all {
					if sa, ok := x.(*corev1.ServiceAccount); ok && (sa.AutomountServiceAccountToken == nil || *sa.AutomountServiceAccountToken) {
						t.Errorf("%s gives its pods a token", key)
					}
				}
			})
		}
	}
}

func TestObjectsFindEachOther(t *testing.T) {
	for _, v := range variants(t) {
		o := v.render(t, NewestKube)
		labels := o.daemon.Spec.Template.Labels
		matches := func(what string, selector map[string]string, labels map[string]string) {
			for k, want := range selector {
				if labels[k] != want {
					t.Errorf("%s: %s looks for %s=%s, and finds %q", v.name, what, k, want, labels[k])
				}
			}
		}
		matches("the DaemonSet", o.daemon.Spec.Selector.MatchLabels, labels)
		for _, s := range o.services {
			matches("the service", s.Spec.Selector, labels)
			for _, m := range o.monitors {
				matches("the ServiceMonitor", m.Spec.Selector.MatchLabels, s.Labels)
			}
		}
		for _, vol := range o.daemon.Spec.Template.Spec.Volumes {
			if c := vol.ConfigMap; c != nil && o.all["ConfigMap/"+c.Name] == nil && !strings.HasPrefix(c.Name, "our-") {
				t.Errorf("%s: there is no config map %s", v.name, c.Name)
			}
		}
		if name := o.daemon.Spec.Template.Spec.ServiceAccountName; o.all["ServiceAccount/"+name] == nil && name != "someone" {
			t.Errorf("%s: there is no service account %s", v.name, name)
		}
	}
}

func TestNothingListensUnlessMetricsAreAsked(t *testing.T) {
	for _, v := range variants(t) {
		o := v.render(t, NewestKube)
		if o.config == "" {
			continue // a configuration of the user's own
		}
		ports := len(o.daemon.Spec.Template.Spec.Containers[0].Ports)
		loopback := strings.Contains(o.config, "listen_address: 127.0.0.1")
		if v.listen {
			if ports != 1 || !strings.Contains(o.config, "listen_address: ${POD_IP}") || len(o.services) != 1 || len(o.monitors) != 1 {
				t.Errorf("%s: %d ports, %d services\n%s", v.name, ports, len(o.services), o.config)
			}
		} else if ports != 0 || !loopback || len(o.services) != 0 {
			t.Errorf("%s: %d ports, %d services\n%s", v.name, ports, len(o.services), o.config)
		}
	}
}

// agentBinary builds the agent once.
var agentBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tiercel-manifests")
	if err != nil {
		return "", err
	}
	binDir = dir
	bin := filepath.Join(dir, "tiercel")
	cmd := exec.Command("go", "build", "-C", Root, "-tags", "grpcnotrace", "-o", bin, "./agent/cmd/tiercel")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

var binDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if binDir != "" {
		os.RemoveAll(binDir)
	}
	os.Exit(code)
}

// The agent itself reads what the chart writes: no key is unknown, no rule is
// broken.
func TestAgentTakesTheConfiguration(t *testing.T) {
	bin, err := agentBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants(t) {
		o := v.render(t, NewestKube)
		if o.config == "" {
			continue
		}
		dir := t.TempDir()
		own := filepath.Join(dir, "rules.d")
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range o.rules {
			if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		shipped, err := filepath.Abs(Root + "/rules/default")
		if err != nil {
			t.Fatal(err)
		}
		config := strings.NewReplacer("/usr/share/tiercel/rules", shipped, "/etc/tiercel/rules.d", own).Replace(o.config)
		file := filepath.Join(dir, "tiercel.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bin, "-c", file, "--dry-run", "-o", "log_level=info")
		cmd.Env = append(os.Environ(), "POD_IP=192.0.2.7", "CLUSTER=east")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), file+" | schema validation: ok") {
			t.Errorf("%s: %v\n%s\n%s", v.name, err, out, config)
		}
		for name := range o.rules {
			if !strings.Contains(string(out), filepath.Join(own, name)+" | schema validation: ok") {
				t.Errorf("%s: rules %s were not read\n%s", v.name, name, out)
			}
		}
	}
}

func TestManifestsAreThoseOfTheChart(t *testing.T) {
	static, err := Static()
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(StaticDir + "/*")
	if len(names) != len(static) {
		t.Errorf("%d files, want %d", len(names), len(static))
	}
	for name, want := range static {
		if got, _ := os.ReadFile(filepath.Join(StaticDir, name)); string(got) != want {
			t.Errorf("%s is not what the chart gives: make generate-manifests", name)
		}
	}
	o := decode(t, Documents(static))
	for _, fault := range Faults(o.daemon, capabilitiesOf("modern_bpf", nil, capabilities{}), false) {
		t.Error(fault)
	}
	if o.all["Namespace/"+Namespace] == nil {
		t.Error("the namespace is missing")
	}
}

func TestReadmeHasAllValues(t *testing.T) {
	want, err := Readme()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(ChartDir + "/README.md"); string(got) != want {
		t.Error("the chart's README.md is not up to date: make generate-manifests")
	}
}

func TestHelmFindsNothingToSay(t *testing.T) {
	for _, m := range lint.All(ChartDir, nil, Namespace, true).Messages {
		if !strings.Contains(m.Error(), "icon is recommended") {
			t.Error(m)
		}
	}
}

func TestPackagedChartIsTheSameEachTime(t *testing.T) {
	read := func() string {
		file, err := Package(t.TempDir(), "1.2.3+x", time.Unix(1700000000, 0))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := loader.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := RenderChart(c, nil, NewestKube)
		if err != nil {
			t.Fatal(err)
		}
		if image := decode(t, Documents(rendered)).daemon.Spec.Template.Spec.Containers[0].Image; image != "ghcr.io/tiercel/tiercel:1.2.3-x" {
			t.Errorf("the chart runs %s", image)
		}
		return string(text)
	}
	if first, second := read(), read(); first != second {
		t.Error("the archive differs from one run to the next")
	}
}

// What is wrong with values is said when the chart is installed, not by a pod.
func TestWrongValuesAreRefused(t *testing.T) {
	c, err := loader.Load(ChartDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ name, values, want string }{
		{"a driver that does not exist", "driver: {kind: ebpf}", "driver"},
		{"a value that does not exist", "privileged: true", "privileged"},
		{"a misspelt value in a group", "metrics: {enable: true}", "enable"},
		{"a capability with its prefix", "capabilities: {extra: [CAP_SYS_ADMIN]}", "capabilities"},
		{"all capabilities", "capabilities: {extra: [ALL]}", "capabilities"},
		{"a rules file that would not be read", "rules: {custom: {notes.txt: x}}", "notes.txt"},
		{"a ring size that does not exist", "driver: {bufferPreset: 11}", "bufferPreset"},
		{"no web server for the health checks", "config: {webserver: {enabled: false}}", "health checks"},
		{"a monitor with nothing to scrape", "metrics: {serviceMonitor: {enabled: true}}", "metrics.enabled"},
		{"an address without a scheme", "outputs: {http: {url: example.org}}", "url"},
	} {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(v.values), &values); err != nil {
			t.Fatal(err)
		}
		if _, err := RenderChart(c, values, NewestKube); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: got %v, want %q in it", v.name, err, v.want)
		}
	}
}

// The policy finds what it is for: each change makes one fault.
func TestPolicyFindsFaults(t *testing.T) {
	yes := true
	for name, spoil := range map[string]func(*corev1.PodSpec){
		"shares namespaces":         func(p *corev1.PodSpec) { p.HostPID = true },
		"has a token":               func(p *corev1.PodSpec) { p.AutomountServiceAccountToken = &yes },
		"is privileged":             func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Privileged = &yes },
		"may gain privileges":       func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes },
		"may write its root":        func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.ReadOnlyRootFilesystem = nil },
		"may write /host/proc":      func(p *corev1.PodSpec) { writable(p, "proc") },
		"has the capabilities":      func(p *corev1.PodSpec) { addCapability(p, "SYS_ADMIN") },
		"has no seccomp profile":    func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.SeccompProfile = nil },
		"which is another one":      func(p *corev1.PodSpec) { p.Containers[0].Image = "tiercel:latest" },
		"opens port":                func(p *corev1.PodSpec) { p.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 1}} },
		"has no limit of memory":    func(p *corev1.PodSpec) { p.Containers[0].Resources.Limits = nil },
		"has no liveness probe":     func(p *corev1.PodSpec) { p.Containers[0].LivenessProbe = nil },
		"nobody mounts the volume":  func(p *corev1.PodSpec) { p.Volumes = append(p.Volumes, corev1.Volume{Name: "spare"}) },
		"which is no volume":        func(p *corev1.PodSpec) { p.Volumes = p.Volumes[1:] },
		"names all services":        func(p *corev1.PodSpec) { p.EnableServiceLinks = nil },
		"nodes that do not run":     func(p *corev1.PodSpec) { p.NodeSelector = nil },
		"keeps capabilities of the": func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Capabilities.Drop = nil },
	} {
		o := (&variant{}).render(t, NewestKube)
		spoil(&o.daemon.Spec.Template.Spec)
		faults := Faults(o.daemon, capabilitiesOf("modern_bpf", nil, capabilities{}), false)
		if len(faults) != 1 || !strings.Contains(faults[0], name) {
			t.Errorf("want one fault with %q, got %q", name, faults)
		}
	}
}

func writable(p *corev1.PodSpec, volume string) {
	mounts := p.Containers[0].VolumeMounts
	mounts[slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return m.Name == volume })].ReadOnly = false
}

func addCapability(p *corev1.PodSpec, c corev1.Capability) {
	caps := p.Containers[0].SecurityContext.Capabilities
	caps.Add = append(caps.Add, c)
}
