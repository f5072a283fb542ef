// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Faults are what a DaemonSet of the chart may not be. The agent gets these
// capabilities and no others; only the driver kmod needs a privileged container.
func Faults(ds *appsv1.DaemonSet, want []corev1.Capability, kmod bool) []string {
	var faults []string
	bad := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	pod := ds.Spec.Template.Spec
	bad(pod.HostNetwork || pod.HostPID || pod.HostIPC, "the pod shares namespaces of the host")
	bad(pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken, "the pod has a token for the API server")
	bad(pod.EnableServiceLinks == nil || *pod.EnableServiceLinks, "the pod's environment names all services")
	bad(len(pod.NodeSelector) == 0, "the pod may go to nodes that do not run Linux")
	sources := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		bad(sources[v.Name].Name != "", "there are two volumes %s", v.Name)
		sources[v.Name] = v
		bad(v.EmptyDir != nil && v.EmptyDir.SizeLimit == nil && v.Name == "tmp", "volume %s has no limit", v.Name)
	}
	used := map[string]bool{}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, m := range c.VolumeMounts {
			used[m.Name] = true
			source, there := sources[m.Name]
			bad(!there, "container %s mounts %s, which is no volume", c.Name, m.Name)
			bad(source.HostPath != nil && !m.ReadOnly, "container %s may write %s of the host", c.Name, m.MountPath)
		}
		faults = append(faults, containerFaults(&c, want, kmod)...)
	}
	for name := range sources {
		bad(!used[name], "nobody mounts the volume %s", name)
	}
	return faults
}

func containerFaults(c *corev1.Container, want []corev1.Capability, kmod bool) []string {
	var faults []string
	bad := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, "container "+c.Name+" "+fmt.Sprintf(format, args...))
		}
	}
	s := c.SecurityContext
	if s == nil {
		return []string{"container " + c.Name + " has no security context"}
	}
	agent := c.Name == "tiercel"
	bad(s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem, "may write its root")
	for _, p := range c.Ports {
		bad(p.HostPort != 0, "opens port %d of the host", p.HostPort)
	}
	bad(strings.HasSuffix(c.Image, ":latest") || !strings.ContainsAny(c.Image, ":@"), "runs %s, which is another one tomorrow", c.Image)
	if agent {
		bad(c.StartupProbe == nil || c.StartupProbe.Exec == nil, "has no startup probe of its own")
		bad(c.LivenessProbe == nil || c.LivenessProbe.Exec == nil, "has no liveness probe of its own")
		bad(c.Resources.Limits.Memory().IsZero(), "has no limit of memory")
	}
	if kmod && agent {
		bad(s.Privileged == nil || !*s.Privileged, "cannot open the module's devices")
		// The API server refuses these two together.
		bad(s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, "is privileged and may not be")
		return faults
	}
	bad(s.Privileged != nil && *s.Privileged, "is privileged")
	bad(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "may gain privileges")
	bad(s.SeccompProfile == nil, "has no seccomp profile")
	if !agent {
		want = []corev1.Capability{"SYS_MODULE"}
	}
	if s.Capabilities == nil {
		return append(faults, "container "+c.Name+" has the runtime's capabilities")
	}
	bad(!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), "keeps capabilities of the runtime")
	bad(!slices.Equal(s.Capabilities.Add, want), "has the capabilities %v, and needs %v", s.Capabilities.Add, want)
	return faults
}
