// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Values are texts, whatever YAML would make of them where they are written.
func TestValuesArriveAsTheyAre(t *testing.T) {
	rules := map[string]any{
		"1.yaml":         "    - list: indented\n      items: [a]\n",
		"no.yaml":        "- list: no_newline_at_the_end\n  items: [a]",
		"null.yaml":      "- list: ends_in_blank_lines\n  items: [a]\n\n\n",
		"template.yaml":  "- list: l\n  items: ['{{ .Values.image.tag }}', '${HOME}', \"it's # no comment\"]\n",
		"true.yml":       "\t# a tab, a \u2028 and a return\r\n- list: l\n  items: [a]\n",
		"documents.yaml": "---\n- list: l\n  items: [a]\n---\n- list: m\n  items: [b]\n",
		"empty.yaml":     "",
	}
	v := variant{name: "hostile", values: map[string]any{
		"image":             map[string]any{"tag": "1.0 # x"},
		"priorityClassName": "0123",
		"tmpSizeLimit":      "268435456",
		"driver":            map[string]any{"kind": "bpf", "buildDir": "/built, for {us} # here"},
		"hostMounts":        map[string]any{"runtimeDirs": []any{"/run/a, b", "/run/#c"}},
		"rules":             map[string]any{"custom": rules},
		"serviceAccount":    map[string]any{"create": false, "name": "1e3"},
		"outputs": map[string]any{"http": map[string]any{
			"url": "https://a.example/#x: y", "tokenSecret": map[string]any{"name": "true", "key": "1.0"}, "caSecret": map[string]any{"name": "007", "key": "null"},
		}},
	}}
	for _, kube := range []string{OldestKube, NewestKube} {
		o := v.render(t, kube)
		for name, want := range rules {
			if got, ok := o.rules[name]; !ok || got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		pod := o.daemon.Spec.Template.Spec
		got := []string{pod.Containers[0].Image, pod.PriorityClassName, pod.ServiceAccountName}
		for _, vol := range pod.Volumes {
			switch {
			case vol.HostPath != nil && vol.Name != "proc" && vol.Name != "etc":
				got = append(got, vol.HostPath.Path)
			case vol.Secret != nil:
				got = append(got, vol.Secret.SecretName, vol.Secret.Items[0].Key)
			case vol.EmptyDir != nil:
				got = append(got, vol.EmptyDir.SizeLimit.String())
			}
		}
		want := []string{"ghcr.io/tiercel/tiercel:1.0 # x", "0123", "1e3", "268435456", "/run/a, b", "/run/#c", "/built, for {us} # here", "true", "1.0", "007", "null"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// A driver to fall back to is worth nothing when the pod never gets to it.
func TestFallbackIsReached(t *testing.T) {
	for _, c := range []struct {
		values string
		loader []string // what the init container runs; none: there is no such container
		built  bool     // the agent sees what was built on the node
	}{
		{"driver: {kind: modern_bpf}", nil, false},
		{"driver: {kind: modern_bpf, fallback: [bpf]}", nil, true},
		{"driver: {kind: kmod}", []string{"driver", "load", "kmod"}, true},
		{"{driver: {kind: kmod, fallback: [modern_bpf]}, metrics: {enabled: true}, extraEnv: [{name: A, value: b}]}", []string{"driver", "load", "kmod", "--or-fallback"}, true},
		{"driver: {kind: kmod, fallback: [modern_bpf]}", []string{"driver", "load", "kmod", "--or-fallback"}, true},
	} {
		v := newVariant(t, c.values, []byte(c.values))
		pod := v.render(t, NewestKube).daemon.Spec.Template.Spec
		var loader []string
		for _, init := range pod.InitContainers {
			loader = init.Args
			if !mounts(&init, "/etc/tiercel/tiercel.yaml") {
				t.Errorf("%s: the loader does not see engine.fallback", c.values)
			}
			for _, e := range pod.Containers[0].Env { // the loader cannot read a configuration whose address is empty
				own := e.Name == "HOST_ROOT" || e.Name == "TIERCEL_HOSTNAME"
				if !own && !slices.ContainsFunc(init.Env, func(x corev1.EnvVar) bool { return x.Name == e.Name }) {
					t.Errorf("%s: the loader reads the configuration without ${%s}", c.values, e.Name)
				}
			}
		}
		if !slices.Equal(loader, c.loader) {
			t.Errorf("%s: the init container runs %q, want %q", c.values, loader, c.loader)
		}
		if got := mounts(&pod.Containers[0], "/var/lib/tiercel"); got != c.built {
			t.Errorf("%s: the agent sees built drivers: %v", c.values, got)
		}
	}
}

func mounts(c *corev1.Container, path string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path })
}

// What ends an agent, as broken rules do, is told where one looks first: by
// kubectl describe pod.
func TestPodTellsWhyItEnded(t *testing.T) {
	for _, v := range variants(t) {
		pod := v.render(t, NewestKube).daemon.Spec.Template.Spec
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
				t.Errorf("%s: container %s has no termination message", v.name, c.Name)
			}
		}
	}
}

// What the packages, the image and the chart say of repeated alerts is the same.
func TestRepeatedAlertsAreToldOnceEverywhere(t *testing.T) {
	type repeated struct {
		Duplicates struct {
			WindowMs int `json:"window_ms"`
			Fields   []string
		} `json:"duplicate_alerts"`
	}
	read := func(text string) (r repeated) {
		if err := yaml.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	image, err := os.ReadFile(Root + "/packaging/image/tiercel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := os.ReadFile(Root + "/packaging/build/stage.go")
	if err != nil {
		t.Fatal(err)
	}
	want := read(string(image))
	if got := read((&variant{}).render(t, NewestKube).config); want.Duplicates.WindowMs == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("the chart says %+v, the image %+v", got, want)
	}
	for _, text := range []string{
		fmt.Sprintf(`"duplicate_alerts.window_ms", Value: "%d"`, want.Duplicates.WindowMs),
		fmt.Sprintf(`"duplicate_alerts.fields", Value: "[%s]"`, strings.Join(want.Duplicates.Fields, ", ")),
	} {
		if !strings.Contains(string(packages), text) {
			t.Errorf("the packages do not say %s", text)
		}
	}
}
