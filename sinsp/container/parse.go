// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
)

// maxJSON bounds the text of one container, in bytes.
const maxJSON = 4 << 20

// ErrNoContainer is returned for a text that is JSON, but tells no container.
var ErrNoContainer = errors.New("no container in the JSON text")

// Parse reads the JSON text that container events carry. It is lenient: what
// is missing, null or of another kind than expected is not known, numbers may
// be texts and the other way round, members that it does not know are skipped.
// Everything is bounded.
func Parse(text []byte) (*Info, error) {
	text = bytes.TrimRight(text, "\x00\n\r\t ")
	if len(text) > maxJSON {
		return nil, fmt.Errorf("container event: %d bytes, at most %d are read", len(text), maxJSON)
	}
	var doc struct {
		Container map[string]json.RawMessage `json:"container"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("container event: %w", err)
	}
	if doc.Container == nil {
		return nil, ErrNoContainer
	}
	i := &Info{Type: Unknown, Size: -1}
	for name, raw := range doc.Container {
		if read := members[name]; read != nil {
			read(i, raw)
		}
	}
	if i.ID == "" && i.FullID == "" {
		return nil, ErrNoContainer
	}
	i.Finish()
	return i, nil
}

// members are the members of the object "container".
var members = map[string]func(*Info, json.RawMessage){
	"type":               func(i *Info, r json.RawMessage) { i.Type = readType(r) },
	"id":                 func(i *Info, r json.RawMessage) { i.ID = readText(r) },
	"full_id":            func(i *Info, r json.RawMessage) { i.FullID = readText(r) },
	"name":               func(i *Info, r json.RawMessage) { i.Name = readText(r) },
	"image":              func(i *Info, r json.RawMessage) { i.Image = readText(r) },
	"imageid":            func(i *Info, r json.RawMessage) { i.ImageID = readText(r) },
	"imagerepo":          func(i *Info, r json.RawMessage) { i.ImageRepo = readText(r) },
	"imagetag":           func(i *Info, r json.RawMessage) { i.ImageTag = readText(r) },
	"imagedigest":        func(i *Info, r json.RawMessage) { i.ImageDigest = readText(r) },
	"User":               func(i *Info, r json.RawMessage) { i.User = readText(r) },
	"ip":                 func(i *Info, r json.RawMessage) { i.IP = readAddr(r) },
	"cni_json":           func(i *Info, r json.RawMessage) { i.CNIJSON = readText(r) },
	"privileged":         func(i *Info, r json.RawMessage) { i.Privileged = readTri(r) },
	"host_pid":           func(i *Info, r json.RawMessage) { i.HostPID = readTri(r) },
	"host_network":       func(i *Info, r json.RawMessage) { i.HostNetwork = readTri(r) },
	"host_ipc":           func(i *Info, r json.RawMessage) { i.HostIPC = readTri(r) },
	"is_pod_sandbox":     func(i *Info, r json.RawMessage) { i.IsPodSandbox = readTri(r).Yes() },
	"pod_sandbox_id":     func(i *Info, r json.RawMessage) { i.PodSandboxID = readText(r) },
	"pod_sandbox_labels": func(i *Info, r json.RawMessage) { i.PodLabels = readLabels(r) },
	"labels":             func(i *Info, r json.RawMessage) { i.Labels = readLabels(r) },
	"env":                func(i *Info, r json.RawMessage) { i.Env = readTexts(r) },
	"Mounts":             func(i *Info, r json.RawMessage) { i.Mounts = readMounts(r) },
	"port_mappings":      func(i *Info, r json.RawMessage) { i.Ports = readPorts(r) },
	"memory_limit":       func(i *Info, r json.RawMessage) { i.MemoryLimit = readInt(r, 0) },
	"swap_limit":         func(i *Info, r json.RawMessage) { i.SwapLimit = readInt(r, 0) },
	"cpu_shares":         func(i *Info, r json.RawMessage) { i.CPUShares = readInt(r, 0) },
	"cpu_quota":          func(i *Info, r json.RawMessage) { i.CPUQuota = readInt(r, 0) },
	"cpu_period":         func(i *Info, r json.RawMessage) { i.CPUPeriod = readInt(r, 0) },
	"cpuset_cpu_count":   func(i *Info, r json.RawMessage) { i.CPUSetCPUCount = readInt(r, 0) },
	"created_time":       func(i *Info, r json.RawMessage) { i.CreatedTime = readInt(r, 0) },
	"size":               func(i *Info, r json.RawMessage) { i.Size = readInt(r, -1) },
	"Healthcheck":        func(i *Info, r json.RawMessage) { i.Healthcheck = readProbe(r) },
	"LivenessProbe":      func(i *Info, r json.RawMessage) { i.LivenessProbe = readProbe(r) },
	"ReadinessProbe":     func(i *Info, r json.RawMessage) { i.ReadinessProbe = readProbe(r) },
}

func readType(raw json.RawMessage) Type {
	if n := readInt(raw, -1); n >= 0 && n <= math.MaxUint16 {
		return Type(n)
	}
	return Unknown
}

// readText reads a text, or a number as it is written.
func readText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

func readInt(raw json.RawMessage, missing int64) int64 {
	s := readText(raw)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > -1<<63 && f < 1<<63 {
		return int64(f)
	}
	return missing
}

func readTri(raw json.RawMessage) Tri {
	switch string(bytes.TrimSpace(raw)) {
	case "true", `"true"`, "1":
		return Yes
	case "false", `"false"`, "0":
		return No
	}
	return NotKnown
}

// readAddr reads an address, or one that is written as a number, the first
// part in the highest byte; 0 is none.
func readAddr(raw json.RawMessage) string {
	s := readText(raw)
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil:
		return s
	case n == 0:
		return ""
	}
	return addr4(uint32(n)).String()
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func readTexts(raw json.RawMessage) []string {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	var l []string
	for _, r := range items {
		l = append(l, readText(r))
	}
	return l
}

func readLabels(raw json.RawMessage) Labels {
	var items map[string]json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	m := make(map[string]string, len(items))
	for k, r := range items {
		m[k] = readText(r)
	}
	return MakeLabels(m, 0)
}

func readMounts(raw json.RawMessage) []Mount {
	var items []struct {
		Source, Destination, Mode, RW, Propagation json.RawMessage
	}
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	l := make([]Mount, 0, min(len(items), maxMounts))
	for _, m := range head(items, maxMounts) {
		l = append(l, Mount{
			Source: readText(m.Source), Dest: readText(m.Destination), Mode: readText(m.Mode),
			Propagation: readText(m.Propagation), RDWR: readTri(m.RW).Yes(),
		})
	}
	return l
}

func readPorts(raw json.RawMessage) []Port {
	var items []struct {
		HostIP        json.RawMessage `json:"HostIp"`
		HostPort      json.RawMessage
		ContainerPort json.RawMessage
	}
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	l := make([]Port, 0, min(len(items), maxPorts))
	for _, p := range head(items, maxPorts) {
		ip, _ := netip.ParseAddr(readAddr(p.HostIP))
		l = append(l, Port{HostIP: ip.Unmap(), HostPort: readPort(p.HostPort), ContainerPort: readPort(p.ContainerPort)})
	}
	return l
}

func readPort(raw json.RawMessage) uint16 {
	if n := readInt(raw, 0); n > 0 && n <= math.MaxUint16 {
		return uint16(n)
	}
	return 0
}

func readProbe(raw json.RawMessage) *Probe {
	var p struct{ Exe, Args json.RawMessage }
	if json.Unmarshal(raw, &p) != nil {
		return nil
	}
	exe, args := readText(p.Exe), readTexts(p.Args)
	if exe == "" && len(args) == 0 {
		return nil
	}
	return &Probe{Exe: exe, Args: args}
}
