// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestNestedUserNamespacesAreTold(t *testing.T) {
	h := newHost(t)
	for pid, ns := range map[int]string{1: "user:[500]", 40: "user:[500]", 41: "user:[501]", 42: ""} {
		dir := h.process(task{tid: pid, comm: "app", parent: 1})
		if ns != "" {
			h.link(dir+"/ns/user", ns)
		}
	}
	all := h.scan(Options{})
	for pid, want := range map[int64]bool{1: false, 40: false, 41: true, 42: false} {
		if all[pid].NestedUser != want {
			t.Errorf("process %d: %v, want %v", pid, all[pid].NestedUser, want)
		}
	}
}

// FuzzProcess reads a process of which one file has any content, and holds that
// it is read or left out, with ids that can be.
func FuzzProcess(f *testing.F) {
	files := []string{"stat", "status", "cmdline", "environ", "cgroup", "limits", "loginuid", "mountinfo", "fdinfo/3", "net/tcp", "net/unix", "task/41/stat"}
	h := newHost(f)
	for _, pid := range []int{1, 40} {
		dir := h.process(task{tid: pid, comm: "app", parent: 1, threads: 2})
		h.fd(dir, 3, "socket:[77]", "flags:	02")
		h.file(dir+"/net/tcp", "  sl\n   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 77\n")
		h.file(dir+"/net/unix", "Num\n0000: 3 0 0 1 3 77 /run/s\n")
	}
	h.thread("proc/40/task/41", task{tid: 41, pid: 40, parent: 1, comm: "thread"})
	for i, name := range files {
		b, err := os.ReadFile(filepath.Join(h.root, "proc/40", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Add(byte(0), []byte("40 ("))
	f.Add(byte(1), []byte("Pid:\t-9223372036854775808\nTgid:\t99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		name := filepath.Join(h.root, "proc/40", files[int(which)%len(files)])
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(name, good, 0o644)
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		r := New(h.root, Options{BootTime: boot, MaxFDs: 10})
		check := func(p *Process) error {
			if p.PID <= 0 || p.Main.TID <= 0 || len(p.FDs) > 10 {
				t.Errorf("process %d, main thread %d, %d descriptors", p.PID, p.Main.TID, len(p.FDs))
			}
			for _, th := range p.Threads {
				if th.TID <= 0 || th.PID <= 0 {
					t.Errorf("thread %d of %d", th.TID, th.PID)
				}
			}
			return nil
		}
		if err := r.Scan(check); err != nil {
			t.Fatal(err)
		}
		for _, tid := range []int64{40, 41} {
			p, err := r.Lookup(tid)
			switch {
			case err == nil:
				check(p)
			case !errors.Is(err, ErrNoProcess):
				t.Error(err)
			}
		}
		r.LookupFD(40, 3)
		r.Environ(40, 100)
	})
}
