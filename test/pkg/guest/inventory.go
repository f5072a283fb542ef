// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// inventory is what there is of a system that a package may leave behind.
type inventory struct {
	files     map[string]bool
	programs  int // eBPF programs in the kernel
	processes []string
	units     string
	modules   string
}

// passing are files that every system writes while it runs.
var passing = []string{
	"/srv/pkgtest", "/srv/canary", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log/journal", "/var/log/dpkg.log", "/var/cache",
	"/var/lib/dpkg", "/var/lib/systemd", "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/etc/machine-id", "/root", "/etc/.pwd.lock",
	"/home", "/lib/modules", "/usr/lib/modules", "/lost+found",
}

func takeInventory() (*inventory, error) {
	v := &inventory{files: map[string]bool{}}
	err := filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went while we looked
		}
		if slices.Contains(passing, path) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		v.files[path] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The book-keeping of dpkg and of its helpers, as far as it names packages.
	for _, dir := range []string{"/var/lib/dpkg/info", "/var/lib/systemd/deb-systemd-helper-enabled", "/var/lib/systemd/deb-systemd-helper-masked"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.Contains(path, "tiercel") {
				v.files[path] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if v.programs, err = countPrograms(); err != nil {
		return nil, err
	}
	v.processes = tiercelProcesses()
	v.units, _ = run("systemctl list-units --all --no-legend --plain 'tiercel*' | cut -d' ' -f1")
	v.modules, _ = run("grep -c ^tiercel /proc/modules")
	return v, nil
}

// countPrograms counts eBPF programs but those that systemd has of its own, for
// devices and addresses of units, which come and go.
func countPrograms() (int, error) {
	n := 0
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, fs.ErrNotExist) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it went
		}
		switch p.Type() {
		case ebpf.CGroupDevice, ebpf.CGroupSKB, ebpf.CGroupSock, ebpf.CGroupSockAddr:
		default:
			n++
		}
		p.Close()
	}
}

func tiercelProcesses() (found []string) {
	exes, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, e := range exes {
		if target, _ := os.Readlink(e); strings.HasPrefix(target, "/usr/bin/tiercel") {
			found = append(found, filepath.Base(filepath.Dir(e)))
		}
	}
	return found
}

// differs says what is there now that was not before, and the other way round.
func (v *inventory) differs(now *inventory) error {
	var errs []error
	for _, f := range slices.Sorted(maps.Keys(now.files)) {
		if !v.files[f] {
			errs = append(errs, fmt.Errorf("left behind: %s", f))
		}
	}
	for _, f := range slices.Sorted(maps.Keys(v.files)) {
		if !now.files[f] {
			errs = append(errs, fmt.Errorf("gone: %s", f))
		}
	}
	if v.programs != now.programs {
		errs = append(errs, fmt.Errorf("%d eBPF programs, %d before", now.programs, v.programs))
	}
	if len(now.processes) > 0 {
		errs = append(errs, fmt.Errorf("processes: %v", now.processes))
	}
	if now.units != "" {
		errs = append(errs, fmt.Errorf("units: %s", now.units))
	}
	if now.modules != v.modules {
		errs = append(errs, fmt.Errorf("modules: %s", now.modules))
	}
	return errors.Join(errs...)
}

// resident is the memory of a process in KiB that is its own and that it
// shares, as the kernel counts it.
func resident(pid string) string {
	f, err := os.Open("/proc/" + pid + "/status")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "?"
}

// free are the bytes that can still be written below a folder.
func free(dir string) uint64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return st.Bavail * uint64(st.Bsize)
}
