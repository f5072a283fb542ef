// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// insideMark is set in the environment of the process that is in the
// container's control group.
const insideMark = "PROVOKE_INSIDE"

// insideContainer does the step again in a process whose control group is that
// of a Docker container. No runtime knows it: it has an id and nothing else.
func insideContainer() error {
	root, here, err := controlGroups()
	if err != nil {
		return err
	}
	id := make([]byte, 32)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	group := filepath.Join(root, "docker", hex.EncodeToString(id))
	if err := os.MkdirAll(group, 0o755); err != nil {
		return err
	}
	defer leave(group)
	// The child is born in the group, so its first event already says so.
	if err := enter(group); err != nil {
		return err
	}
	defer enter(here)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideMark+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// controlGroups returns the root of a hierarchy that containers are known by,
// and this process's own group in it: the second version's where there is only
// that, else one of the first version's.
func controlGroups() (root, here string, err error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(b)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		for _, controller := range strings.Split(part[1], ",") {
			mount := filepath.Join("/sys/fs/cgroup", controller)
			if controller != "" && controller != "cpuacct" {
				continue
			}
			if _, err := os.Stat(filepath.Join(mount, "cgroup.procs")); err == nil {
				return mount, filepath.Join(mount, part[2]), nil
			}
		}
	}
	return "", "", fmt.Errorf("no hierarchy of control groups at /sys/fs/cgroup")
}

func enter(group string) error {
	return os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0o644)
}

// leave removes a group once its last process is gone.
func leave(group string) {
	for range 50 {
		if os.Remove(group) == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.Remove(filepath.Dir(group)) // stays if others are below it
}
