// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/filter/glob"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Containers. The id follows from the control groups and is there at once;
// what only the runtime knows has no value until the runtime has answered.

// host is what names of the container print outside of any.
const host = "host"

func containerClass() Class {
	return Class{
		Name:      "container",
		ShortDesc: "the container that the thread runs in",
		Doc:       "The container that the thread runs in. The id is found in its control groups. What only the container runtime knows (name, image, mounts, labels) has no value until the runtime has answered: it is asked once, when the container is first seen.",
		Fields:    append(containerFields(), mountFields()...),
	}
}

func containerFields() []*Field {
	of := func(name string, get func(*container.Info) string, doc string) *Field {
		return text(name, ofInfo(get), doc).runtime()
	}
	flag := func(name string, get func(*container.Info) container.Tri, doc string) *Field {
		return boolean(name, triOf(get), doc).runtime()
	}
	return []*Field{
		text("container.id", containerID, "First 12 characters of the container's id; host outside containers."),
		text("container.full_id", containerFullID, "Whole id of the container; host outside containers."),
		text("container.name", containerName, "Name of the container; host outside containers.").runtime(),
		of("container.image", func(c *container.Info) string { return c.Image }, "Image of the container as its runtime names it."),
		of("container.image.id", func(c *container.Info) string { return c.ImageID }, "Id of the image."),
		text("container.type", containerType, "Runtime that made the container: docker, podman, cri, containerd, cri-o, lxc, libvirt-lxc, bpm; host outside containers.").runtime(),
		flag("container.privileged", func(c *container.Info) container.Tri { return c.Privileged }, "Whether the container may do all that the host may."),
		of("container.image.repository", func(c *container.Info) string { return c.ImageRepo }, "Image without tag and digest."),
		of("container.image.tag", func(c *container.Info) string { return c.ImageTag }, "Tag of the image."),
		of("container.image.digest", func(c *container.Info) string { return c.ImageDigest }, "Digest of the image in its registry."),
		text("container.healthcheck", nil, "").dead(),
		text("container.liveness_probe", nil, "").dead(),
		text("container.readiness_probe", nil, "").dead(),
		abstime("container.start_ts", containerStart, "Start of the container's first process, in nanoseconds since the epoch."),
		reltime("container.duration", containerDuration, "Nanoseconds from the start of the container to the event."),
		of("container.ip", func(c *container.Info) string { return c.IP }, "Address of the container: IPv4, or IPv6 when it has no other."),
		of("container.cni.json", func(c *container.Info) string { return c.CNIJSON }, "What the network plugin returned, as JSON."),
		flag("container.host_pid", func(c *container.Info) container.Tri { return c.HostPID }, "Whether the container shares the host's process ids."),
		flag("container.host_network", func(c *container.Info) container.Tri { return c.HostNetwork }, "Whether the container shares the host's network."),
		flag("container.host_ipc", func(c *container.Info) container.Tri { return c.HostIPC }, "Whether the container shares the host's IPC objects."),
		text("container.label", oneLabel(containerLabels), "One label of the container (container.label[key]).").key().required().runtime(),
		text("container.labels", allLabels(containerLabels, isContainer), "All labels as key:value, without those that Kubernetes adds for itself.").runtime(),
	}
}

func mountFields() []*Field {
	mount := func(name string, find mountFinder, show func([]byte, *container.Mount) []byte, doc string) *Field {
		return text(name, oneMount(find, show), doc).index().key().required().runtime()
	}
	return []*Field{
		text("container.mounts", allMounts, "All mounts as source:destination:mode:writable:propagation, separated by commas.").runtime(),
		mount("container.mount", bySource, appendMount, "One mount, by number or by a pattern of its source."),
		mount("container.mount.source", byDest, func(dst []byte, m *container.Mount) []byte { return append(dst, m.Source...) }, "Source of a mount, by number or by a pattern of its destination."),
		mount("container.mount.dest", bySource, func(dst []byte, m *container.Mount) []byte { return append(dst, m.Dest...) }, "Destination of a mount, by number or by a pattern of its source."),
		mount("container.mount.mode", bySource, func(dst []byte, m *container.Mount) []byte { return append(dst, m.Mode...) }, "Mode of a mount, by number or by a pattern of its source."),
		mount("container.mount.rdwr", bySource, func(dst []byte, m *container.Mount) []byte { return strconv.AppendBool(dst, m.RDWR) }, "true for a mount that may be written to, by number or by a pattern of its source."),
		mount("container.mount.propagation", bySource, func(dst []byte, m *container.Mount) []byte { return append(dst, m.Propagation...) }, "Propagation of a mount, by number or by a pattern of its source."),
	}
}

func healthClass() Class {
	probe := func(name string) *Field { return boolean(name, nil, "").dead() }
	return Class{
		Name:      "proc",
		ShortDesc: "health checks of containers",
		Doc:       "Kept so that old rules load.",
		Fields: []*Field{
			probe("proc.is_container_healthcheck"),
			probe("proc.is_container_liveness_probe"),
			probe("proc.is_container_readiness_probe"),
		},
	}
}

func k8sClass() Class {
	of := func(name string, get func(*container.Info) string, doc string) *Field {
		return text(name, ofInfo(get), doc).runtime()
	}
	uid := func(c *container.Info) string { return c.PodUID }
	fs := []*Field{
		of("k8s.pod.name", func(c *container.Info) string { return c.PodName }, "Name of the pod."),
		of("k8s.ns.name", func(c *container.Info) string { return c.PodNamespace }, "Namespace of the pod."),
		of("k8s.pod.id", uid, "Older name of k8s.pod.uid."),
		of("k8s.pod.uid", uid, "Unique id of the pod."),
		of("k8s.pod.sandbox_id", func(c *container.Info) string { return container.ShortID(c.PodSandboxID) }, "First 12 characters of the id of the pod's sandbox."),
		of("k8s.pod.full_sandbox_id", func(c *container.Info) string { return c.PodSandboxID }, "Whole id of the pod's sandbox."),
		text("k8s.pod.label", oneLabel(podLabels), "One label of the pod (k8s.pod.label[key]).").key().required().runtime(),
		text("k8s.pod.labels", allLabels(podLabels, isPod), "All labels of the pod as key:value, without those that Kubernetes adds for itself.").runtime(),
		of("k8s.pod.ip", func(c *container.Info) string { return c.PodIP }, "Address of the pod: IPv4, or IPv6 when it has no other."),
		of("k8s.pod.cni.json", func(c *container.Info) string { return c.PodCNIJSON }, "What the network plugin returned for the pod, as JSON."),
	}
	// Objects that a runtime knows nothing of.
	for _, kind := range []string{"rc", "svc", "ns", "rs", "deployment"} {
		gone := func(what string) *Field { return text("k8s."+kind+"."+what, nil, "").dead() }
		if kind != "ns" {
			fs = append(fs, gone("name"))
		}
		fs = append(fs, gone("id"), gone("label").key().required(), gone("labels"))
	}
	return Class{
		Name:      "k8s",
		ShortDesc: "the Kubernetes pod that the thread runs in",
		Doc:       "The Kubernetes pod that the thread runs in, as far as the container runtime knows it.",
		Fields:    fs,
	}
}

// infoOf is what the runtime told of the thread's container, or nil.
func infoOf(t *state.Thread) *container.Info {
	if t == nil {
		return nil
	}
	return t.Container().Info()
}

// ofInfo has no value for a text that the runtime left empty.
func ofInfo(get func(*container.Info) string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		c := infoOf(ev.Thread)
		if c == nil {
			return false
		}
		out.S = get(c)
		return out.S != ""
	}
}

func triOf(get func(*container.Info) container.Tri) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		c := infoOf(ev.Thread)
		if c == nil {
			return false
		}
		tri := get(c)
		out.setBool(tri.Yes())
		return tri.Known()
	}
}

// onHost reports whether the thread runs outside of containers, and whether
// that is known: a thread of which nothing could be learnt does not pass for
// one of the host.
func onHost(t *state.Thread) (yes, known bool) {
	if t == nil {
		return false, false
	}
	return t.OnHost()
}

// hostOr is get's text in a container and host outside.
func hostOr(get func(*state.Thread) string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		yes, known := onHost(ev.Thread)
		switch {
		case !known:
			return false
		case yes:
			return out.setText(host)
		}
		out.S = get(ev.Thread)
		return out.S != ""
	}
}

var (
	containerID     = hostOr(func(t *state.Thread) string { return t.ContainerID })
	containerFullID = hostOr(fullID)
	containerType   = hostOr(func(t *state.Thread) string {
		if c := t.Container(); c != nil {
			return c.Type().String()
		}
		return t.ContainerType.String()
	})
	containerName = hostOr(func(t *state.Thread) string {
		if c := infoOf(t); c != nil {
			return c.Name
		}
		return ""
	})
)

// fullID is that of the control group; a capture has it only in what the
// runtime told.
func fullID(t *state.Thread) string {
	if c := t.Container(); c != nil && c.FullID != "" {
		return c.FullID
	}
	if c := infoOf(t); c != nil {
		return c.FullID
	}
	return ""
}

func containerLabels(c *container.Info) container.Labels { return c.Labels }
func podLabels(c *container.Info) container.Labels       { return c.PodLabels }

func isContainer(*container.Info) bool { return true }
func isPod(c *container.Info) bool     { return c.PodSandboxID != "" || c.PodName != "" }

func oneLabel(get func(*container.Info) container.Labels) extractor {
	return func(ev *state.Event, arg *Arg, out *Value) bool {
		c := infoOf(ev.Thread)
		if c == nil {
			return false
		}
		s, ok := get(c).Get(arg.Text)
		out.S = s
		return ok
	}
}

// allLabels is empty, not missing, for what is known to have no labels.
func allLabels(get func(*container.Info) container.Labels, known func(*container.Info) bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		c := infoOf(ev.Thread)
		if c == nil || !known(c) {
			return false
		}
		from := len(ev.Arena)
		for _, l := range get(c) {
			if strings.HasPrefix(l.Key, "annotation.") || strings.HasPrefix(l.Key, "io.kubernetes.") {
				continue
			}
			if len(ev.Arena) > from {
				ev.Arena = append(ev.Arena, ", "...)
			}
			ev.Arena = append(ev.Arena, l.Key...)
			if l.Value != "" {
				ev.Arena = append(ev.Arena, ':')
				ev.Arena = append(ev.Arena, l.Value...)
			}
		}
		return out.setArena(ev, from)
	}
}

// mountFinder says which text of a mount a pattern is for.
type mountFinder func(*container.Mount) string

func bySource(m *container.Mount) string { return m.Source }
func byDest(m *container.Mount) string   { return m.Dest }

func oneMount(key mountFinder, show func([]byte, *container.Mount) []byte) extractor {
	return func(ev *state.Event, arg *Arg, out *Value) bool {
		c := infoOf(ev.Thread)
		if c == nil {
			return false
		}
		i := int(arg.Num)
		if !arg.IsNum {
			for i = 0; i < len(c.Mounts) && !glob.Match(arg.Text, key(&c.Mounts[i])); i++ {
			}
		}
		if i < 0 || i >= len(c.Mounts) {
			return false
		}
		from := len(ev.Arena)
		ev.Arena = show(ev.Arena, &c.Mounts[i])
		return out.setArena(ev, from)
	}
}

func allMounts(ev *state.Event, _ *Arg, out *Value) bool {
	c := infoOf(ev.Thread)
	if c == nil {
		return false
	}
	from := len(ev.Arena)
	for i := range c.Mounts {
		if i > 0 {
			ev.Arena = append(ev.Arena, ',')
		}
		ev.Arena = appendMount(ev.Arena, &c.Mounts[i])
	}
	return out.setArena(ev, from)
}

func appendMount(dst []byte, m *container.Mount) []byte {
	for _, s := range [...]string{m.Source, m.Dest, m.Mode} {
		dst = append(append(dst, s...), ':')
	}
	dst = append(strconv.AppendBool(dst, m.RDWR), ':')
	return append(dst, m.Propagation...)
}

func containerStart(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Thread == nil || ev.Thread.ContainerID == "" {
		return false
	}
	out.N = ev.Thread.PidnsInitStartTS
	return out.N != 0
}

func containerDuration(ev *state.Event, arg *Arg, out *Value) bool {
	if !containerStart(ev, arg, out) || ev.Timestamp() < out.N {
		return false
	}
	return out.setUint(ev.Timestamp() - out.N)
}

// utilClass holds what serves tests of filters.
func utilClass() Class {
	return Class{
		Name:      "util",
		ShortDesc: "for tests",
		Doc:       "For tests of filters.",
		Fields: []*Field{
			field("util.cnt", scap.PTUint64, scap.PFID, utilCount, "How often this field has been asked.").hidden(),
		},
	}
}
