// SPDX-License-Identifier: Apache-2.0

package container

import (
	"strings"
	"testing"
)

func TestContainerOfCgroup(t *testing.T) {
	id := "a1b2c3d4e5f6" + strings.Repeat("0123456789abc", 4)
	const short = "a1b2c3d4e5f6"
	other := strings.Repeat("0f", 32)
	if len(id) != 64 {
		t.Fatal("the id of this test must have 64 digits")
	}
	tests := []struct {
		path string
		id   string
		typ  Type
	}{
		{"/docker/" + id, short, Docker},
		{"/system.slice/docker-" + id + ".scope", short, Docker},
		{"/docker/" + id + "/init.scope", short, Docker}, // systemd in a container
		{"/system.slice/docker-" + id + ".scope/system.slice/x.service", short, Docker},
		{"/docker/" + other + "/docker/" + id, short, Docker}, // Docker in Docker
		{"/docker/" + other + "/kubelet/kubepods/besteffort/pod1/" + id, short, CRI},
		{"/../" + id, short, Docker}, // from within a cgroup namespace
		{"/../docker-" + id + ".scope", short, Docker},
		{"/user.slice/user-1000.slice/session-2.scope/" + id, short, Podman},
		{"/user.slice/user-1000.slice/user@1000.service/podman-77.scope/" + id, short, Podman},
		{"/user.slice/user-1000.slice/session-2.scope/docker/" + id, short, Docker},
		{"/machine.slice/libpod-conmon-" + id + ".scope", "", Host}, // its monitor is not in it
		{"/machine.slice/crio-conmon-" + id + ".scope", "", Host},
		{"/default/" + id, short, Containerd},
		{"/prod/web", "web", Containerd},
		{"/prod/web/below", "web", Containerd},
		{"/prodx/web", "", Host},
		{"/default/web/below", "", Host}, // the namespace is not confirmed
		{"/default/ssh.service", "", Host},
		{"/machine.slice/machine-box.scope/payload", "box", Nspawn},
		{"/machine.slice/systemd-nspawn@my\\x2dbox.service/payload/init.scope", "my-box", Nspawn},
		{"/machine.slice/machine-box.scope/supervisor", "", Host},
		{`/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator`, "", Host},
		{"/libvirt/lxc/box/init.scope", "box", LibvirtLXC},
		{"/machine.slice/libpod-" + id + ".scope", short, Podman},
		{"/machine.slice/libpod-" + id + ".scope/container", short, Podman},
		{"/libpod_parent/libpod-" + id, short, Podman},
		{"/machine.slice/libpod-payload-" + id, short, Podman},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", short, Podman},
		{"/kubepods/burstable/podcafe/" + id, short, CRI},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope", short, CRI},
		{"/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:" + id, short, CRI},
		{"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope", short, CRIO},
		{"/kubepods/burstable/podcafe/crio-" + id, short, CRIO},
		{"/system.slice/nerdctl-" + id + ".scope", short, Containerd},
		{"/default/mybox", "mybox", Containerd},
		{"/default/averyveryverylongname", "averyveryver", Containerd},
		{"/service_api/0123456789abcdef0123456789abcdef", "", Host}, // a service's own group
		{"/lxc/web", "web", LXC},
		{"/lxc/web/init.scope", "web", LXC},
		{"/lxc.payload.web/system.slice", "web", LXC},
		{"/lxc.payload/web", "web", LXC},
		{"/machine/box.libvirt-lxc", "box", LibvirtLXC},
		{`/machine.slice/machine-lxc\x2d12\x2dbox.scope`, `12\x2dbox`, LibvirtLXC},
		{"/libvirt/lxc/box", "box", LibvirtLXC},
		{"/system.slice/runc-bpm-nats.scope", "nats", BPM},
		{"/", "", Host},
		{"/init.scope", "", Host},
		{"/system.slice/ssh.service", "", Host},
		{"/user.slice/user-1000.slice/session-1.scope", "", Host},
		{"/kubepods/podcafe", "", Host},
		{"/a/b/c", "", Host},
		{"/docker/" + id[:63], "", Host}, // not an id
		{"", "", Host},
	}
	namespaces := []string{"prod"}
	for _, tt := range tests {
		m := identify(tt.path, &Engines{}, namespaces)
		if m.id != tt.id || m.typ != tt.typ {
			t.Errorf("%s: got %q %v, want %q %v", tt.path, m.id, m.typ, tt.id, tt.typ)
		}
		if tt.id != "" && !strings.HasPrefix(m.fullID, tt.id) {
			t.Errorf("%s: full id %q", tt.path, m.fullID)
		}
	}
}

func TestSwitchedOffEnginesFindNothing(t *testing.T) {
	id := strings.Repeat("ab", 32)
	off := Engines{NoPodman: true, NoDocker: true, NoCRI: true, NoContainerd: true, NoLXC: true, NoLibvirtLXC: true, NoBPM: true, NoNspawn: true}
	for _, path := range []string{
		"/docker/" + id, "/machine.slice/libpod-" + id + ".scope", "/kubepods/pod1/" + id, "/crio-" + id, "/default/x", "/lxc/x",
		"/libvirt/lxc/x", "/bpm-x.scope", "/machine.slice/machine-x.scope/payload",
	} {
		if m := identify(path, &off, nil); m.id != "" {
			t.Errorf("%s: %q %v", path, m.id, m.typ)
		}
		if m := identify(path, &Engines{}, nil); m.id == "" {
			t.Errorf("%s: not found with all engines", path)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	for _, s := range []string{"/docker/" + strings.Repeat("ab", 32), "/lxc/a/b", "/machine.slice/machine-lxc\\x2d1\\x2da.scope", "/default/x", "/a/payload/b", "//", "bpm-.scope"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		m := identify(path, &Engines{}, []string{"prod"})
		if (m.id == "") != (m.typ == Host) {
			t.Fatalf("%q: id %q with type %v", path, m.id, m.typ)
		}
		if len(m.id) > 255 || strings.Contains(m.id, "/") {
			t.Fatalf("%q: id %q", path, m.id)
		}
	})
}
