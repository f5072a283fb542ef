// SPDX-License-Identifier: Apache-2.0

package container

import "strings"

// Engines says which kinds of containers are looked for. The zero value looks
// for all.
type Engines struct {
	NoPodman, NoDocker, NoCRI, NoContainerd, NoLXC, NoLibvirtLXC, NoBPM, NoNspawn bool
}

// runcLayout is a place of a runc container's id in a cgroup path: behind the
// last prefix, up to the last suffix (or the end).
type runcLayout struct {
	typ            Type
	prefix, suffix string
}

// The layouts in the order in which they are tried. Docker and Kubernetes
// without systemd share "/<id>"; the rest of the path tells them apart.
var runcLayouts = []runcLayout{
	{Podman, "/libpod-", ".scope"},
	{Podman, "/libpod-", ".scope/container"},
	{Podman, "/libpod-", ""},
	{Podman, "/libpod-payload-", ".scope"},
	{Podman, "/libpod-payload-", ".scope/container"},
	{Podman, "/libpod-payload-", ""},
	{Docker, "/docker-", ".scope"},
	{CRIO, "/crio-", ".scope"},
	{CRIO, "/crio-", ""},
	{CRI, "/cri-containerd-", ".scope"},
	{CRI, ":cri-containerd:", ""},
	{Containerd, "/nerdctl-", ".scope"},
	{Docker, "/", ""},
}

// match is what a cgroup path says of a container.
type match struct {
	typ    Type
	id     string // as container.id prints it; empty on the host
	fullID string // the digits or the name in the path
	scope  string // containerd's namespace, where the id is a name in it
}

// identify finds the container that a cgroup path belongs to. namespaces are
// those of containerd beside the default one.
//
// A process may make groups below its container's: what runs in them is in the
// container too. So the path is looked at first as a whole, in the order of
// the engines, and then its parents, for the layouts with an id of 64 digits
// or a unit that nothing but a container has.
func identify(path string, e *Engines, namespaces []string) match {
	if m := identifyRunc(path, e); m.id != "" {
		return m
	}
	if m := identifyNamed(path, e, namespaces); m.id != "" {
		return m
	}
	for n := 0; n < maxDepth; n++ {
		i := strings.LastIndexByte(path, '/')
		if i <= 0 {
			break
		}
		path = path[:i]
		if m := identifyRunc(path, e); m.id != "" {
			return m
		}
		if name := libvirtName(path); name != "" && !e.NoLibvirtLXC {
			return match{typ: LibvirtLXC, id: name, fullID: name}
		}
	}
	return match{typ: Host}
}

// maxDepth bounds the walk to the parents of a path.
const maxDepth = 32

func identifyRunc(path string, e *Engines) match {
	for _, l := range runcLayouts {
		full := runcID(path, l.prefix, l.suffix)
		if full == "" {
			continue
		}
		if l.prefix == "/" {
			l.typ = bareType(path)
		}
		if !e.has(l.typ) {
			continue
		}
		return match{typ: l.typ, id: ShortID(full), fullID: full}
	}
	return match{}
}

// bareType tells who made a group that has nothing but an id as its name.
func bareType(path string) Type {
	parent := path[:strings.LastIndexByte(path, '/')]
	switch last := parent[strings.LastIndexByte(parent, '/')+1:]; {
	case strings.Contains(path, "kubepods"):
		return CRI
	case last == "docker":
		return Docker
	case parent == "/default":
		return Containerd // nerdctl with cgroupfs
	case strings.HasPrefix(last, "podman-") && strings.HasSuffix(last, ".scope"), belowUserSlice(path):
		return Podman // rootless, with cgroupfs
	}
	return Docker
}

// belowUserSlice reports whether a path begins with the groups of a logged in
// user.
func belowUserSlice(path string) bool {
	rest, ok := strings.CutPrefix(path, "/user.slice/user-")
	if !ok {
		return false
	}
	uid, _, ok := strings.Cut(rest, ".slice/")
	return ok && uid != "" && strings.Trim(uid, "0123456789") == ""
}

func (e *Engines) has(t Type) bool {
	switch t {
	case Podman:
		return !e.NoPodman
	case Docker:
		return !e.NoDocker
	case CRI, CRIO:
		return !e.NoCRI
	case Containerd:
		return !e.NoContainerd
	}
	return true
}

// identifyNamed looks for the engines whose containers have names.
func identifyNamed(path string, e *Engines, namespaces []string) match {
	if name := lxcName(path); name != "" && !e.NoLXC {
		return match{typ: LXC, id: name, fullID: name}
	}
	if name := libvirtName(path); name != "" && !e.NoLibvirtLXC {
		return match{typ: LibvirtLXC, id: name, fullID: name}
	}
	if name := bpmName(path); name != "" && !e.NoBPM {
		return match{typ: BPM, id: name, fullID: name}
	}
	if name := nspawnName(path); name != "" && !e.NoNspawn {
		return match{typ: Nspawn, id: name, fullID: name}
	}
	if ns, name := ctrName(path, namespaces); name != "" && !e.NoContainerd {
		return match{typ: Containerd, id: ShortID(name), fullID: name, scope: ns}
	}
	return match{}
}

// runcID returns the 64 hexadecimal digits between prefix and suffix.
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
	return id
}

func lxcName(path string) string {
	for _, p := range []string{"/lxc.payload/", "/lxc.payload.", "/lxc/"} {
		if _, name, ok := strings.Cut(path, p); ok {
			name, _, _ = strings.Cut(name, "/")
			if p == "/lxc/" && strings.HasSuffix(path[:strings.Index(path, p)], "/libvirt") {
				return "" // libvirt's
			}
			return bounded(name)
		}
	}
	return ""
}

func libvirtName(path string) string {
	if p, ok := strings.CutSuffix(path, ".libvirt-lxc"); ok {
		return bounded(p[strings.LastIndexByte(p, '/')+1:])
	}
	// systemd writes the dash of machine-lxc-NAME as \x2d.
	if _, name, ok := strings.Cut(path, `-lxc\x2`); ok && len(name) > 1 {
		for _, suffix := range []string{".scope", ".scope/libvirt"} {
			if n, ok := strings.CutSuffix(name[1:], suffix); ok && bounded(n) != "" {
				return n
			}
		}
	}
	if _, name, ok := strings.Cut(path, "/libvirt/lxc/"); ok {
		name, _, _ = strings.Cut(name, "/")
		return bounded(name)
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
	return bounded(name)
}

// nspawnName returns the name of a systemd-nspawn container. Its processes are
// in the group payload of its unit, its supervisor beside it; virtual machines
// that machined knows have no such group.
func nspawnName(path string) string {
	unit, _, ok := strings.Cut(path+"/", "/payload/")
	if !ok {
		return ""
	}
	unit = unit[strings.LastIndexByte(unit, '/')+1:]
	for _, form := range [][2]string{{"machine-", ".scope"}, {"systemd-nspawn@", ".service"}} {
		if name, ok := strings.CutPrefix(unit, form[0]); ok {
			if name, ok = strings.CutSuffix(name, form[1]); ok {
				return bounded(strings.ReplaceAll(name, `\x2d`, "-"))
			}
		}
	}
	return ""
}

// ctrName recognizes what plain containerd makes: /NAMESPACE/ID, in the default
// namespace and in those that the runtime itself lists. Any other two-part path
// may as well be a group that a service of the host made for itself, and a
// process of the host that passes for a container escapes the rules about
// hosts; ids of 64 digits are recognized in every namespace before this is
// asked. In a namespace that the runtime confirmed, groups below count as well.
func ctrName(path string, namespaces []string) (ns, id string) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return "", ""
	}
	ns, id, ok = strings.Cut(rest, "/")
	if !ok {
		return "", ""
	}
	confirmed := false
	for _, n := range namespaces {
		confirmed = confirmed || n == ns
	}
	if confirmed {
		id, _, _ = strings.Cut(id, "/")
	} else if ns != "default" {
		return "", ""
	}
	if len(id) > 64 || !isName(id) || hasUnitSuffix(id) {
		return "", ""
	}
	return ns, id
}

func hasUnitSuffix(s string) bool {
	return strings.HasSuffix(s, ".service") || strings.HasSuffix(s, ".slice") || strings.HasSuffix(s, ".scope")
}

// bounded refuses what no engine takes as a name: it is that of a file, too.
func bounded(name string) string {
	if len(name) > 255 || strings.Contains(name, "/") {
		return ""
	}
	return name
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
