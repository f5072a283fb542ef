// SPDX-License-Identifier: Apache-2.0

package state

import "strings"

// ContainerType is the runtime that made a container, with the numbers of the
// container events.
type ContainerType uint16

// Container runtimes.
const (
	ContainerDocker     ContainerType = 0
	ContainerLXC        ContainerType = 1
	ContainerLibvirtLXC ContainerType = 2
	ContainerCRI        ContainerType = 6
	ContainerContainerd ContainerType = 7
	ContainerCRIO       ContainerType = 8
	ContainerBPM        ContainerType = 9
	ContainerPodman     ContainerType = 11
	ContainerHost       ContainerType = 0xfffe
)

// String returns the name that container.type prints.
func (c ContainerType) String() string {
	switch c {
	case ContainerDocker:
		return "docker"
	case ContainerLXC:
		return "lxc"
	case ContainerLibvirtLXC:
		return "libvirt-lxc"
	case ContainerCRI:
		return "cri"
	case ContainerContainerd:
		return "containerd"
	case ContainerCRIO:
		return "cri-o"
	case ContainerBPM:
		return "bpm"
	case ContainerPodman:
		return "podman"
	case ContainerHost:
		return "host"
	}
	return "unknown"
}

// runcLayout is a place of a runc container's id in a cgroup path: behind the
// last prefix, up to the last suffix (or the end).
type runcLayout struct {
	typ            ContainerType
	prefix, suffix string
}

// The layouts in the order in which they are tried. Docker and Kubernetes
// without systemd share "/<id>"; kubepods in the path tells them apart.
var runcLayouts = []runcLayout{
	{ContainerPodman, "/libpod-", ".scope"},
	{ContainerPodman, "/libpod-", ".scope/container"},
	{ContainerPodman, "/libpod-", ""},
	{ContainerPodman, "/libpod-payload-", ".scope"},
	{ContainerPodman, "/libpod-payload-", ".scope/container"},
	{ContainerPodman, "/libpod-payload-", ""},
	{ContainerDocker, "/docker-", ".scope"},
	{ContainerCRIO, "/crio-", ".scope"},
	{ContainerCRIO, "/crio-", ""},
	{ContainerCRI, "/cri-containerd-", ".scope"},
	{ContainerCRI, ":cri-containerd:", ""},
	{ContainerContainerd, "/nerdctl-", ".scope"},
	{ContainerDocker, "/", ""},
}

// containerOf finds the container in a thread's cgroups ("subsystem=path"):
// the first path that fits a layout decides. ContainerHost and no id when none
// does.
func containerOf(cgroups []string) (id string, typ ContainerType) {
	for _, cg := range cgroups {
		_, path, ok := strings.Cut(cg, "=")
		if !ok {
			path = cg
		}
		if id, typ := containerOfPath(path); id != "" {
			return id, typ
		}
	}
	return "", ContainerHost
}

func containerOfPath(path string) (string, ContainerType) {
	for _, l := range runcLayouts {
		if id := runcID(path, l.prefix, l.suffix); id != "" {
			if l.typ == ContainerDocker && strings.Contains(path, "kubepods") {
				return id, ContainerCRI
			}
			return id, l.typ
		}
	}
	if id := libvirtName(path); id != "" {
		return id, ContainerLibvirtLXC
	}
	if id := lxcName(path); id != "" {
		return id, ContainerLXC
	}
	if id := bpmName(path); id != "" {
		return id, ContainerBPM
	}
	if id := ctrName(path); id != "" {
		return id, ContainerContainerd
	}
	return "", ContainerHost
}

// runcID returns the first 12 of the 64 hexadecimal digits between prefix and
// suffix.
func runcID(path, prefix, suffix string) string {
	if suffix != "" {
		i := strings.LastIndex(path, suffix)
		if i < 0 {
			return ""
		}
		path = path[:i]
	}
	i := strings.LastIndex(path, prefix)
	if i < 0 {
		return ""
	}
	id := path[i+len(prefix):]
	if len(id) != 64 || strings.Trim(id, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return id[:12]
}

func lxcName(path string) string {
	for _, p := range []string{"/lxc.payload/", "/lxc.payload.", "/lxc/"} {
		if _, name, ok := strings.Cut(path, p); ok {
			name, _, _ = strings.Cut(name, "/")
			return name
		}
	}
	return ""
}

func libvirtName(path string) string {
	if p, ok := strings.CutSuffix(path, ".libvirt-lxc"); ok {
		return p[strings.LastIndexByte(p, '/')+1:]
	}
	// systemd writes the dash of machine-lxc-NAME as \x2d.
	if _, name, ok := strings.Cut(path, `-lxc\x2`); ok && len(name) > 1 {
		for _, suffix := range []string{".scope", ".scope/libvirt"} {
			if n, ok := strings.CutSuffix(name[1:], suffix); ok {
				return n
			}
		}
	}
	if _, name, ok := strings.Cut(path, "/libvirt/lxc/"); ok {
		return name
	}
	return ""
}

func bpmName(path string) string {
	i := strings.LastIndex(path, "bpm-")
	if i < 0 {
		return ""
	}
	name, _, ok := strings.Cut(path[i+len("bpm-"):], ".scope")
	if !ok || !isName(name) {
		return ""
	}
	return name
}

// ctrName recognizes what plain containerd makes in its default namespace:
// /default/ID and nothing below. Any other two-part path may as well be a
// group that a service of the host made for itself, and a process of the host
// that passes for a container escapes the rules about hosts; ids of 64 digits
// are recognized in every namespace before this is asked.
func ctrName(path string) string {
	id, ok := strings.CutPrefix(path, "/default/")
	if !ok || len(id) > 64 || !isName(id) || hasUnitSuffix(id) {
		return ""
	}
	return id[:min(len(id), 12)]
}

func hasUnitSuffix(s string) bool {
	return strings.HasSuffix(s, ".service") || strings.HasSuffix(s, ".slice") || strings.HasSuffix(s, ".scope")
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return s != ""
}
