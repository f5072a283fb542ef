// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tiercel/tiercel/test/live"
)

// host is a folder with everything that a test's runtimes make, and what ends
// it all.
type host struct {
	t       *testing.T
	dir     string
	image   string
	cgroups []string // that runtimes may make, and that were not there before
}

// made are the groups that runtimes make for their containers.
var made = []string{"docker", "default", "blue", "green", "kubepods", "libpod_parent"}

// newHost returns a host for the programs that are needed; it skips the test
// where one is not installed, and says which package has it.
func newHost(t *testing.T, programs map[string]string) *host {
	t.Helper()
	live.Require(t)
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (apt-get install %s)", program, pkg)
		}
	}
	// Paths of sockets are short.
	dir, err := os.MkdirTemp("/tmp", "tct")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: dir}
	for _, hierarchy := range append(hierarchies(), "/sys/fs/cgroup") {
		for _, name := range made {
			if path := filepath.Join(hierarchy, name); !exists(path) {
				h.cgroups = append(h.cgroups, path)
			}
		}
	}
	t.Cleanup(h.clean)
	h.image = writeImage(t, dir)
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

// clean ends the processes that are left (shims and what they run are not our
// children), and takes mounts and files away.
func (h *host) clean() {
	h.end()
	for _, m := range h.mounts() {
		if err := syscall.Unmount(m, syscall.MNT_DETACH); err != nil {
			h.t.Errorf("unmount %s: %v", m, err)
		}
	}
	for _, path := range h.cgroups {
		removeGroup(path)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Errorf("clean up: %v", err)
	}
	if left := h.end(); len(left) > 0 { // one that was just being started, too
		h.t.Errorf("processes are left: %v", left)
	}
}

// end kills what is left until nothing is, and returns what does not end.
func (h *host) end() []int {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		left := h.leftovers()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// hierarchies are the mounts of cgroups of version 1.
func hierarchies() []string {
	l, _ := filepath.Glob("/sys/fs/cgroup/*")
	return slices.DeleteFunc(l, func(p string) bool { return !exists(filepath.Join(p, "cgroup.procs")) })
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// removeGroup removes a control group and those below it; one that is in use
// stays.
func removeGroup(path string) {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(path, e.Name()))
		}
	}
	_ = os.Remove(path)
}

// leftovers are the processes that have our folder in their command line, or
// their root below it.
func (h *host) leftovers() []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		cmdline, _ := os.ReadFile(p + "/cmdline")
		root, _ := os.Readlink(p + "/root")
		env, _ := os.ReadFile(p + "/environ")
		ours := bytes.Contains(cmdline, []byte(h.dir+"/")) || strings.HasPrefix(root, h.dir+"/") || bytes.Contains(env, []byte("TCT_DIR="+h.dir))
		cgroup, _ := os.ReadFile(p + "/cgroup")
		ours = ours || h.inGroups(string(cgroup))
		if stat, _ := os.ReadFile(p + "/stat"); bytes.Contains(stat, []byte(") Z ")) {
			continue // it has ended; its parent has not noticed
		}
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(p), "%d", &pid); err == nil && ours && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// inGroups reports whether a process is in a group that our runtimes made.
func (h *host) inGroups(cgroup string) bool {
	for line := range strings.Lines(cgroup) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			top, _, _ := strings.Cut(strings.TrimPrefix(f[2], "/"), "/")
			if slices.ContainsFunc(h.cgroups, func(c string) bool { return filepath.Base(c) == top }) {
				return true
			}
		}
	}
	return false
}

// mounts are those below our folder, the inner ones first.
func (h *host) mounts() []string {
	text, _ := os.ReadFile("/proc/self/mounts")
	var l []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], h.dir+"/") {
			l = append(l, f[1])
		}
	}
	slices.Reverse(l)
	return l
}

// start runs a daemon until the test ends, and waits until ready succeeds.
func (h *host) start(ready func() error, name string, args ...string) {
	h.t.Helper()
	log, err := os.Create(h.path(filepath.Base(name) + ".log"))
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TCT_DIR="+h.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // however it ends, nothing may be left of it: see clean
		timer.Stop()
		log.Close()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			h.t.Fatalf("%s does not come up: %v\n%s", name, err, text[max(0, len(text)-4000):])
		}
	}
}

// try runs a program and returns what it prints.
func (h *host) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "TCT_DIR="+h.dir)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// must is try for what cannot fail.
func (h *host) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := h.try(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// write makes a file in the folder.
func (h *host) write(name, text string) string {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return h.path(name)
}
