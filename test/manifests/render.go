// SPDX-License-Identifier: Apache-2.0

// Package manifests checks what runs Tiercel in Kubernetes: the Helm chart over
// several values, and the manifests that are made of it. It renders with Helm's
// own library, decodes strictly into the types of the API, and holds every pod
// against the least privilege that its driver needs. A module of its own keeps
// Helm out of the agent's dependencies.
package manifests

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// Places in the repository.
const (
	Root       = "../.."
	ChartDir   = Root + "/packaging/helm/tiercel"
	StaticDir  = Root + "/packaging/kubernetes"
	Namespace  = "tiercel"
	NewestKube = "v1.36.0"
	OldestKube = "v1.25.0"
)

// Render renders the chart as `helm template tiercel` does: the text of each
// template that gives anything, by its name.
func Render(values map[string]any, kube string) (map[string]string, error) {
	c, err := loader.Load(filepath.FromSlash(ChartDir))
	if err != nil {
		return nil, err
	}
	return RenderChart(c, values, kube)
}

// RenderChart is Render for a chart that is loaded.
func RenderChart(c *chart.Chart, values map[string]any, kube string) (map[string]string, error) {
	version, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		return nil, err
	}
	caps := *chartutil.DefaultCapabilities
	caps.KubeVersion = *version
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "tiercel", Namespace: Namespace, IsInstall: true, Revision: 1}, &caps)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, text := range rendered {
		if strings.TrimSpace(text) != "" {
			out[path.Base(name)] = text
		}
	}
	return out, nil
}

// Documents are the objects of manifests, in the order of the files' names.
func Documents(rendered map[string]string) [][]byte {
	var docs [][]byte
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		for doc := range bytes.SplitSeq([]byte("\n"+rendered[name]), []byte("\n---\n")) {
			if len(bytes.TrimSpace(doc)) > 0 {
				docs = append(docs, doc)
			}
		}
	}
	return docs
}

// Static are the manifests for those who do not use Helm, by file name: the
// chart with its defaults, without what only Helm looks at.
func Static() (map[string]string, error) {
	rendered, err := Render(nil, NewestKube)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"00-namespace.yaml": namespace}
	for name, text := range rendered {
		if path.Ext(name) != ".yaml" {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "# SPDX-License-Identifier: Apache-2.0\n# Made of the chart in packaging/helm/tiercel: make generate-manifests.\n")
		for line := range strings.Lines(strings.TrimLeft(text, "\n")) {
			key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			if key != "helm.sh/chart" && key != "app.kubernetes.io/managed-by" && strings.TrimSpace(line) != "" {
				b.WriteString(line)
			}
		}
		order := map[string]string{"serviceaccount.yaml": "10-", "configmap.yaml": "20-", "daemonset.yaml": "30-"}[name]
		if order == "" {
			return nil, fmt.Errorf("%s has no place among the static manifests", name)
		}
		out[order+name] = b.String()
	}
	return out, nil
}

// namespace is a chart's user's own business; the static manifests bring one.
// The labels let pods in that may more than the baseline.
const namespace = `# SPDX-License-Identifier: Apache-2.0
# The agent sees the whole node: its namespace has to allow that, and should hold nothing else.
apiVersion: v1
kind: Namespace
metadata:
  name: ` + Namespace + `
  labels:
    app.kubernetes.io/name: tiercel
    pod-security.kubernetes.io/enforce: privileged
    pod-security.kubernetes.io/audit: privileged
    pod-security.kubernetes.io/warn: privileged
`
