// SPDX-License-Identifier: Apache-2.0

package container

import (
	"net/netip"
	"slices"
	"strings"
)

// Info is what a runtime tells of a container. It never changes once it was
// handed over; a newer answer is a new Info.
type Info struct {
	Type   Type
	ID     string // first 12 characters of FullID
	FullID string
	Scope  string // containerd's namespace, where FullID is a name in it; not part of the JSON
	Name   string

	Image       string // as the runtime names it
	ImageID     string // without the name of the hash
	ImageRepo   string
	ImageTag    string
	ImageDigest string // sha256:...

	User    string // that the image or the command line asks for
	IP      string // primary IPv4 address, or the IPv6 address when there is no other
	CNIJSON string // what the network plugin returned

	Privileged  Tri
	HostPID     Tri // shares the host's namespace
	HostNetwork Tri
	HostIPC     Tri

	Labels Labels
	Env    []string // NAME=value
	Mounts []Mount
	Ports  []Port

	IsPodSandbox bool
	PodSandboxID string // whole id
	PodLabels    Labels // of the pod, without what the runtime adds
	PodIP        string
	PodCNIJSON   string
	PodName      string
	PodNamespace string
	PodUID       string

	MemoryLimit    int64 // bytes; 0 = none
	SwapLimit      int64 // bytes
	CPUShares      int64
	CPUQuota       int64 // µs in a period; 0 = none
	CPUPeriod      int64 // µs
	CPUSetCPUCount int64
	CreatedTime    int64 // seconds since the epoch; 0 = not known
	Size           int64 // bytes of its writable layer; -1 = not asked

	Healthcheck    *Probe
	LivenessProbe  *Probe
	ReadinessProbe *Probe
}

// Mount is a file system that the container sees from outside.
type Mount struct {
	Source, Dest, Mode, Propagation string
	RDWR                            bool
}

// Port is a port of the host that leads into the container.
type Port struct {
	HostIP        netip.Addr // not valid when not given
	HostPort      uint16
	ContainerPort uint16
}

// Probe is a command that checks on the container's health.
type Probe struct {
	Exe  string
	Args []string
}

// Label is one label.
type Label struct{ Key, Value string }

// Labels are sorted by their keys.
type Labels []Label

// Get returns the value of a label.
func (l Labels) Get(key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(l, key, func(a Label, k string) int { return strings.Compare(a.Key, k) })
	if !ok {
		return "", false
	}
	return l[i].Value, true
}

// Bounds of what is kept of one container, whoever tells it. A container's
// author chooses most of these texts.
const (
	maxLabels    = 256
	maxMounts    = 512
	maxEnv       = 512
	maxPorts     = 256
	maxArgs      = 64
	maxText      = 4096
	maxCNI       = 64 << 10
	maxKey       = 512
	shortID      = 12
	maxFullID    = 128
	labelPodName = "io.kubernetes.pod.name"
	labelPodNS   = "io.kubernetes.pod.namespace"
	labelPodUID  = "io.kubernetes.pod.uid"
	labelSandbox = "io.kubernetes.sandbox.id"
)

// MakeLabels sorts labels and leaves out those whose value has more than
// maxLen bytes (0: no bound beside ours).
func MakeLabels(m map[string]string, maxLen int) Labels {
	if len(m) == 0 {
		return nil
	}
	if maxLen <= 0 || maxLen > maxText*16 {
		maxLen = maxText * 16
	}
	l := make(Labels, 0, min(len(m), maxLabels))
	for k, v := range m {
		if len(k) <= maxKey && len(v) <= maxLen {
			l = append(l, Label{k, v})
		}
	}
	slices.SortFunc(l, func(a, b Label) int { return strings.Compare(a.Key, b.Key) })
	if len(l) > maxLabels {
		// Those that fields are made of stay, whatever else there is.
		kept, pod, others := l[:0], 0, 0
		for _, x := range l {
			n := &others
			if isPodLabel(x.Key) {
				n = &pod
			}
			if *n++; *n <= maxLabels {
				kept = append(kept, x)
			}
		}
		l = slices.Clone(kept)
	}
	return slices.Clip(l)
}

func isPodLabel(key string) bool { return strings.HasPrefix(key, "io.kubernetes.") }

// Finish derives what follows from the rest (short id, Kubernetes names, parts
// of the image's name) and bounds all texts. Whoever fills an Info calls it
// once, before anybody else sees it.
func (i *Info) Finish() {
	i.bound()
	if i.ID == "" {
		i.ID = ShortID(i.FullID)
	}
	if i.PodName == "" {
		i.PodName, _ = i.Labels.Get(labelPodName)
	}
	if i.PodNamespace == "" {
		i.PodNamespace, _ = i.Labels.Get(labelPodNS)
	}
	if i.PodUID == "" {
		i.PodUID, _ = i.Labels.Get(labelPodUID)
	}
	if i.PodSandboxID == "" {
		i.PodSandboxID, _ = i.Labels.Get(labelSandbox)
		if i.PodSandboxID == "" && i.IsPodSandbox {
			i.PodSandboxID = i.FullID
		}
	}
	if i.PodSandboxID != "" {
		// The containers of a pod share its network.
		if i.PodIP == "" {
			i.PodIP = i.IP
		}
		if i.PodCNIJSON == "" {
			i.PodCNIJSON = i.CNIJSON
		}
	}
	if i.ImageRepo == "" && i.Image != "" {
		repo, tag, digest := SplitImage(i.Image)
		i.ImageRepo = repo
		if i.ImageTag == "" {
			i.ImageTag = tag
		}
		if i.ImageDigest == "" {
			i.ImageDigest = digest
		}
	}
}

// withPod returns i with what it lacks of its pod's sandbox; i itself does not
// change.
func (i *Info) withPod(sandbox *Info) *Info {
	full := *i
	if full.PodIP == "" {
		full.PodIP = sandbox.IP
	}
	if full.PodCNIJSON == "" {
		full.PodCNIJSON = sandbox.CNIJSON
	}
	if len(full.PodLabels) == 0 {
		full.PodLabels = sandbox.PodLabels
	}
	return &full
}

func (i *Info) bound() {
	for _, s := range []*string{
		&i.Name, &i.Image, &i.ImageID, &i.ImageRepo, &i.ImageTag, &i.ImageDigest, &i.User, &i.IP, &i.PodIP,
		&i.PodName, &i.PodNamespace, &i.PodUID,
	} {
		*s = cut(*s, maxText)
	}
	i.ID, i.FullID, i.PodSandboxID = cut(i.ID, maxFullID), cut(i.FullID, maxFullID), cut(i.PodSandboxID, maxFullID)
	i.CNIJSON, i.PodCNIJSON = cut(i.CNIJSON, maxCNI), cut(i.PodCNIJSON, maxCNI)
	i.Mounts = head(i.Mounts, maxMounts)
	for n := range i.Mounts {
		m := &i.Mounts[n]
		m.Source, m.Dest, m.Mode, m.Propagation = cut(m.Source, maxText), cut(m.Dest, maxText), cut(m.Mode, maxKey), cut(m.Propagation, maxKey)
	}
	i.Ports = head(i.Ports, maxPorts)
	i.Env = cutAll(i.Env, maxEnv)
	for _, p := range []*Probe{i.Healthcheck, i.LivenessProbe, i.ReadinessProbe} {
		if p != nil {
			p.Exe, p.Args = cut(p.Exe, maxText), cutAll(p.Args, maxArgs)
		}
	}
}

// cut bounds a text at a whole character. What is cut off would keep its
// memory, so that the rest is copied.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:n], ""))
}

func cutAll(l []string, n int) []string {
	l = head(l, n)
	for i, s := range l {
		l[i] = cut(s, maxText)
	}
	return l
}

func head[T any](l []T, n int) []T {
	if len(l) <= n {
		return l
	}
	return slices.Clone(l[:n])
}

// ShortID returns the first 12 characters of an id.
func ShortID(full string) string { return full[:min(len(full), shortID)] }

// Addr returns IP as an address, not valid when there is none.
func (i *Info) Addr() netip.Addr {
	a, err := netip.ParseAddr(i.IP)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// SplitImage takes the name of an image apart: registry:5000/repo:tag@digest.
// The name of an image that is only known by its id has no parts.
func SplitImage(name string) (repo, tag, digest string) {
	if strings.HasPrefix(name, "sha256:") {
		return "", "", ""
	}
	repo, digest, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(repo, ':'); i >= 0 && !strings.Contains(repo[i:], "/") {
		repo, tag = repo[:i], repo[i+1:]
	}
	return repo, tag, digest
}
