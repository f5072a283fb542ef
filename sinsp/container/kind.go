// SPDX-License-Identifier: Apache-2.0

package container

// Type is the runtime that made a container, with the numbers of the container
// events in captures.
type Type uint16

// Container runtimes. Mesos and rkt are found in old captures only; Nspawn has
// a number of ours.
const (
	Docker     Type = 0
	LXC        Type = 1
	LibvirtLXC Type = 2
	Mesos      Type = 3
	Rkt        Type = 4
	Custom     Type = 5
	CRI        Type = 6
	Containerd Type = 7
	CRIO       Type = 8
	BPM        Type = 9
	Static     Type = 10
	Podman     Type = 11
	Nspawn     Type = 12
	Host       Type = 0xfffe
	Unknown    Type = 0xffff
)

var typeNames = [...]string{
	Docker: "docker", LXC: "lxc", LibvirtLXC: "libvirt-lxc", Mesos: "mesos", Rkt: "rkt", Custom: "custom",
	CRI: "cri", Containerd: "containerd", CRIO: "cri-o", BPM: "bpm", Static: "static", Podman: "podman",
	Nspawn: "systemd-nspawn",
}

// String returns the name that container.type prints.
func (t Type) String() string {
	switch {
	case int(t) < len(typeNames):
		return typeNames[t]
	case t == Host:
		return "host"
	}
	return "unknown"
}

// asked reports whether a runtime knows more of such a container than its
// control group says.
func (t Type) asked() bool {
	switch t {
	case Docker, CRI, Containerd, CRIO, Podman:
		return true
	}
	return false
}

// Tri is a yes or no that may not be known.
type Tri uint8

// The values of a Tri. The zero value is the one that claims nothing.
const (
	NotKnown Tri = iota
	No
	Yes
)

// TriOf returns the Tri of a known value.
func TriOf(yes bool) Tri {
	if yes {
		return Yes
	}
	return No
}

// Known reports whether the value is known.
func (t Tri) Known() bool { return t != NotKnown }

// Yes reports whether the value is known to be true.
func (t Tri) Yes() bool { return t == Yes }
