// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/binary"
	"encoding/json"

	"github.com/tiercel/tiercel/scap"
)

// The names of asynchronous events that carry containers.
const (
	EventName        = "container"
	EventNameRemoved = "container_removed"
)

// document is the JSON text of a container, in the order in which captures
// have it.
type document struct {
	Container record `json:"container"`
}

type record struct {
	Type             Type              `json:"type"`
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Image            string            `json:"image"`
	ImageDigest      string            `json:"imagedigest"`
	ImageID          string            `json:"imageid"`
	ImageRepo        string            `json:"imagerepo"`
	ImageTag         string            `json:"imagetag"`
	User             string            `json:"User"`
	CNIJSON          string            `json:"cni_json"`
	CPUPeriod        int64             `json:"cpu_period"`
	CPUQuota         int64             `json:"cpu_quota"`
	CPUShares        int64             `json:"cpu_shares"`
	CPUSetCPUCount   int64             `json:"cpuset_cpu_count"`
	CreatedTime      int64             `json:"created_time"`
	Env              []string          `json:"env"`
	FullID           string            `json:"full_id"`
	HostIPC          *bool             `json:"host_ipc,omitempty"`
	HostNetwork      *bool             `json:"host_network,omitempty"`
	HostPID          *bool             `json:"host_pid,omitempty"`
	IP               string            `json:"ip"`
	Size             int64             `json:"size"`
	IsPodSandbox     bool              `json:"is_pod_sandbox"`
	Labels           map[string]string `json:"labels"`
	MemoryLimit      int64             `json:"memory_limit"`
	SwapLimit        int64             `json:"swap_limit"`
	PodSandboxID     string            `json:"pod_sandbox_id"`
	Privileged       *bool             `json:"privileged,omitempty"`
	PodSandboxLabels map[string]string `json:"pod_sandbox_labels"`
	Ports            []port            `json:"port_mappings"`
	Mounts           []mount           `json:"Mounts"`
	Healthcheck      *probe            `json:"Healthcheck,omitempty"`
	LivenessProbe    *probe            `json:"LivenessProbe,omitempty"`
	ReadinessProbe   *probe            `json:"ReadinessProbe,omitempty"`
}

type mount struct {
	Source, Destination, Mode string
	RW                        bool
	Propagation               string
}

type port struct {
	HostIP        uint32 `json:"HostIp"`
	HostPort      uint16
	ContainerPort uint16
}

type probe struct {
	Exe  string   `json:"exe"`
	Args []string `json:"args"`
}

// AppendJSON appends the JSON text of i, as Parse reads it and as captures of
// the reference have it. What is not known is left out where a text or number
// cannot say so.
func (i *Info) AppendJSON(dst []byte) []byte {
	d := document{record{
		Type: i.Type, ID: i.ID, Name: i.Name, Image: i.Image, ImageDigest: i.ImageDigest, ImageID: i.ImageID,
		ImageRepo: i.ImageRepo, ImageTag: i.ImageTag, User: i.User, CNIJSON: i.CNIJSON,
		CPUPeriod: i.CPUPeriod, CPUQuota: i.CPUQuota, CPUShares: i.CPUShares, CPUSetCPUCount: i.CPUSetCPUCount,
		CreatedTime: i.CreatedTime, Env: notNil(i.Env), FullID: i.FullID,
		HostIPC: i.HostIPC.ptr(), HostNetwork: i.HostNetwork.ptr(), HostPID: i.HostPID.ptr(), Privileged: i.Privileged.ptr(),
		IP: i.IP, Size: i.Size, IsPodSandbox: i.IsPodSandbox, Labels: i.allLabels(),
		MemoryLimit: i.MemoryLimit, SwapLimit: i.SwapLimit, PodSandboxID: i.PodSandboxID, PodSandboxLabels: i.PodLabels.asMap(),
		Ports: make([]port, 0, len(i.Ports)), Mounts: make([]mount, 0, len(i.Mounts)),
		Healthcheck: i.Healthcheck.out(), LivenessProbe: i.LivenessProbe.out(), ReadinessProbe: i.ReadinessProbe.out(),
	}}
	for _, p := range i.Ports {
		out := port{HostPort: p.HostPort, ContainerPort: p.ContainerPort}
		if p.HostIP.Is4() {
			b := p.HostIP.As4()
			out.HostIP = binary.BigEndian.Uint32(b[:])
		}
		d.Container.Ports = append(d.Container.Ports, out)
	}
	for _, m := range i.Mounts {
		d.Container.Mounts = append(d.Container.Mounts, mount{m.Source, m.Dest, m.Mode, m.RDWR, m.Propagation})
	}
	text, err := json.Marshal(&d)
	if err != nil {
		return dst // texts, numbers and their lists cannot fail
	}
	return append(dst, text...)
}

// AppendEvent appends the event that carries i in captures: the asynchronous
// event EventName, or EventNameRemoved, with time ts (ns since the epoch).
// What reads such a capture then knows of the container what we know.
func (i *Info) AppendEvent(dst []byte, ts uint64, removed bool) ([]byte, error) {
	name := EventName
	if removed {
		name = EventNameRemoved
	}
	// The data end with a NUL, as readers in C expect it.
	data := append(i.AppendJSON(nil), 0)
	var plugin [4]byte
	return scap.AppendLargeEvent(dst, scap.EvAsynceventE, ts, -1, plugin[:], append([]byte(name), 0), data)
}

func (t Tri) ptr() *bool {
	if !t.Known() {
		return nil
	}
	yes := t.Yes()
	return &yes
}

func (l Labels) asMap() map[string]string {
	m := make(map[string]string, len(l))
	for _, x := range l {
		m[x.Key] = x.Value
	}
	return m
}

func (p *Probe) out() *probe {
	if p == nil {
		return nil
	}
	return &probe{p.Exe, notNil(p.Args)}
}

// allLabels are the labels with those that readers take the names of a pod
// from.
func (i *Info) allLabels() map[string]string {
	m := i.Labels.asMap()
	for _, l := range []Label{{labelPodName, i.PodName}, {labelPodNS, i.PodNamespace}, {labelPodUID, i.PodUID}} {
		if m[l.Key] == "" && l.Value != "" {
			m[l.Key] = l.Value
		}
	}
	return m
}

func notNil(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// Take applies a container event out of a capture: name is that of an
// asynchronous event, or EventName for a container event proper. Others are
// none of ours. A text that cannot be read is counted.
func (t *Table) Take(name string, text []byte, now uint64) {
	if name != EventName && name != EventNameRemoved {
		return
	}
	i, err := Parse(text)
	if err != nil {
		t.stats.BadEvents++
		return
	}
	if name == EventName {
		t.Put(i, now)
		return
	}
	if c := t.lookup(i); c != nil {
		t.Remove(c)
	}
}
