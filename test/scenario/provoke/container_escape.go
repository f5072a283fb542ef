// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func init() {
	mnt, run := []string{"/mnt"}, []string{"/run"}
	own := fmt.Sprintf("/proc/%d/root", os.Getpid())
	provide(map[string]step{
		// Opening changes nothing; nothing is written.
		"open-core-pattern":           {run: open("/proc/sys/kernel/core_pattern", os.O_WRONLY)},
		"sysctl-core-pattern":         {run: named("sysctl", "-w", "kernel.core_pattern=|/tmp/provoked")},
		"sysctl-core-file":            {run: named("sysctl", "-w", "kernel.core_pattern=core")},
		"open-core-pattern-elsewhere": {run: openElsewhere, isolated: true, empty: mnt},
		"open-release-agent":          {run: all(made("/mnt/release_agent"), open("/mnt/release_agent", os.O_WRONLY)), isolated: true, empty: mnt},
		"read-core-pattern":           {run: read("/proc/sys/kernel/core_pattern")},

		"container-open-sysctl":     {run: open("/proc/sys/kernel/panic", os.O_WRONLY), contained: true},
		"container-open-vm-setting": {run: open("/proc/sys/vm/overcommit_memory", os.O_WRONLY), contained: true},
		"container-read-sysctl":     {run: read("/proc/sys/kernel/panic"), contained: true},
		"open-sysctl":               {run: open("/proc/sys/kernel/panic", os.O_WRONLY)},

		"container-mount":         {run: mountAt("/mnt"), contained: true, isolated: true},
		"container-move-mount":    {run: refused(func() error { return unix.MoveMount(-1, "", -1, "", 0) }), contained: true},
		"container-failing-mount": {run: refused(mountAt("/nonexistent")), contained: true},
		"mount-on-host":           {run: mountAt("/mnt"), isolated: true},

		"container-setns": {run: enterOwnNamespace, contained: true},
		"setns-on-host":   {run: enterOwnNamespace},

		"container-docker-socket":     {run: speakTo("/run/docker.sock"), contained: true, isolated: true, empty: run},
		"container-containerd-socket": {run: speakTo("/run/containerd/containerd.sock"), contained: true, isolated: true, empty: run},
		"container-other-socket":      {run: speakTo("/run/other.sock"), contained: true, isolated: true, empty: run},
		"docker-socket-on-host":       {run: speakTo("/run/docker.sock"), isolated: true, empty: run},

		"container-open-disk":   {run: refused(open("/dev/sdprovoked", os.O_RDONLY)), contained: true},
		"container-make-device": {run: device("/mnt/disk", unix.S_IFBLK), contained: true, isolated: true, empty: mnt},
		"container-make-pipe":   {run: device("/mnt/pipe", unix.S_IFIFO), contained: true, isolated: true, empty: mnt},
		"container-open-null":   {run: open("/dev/null", os.O_RDWR), contained: true},

		"container-proc-root":      {run: read(own + "/etc/hostname"), contained: true},
		"container-chroot-to-proc": {run: func() error { return unix.Chroot(own) }, contained: true},
		"container-run-chroot":     {run: command("chroot", "/", "true"), contained: true},
		"container-proc-self-root": {run: read("/proc/self/root/etc/hostname"), contained: true},
	})
}

// openElsewhere opens the setting by another mount of the same file system.
func openElsewhere() error {
	if err := unix.Mount("proc", "/mnt", "proc", 0, ""); err != nil {
		return err
	}
	return open("/mnt/sys/kernel/core_pattern", os.O_WRONLY)()
}

func mountAt(dir string) func() error {
	return func() error { return unix.Mount("provoked", dir, "tmpfs", 0, "") }
}

func enterOwnNamespace() error {
	f, err := os.Open("/proc/self/ns/uts")
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Setns(int(f.Fd()), unix.CLONE_NEWUTS)
}

// speakTo connects to a socket at which this process listens.
func speakTo(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// device makes a special file. A control group may forbid it: the attempt is
// what is seen.
func device(path string, kind uint32) func() error {
	return func() error {
		if err := unix.Mknod(path, kind|0o600, int(unix.Mkdev(7, 250))); err != nil && !errors.Is(err, unix.EPERM) {
			return err
		}
		return nil
	}
}
