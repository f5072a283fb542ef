// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// spec is what is read of an OCI runtime specification (config.json).
type spec struct {
	Process struct {
		User struct {
			UID, GID uint32
			Username string
		}
		Env          []string
		Capabilities struct{ Bounding []string }
	}
	Mounts []struct {
		Destination, Type, Source string
		Options                   []string
	}
	Annotations map[string]string
	Linux       struct {
		Namespaces []struct{ Type, Path string }
		Resources  struct {
			Memory struct{ Limit, Swap *int64 }
			CPU    struct {
				Shares, Period *uint64
				Quota          *int64
				Cpus           string
			}
		}
		CgroupsPath   string
		MaskedPaths   []string
		ReadonlyPaths []string
		Seccomp       json.RawMessage
	}
}

// FillFromSpec completes i by an OCI runtime specification, which is JSON:
// environment, user, mounts from the host, limits, shared namespaces, and
// whether the container is privileged. What i has already stays.
func (i *Info) FillFromSpec(text []byte) error {
	if len(text) > maxJSON {
		return fmt.Errorf("runtime specification: %d bytes, at most %d are read", len(text), maxJSON)
	}
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("runtime specification: %w", err)
	}
	if i.Env == nil {
		i.Env = s.Process.Env
	}
	if i.User == "" {
		if i.User = s.Process.User.Username; i.User == "" {
			i.User = strconv.FormatUint(uint64(s.Process.User.UID), 10)
		}
	}
	if i.Mounts == nil {
		i.fillMounts(&s)
	}
	i.fillLimits(&s)
	i.fillNamespaces(&s)
	if !i.Privileged.Known() {
		i.Privileged = TriOf(s.privileged())
	}
	return nil
}

// fillMounts takes what comes from the host, not what every container gets.
func (i *Info) fillMounts(s *spec) {
	for _, m := range head(s.Mounts, maxMounts) {
		if !strings.HasPrefix(m.Source, "/") {
			continue
		}
		out := Mount{Source: m.Source, Dest: m.Destination, RDWR: true}
		for _, o := range m.Options {
			switch o {
			case "ro":
				out.RDWR = false
			case "private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave", "runbindable":
				out.Propagation = o
			}
		}
		i.Mounts = append(i.Mounts, out)
	}
}

func (i *Info) fillLimits(s *spec) {
	r := &s.Linux.Resources
	set := func(to *int64, v *int64) {
		if *to == 0 && v != nil {
			*to = *v
		}
	}
	setU := func(to *int64, v *uint64) {
		if *to == 0 && v != nil {
			*to = int64(*v)
		}
	}
	set(&i.MemoryLimit, r.Memory.Limit)
	set(&i.SwapLimit, r.Memory.Swap)
	set(&i.CPUQuota, r.CPU.Quota)
	setU(&i.CPUShares, r.CPU.Shares)
	setU(&i.CPUPeriod, r.CPU.Period)
	if i.CPUSetCPUCount == 0 {
		i.CPUSetCPUCount = CountCPUs(r.CPU.Cpus)
	}
}

// fillNamespaces: a namespace that the specification does not list is the
// host's. One with a path is joined: whose it is, the path does not say, but
// for that of the host's first process.
func (i *Info) fillNamespaces(s *spec) {
	if len(s.Linux.Namespaces) == 0 {
		return
	}
	for _, n := range []struct {
		typ string
		to  *Tri
	}{{"pid", &i.HostPID}, {"network", &i.HostNetwork}, {"ipc", &i.HostIPC}} {
		if n.to.Known() {
			continue
		}
		*n.to = Yes
		for _, have := range s.Linux.Namespaces {
			if have.Type == n.typ {
				*n.to = joined(have.Path)
			}
		}
	}
}

// joined tells by a namespace's path whether it is the host's.
func joined(path string) Tri {
	switch {
	case path == "":
		return No // a new one
	case strings.HasPrefix(path, "/proc/1/"):
		return Yes
	}
	return NotKnown
}

// privileged reports whether nothing is left of what holds a container back.
func (s *spec) privileged() bool {
	return slices.Contains(s.Process.Capabilities.Bounding, "CAP_SYS_ADMIN") &&
		len(s.Linux.MaskedPaths) == 0 && len(s.Linux.ReadonlyPaths) == 0 && (len(s.Linux.Seccomp) == 0 || string(s.Linux.Seccomp) == "null")
}

// CountCPUs counts the processors of a list as the kernel writes it: 0-3,7.
func CountCPUs(list string) int64 {
	n := int64(0)
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.ParseUint(from, 10, 16)
		if err != nil {
			continue
		}
		if !isRange {
			n++
			continue
		}
		if b, err := strconv.ParseUint(to, 10, 16); err == nil && b >= a {
			n += int64(b-a) + 1
		}
	}
	return n
}

// FillProbes takes the liveness and readiness probes that are commands out of
// the pod as kubectl applied it last (an annotation, JSON): of the container
// with i's name, or of the only one.
func (i *Info) FillProbes(lastApplied string) {
	type command struct {
		Exec struct{ Command []string }
	}
	var pod struct {
		Spec struct {
			Containers []struct {
				Name                          string
				LivenessProbe, ReadinessProbe command
			}
		}
	}
	if lastApplied == "" || len(lastApplied) > maxJSON || json.Unmarshal([]byte(lastApplied), &pod) != nil {
		return
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == i.Name || len(pod.Spec.Containers) == 1 {
			i.LivenessProbe = probeOf(c.LivenessProbe.Exec.Command)
			i.ReadinessProbe = probeOf(c.ReadinessProbe.Exec.Command)
			return
		}
	}
}

func probeOf(command []string) *Probe {
	if len(command) == 0 {
		return nil
	}
	return &Probe{Exe: command[0], Args: command[1:]}
}

// HealthProbe reads a health check as images and the Docker API write it: CMD
// and the command, or CMD-SHELL and a line for the shell.
func HealthProbe(test []string) *Probe {
	if len(test) < 2 {
		return nil
	}
	switch test[0] {
	case "CMD":
		return probeOf(test[1:])
	case "CMD-SHELL":
		return &Probe{Exe: "/bin/sh", Args: []string{"-c", test[1]}}
	}
	return nil
}
