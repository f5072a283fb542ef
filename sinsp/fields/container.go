// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Containers. The id follows from the control groups and is there at once;
// what only the runtime knows has no value until the runtime is asked.

// host is what names of the container print outside of any.
const host = "host"

func containerClass() Class {
	return Class{
		Name:      "container",
		ShortDesc: "the container that the thread runs in",
		Doc:       "The container that the thread runs in. The id is found in its control groups. What only the container runtime knows (name, image, mounts, labels) has no value until that is available.",
		Fields:    append(containerFields(), mountFields()...),
	}
}

func containerFields() []*Field {
	return []*Field{
		text("container.id", containerID, "First 12 characters of the container's id; host outside containers."),
		text("container.full_id", hostOnly, "Whole id of the container; host outside containers."),
		text("container.name", hostOnly, "Name of the container; host outside containers."),
		text("container.image", nil, "Image of the container as its runtime names it."),
		text("container.image.id", nil, "Id of the image."),
		text("container.type", containerType, "Runtime that made the container: docker, podman, cri, containerd, cri-o, lxc, libvirt-lxc, bpm; host outside containers."),
		boolean("container.privileged", nil, "Whether the container may do all that the host may."),
		text("container.image.repository", nil, "Image without tag and digest."),
		text("container.image.tag", nil, "Tag of the image."),
		text("container.image.digest", nil, "Digest of the image in its registry."),
		text("container.healthcheck", nil, "Never has a value.").deprecated(),
		text("container.liveness_probe", nil, "Never has a value.").deprecated(),
		text("container.readiness_probe", nil, "Never has a value.").deprecated(),
		abstime("container.start_ts", containerStart, "Start of the container's first process, in nanoseconds since the epoch."),
		reltime("container.duration", containerDuration, "Nanoseconds from the start of the container to the event."),
		text("container.ip", nil, "IPv4 address of the container."),
		text("container.cni.json", nil, "What the network plugin returned, as JSON."),
		boolean("container.host_pid", nil, "Whether the container shares the host's process ids."),
		boolean("container.host_network", nil, "Whether the container shares the host's network."),
		boolean("container.host_ipc", nil, "Whether the container shares the host's IPC objects."),
		text("container.label", nil, "One label of the container (container.label[key]).").key().required(),
		text("container.labels", nil, "All labels as key:value."),
	}
}

func mountFields() []*Field {
	mount := func(name, doc string) *Field { return text(name, nil, doc).index().key().required() }
	return []*Field{
		text("container.mounts", nil, "All mounts as source:destination:mode:writable:propagation."),
		mount("container.mount", "One mount, by number or by a pattern of its source."),
		mount("container.mount.source", "Source of a mount, by number or by a pattern of its destination."),
		mount("container.mount.dest", "Destination of a mount, by number or by a pattern of its source."),
		mount("container.mount.mode", "Mode of a mount, by number or by a pattern of its source."),
		mount("container.mount.rdwr", "true for a mount that may be written to, by number or by a pattern of its source."),
		mount("container.mount.propagation", "Propagation of a mount, by number or by a pattern of its source."),
	}
}

func healthClass() Class {
	probe := func(name string) *Field { return boolean(name, nil, "Never has a value.").deprecated() }
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
	fs := []*Field{
		text("k8s.pod.name", nil, "Name of the pod."),
		text("k8s.ns.name", nil, "Namespace of the pod."),
		text("k8s.pod.id", nil, "Older name of k8s.pod.uid."),
		text("k8s.pod.uid", nil, "Unique id of the pod."),
		text("k8s.pod.sandbox_id", nil, "First 12 characters of the id of the pod's sandbox."),
		text("k8s.pod.full_sandbox_id", nil, "Whole id of the pod's sandbox."),
		text("k8s.pod.label", nil, "One label of the pod (k8s.pod.label[key]).").key().required(),
		text("k8s.pod.labels", nil, "All labels of the pod as key:value."),
		text("k8s.pod.ip", nil, "IPv4 address of the pod."),
		text("k8s.pod.cni.json", nil, "What the network plugin returned for the pod, as JSON."),
	}
	// Objects that a runtime knows nothing of.
	for _, kind := range []string{"rc", "svc", "ns", "rs", "deployment"} {
		gone := func(what string) *Field { return text("k8s."+kind+"."+what, nil, "Never has a value.").deprecated() }
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

// onHost reports whether the thread runs outside of containers. Of a thread
// that nothing could be learnt of, nobody can say: known is false then, so that
// it does not pass for one of the host.
func onHost(t *state.Thread) (yes, known bool) {
	switch {
	case t == nil:
		return false, false
	case t.ContainerID != "":
		return false, true
	}
	return true, !t.Uncertain() || len(t.Cgroups) > 0
}

func containerID(ev *state.Event, _ *Arg, out *Value) bool {
	yes, known := onHost(ev.Thread)
	switch {
	case !known:
		return false
	case yes:
		return out.setText(host)
	}
	return out.setText(ev.Thread.ContainerID)
}

// hostOnly has a value only outside containers; inside it takes the runtime.
func hostOnly(ev *state.Event, _ *Arg, out *Value) bool {
	yes, known := onHost(ev.Thread)
	return yes && known && out.setText(host)
}

func containerType(ev *state.Event, _ *Arg, out *Value) bool {
	yes, known := onHost(ev.Thread)
	switch {
	case !known:
		return false
	case yes:
		return out.setText(host)
	}
	return out.setText(ev.Thread.ContainerType.String())
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
