// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// provision runs the Vagrantfile's script in the Debian on the disk.
func provision() error {
	modules, _ := filepath.Glob("/modules/*.ko") // by name, which is their order
	for _, m := range modules {
		if err := loadModule(m); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	const root = "/disk"
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	var err error
	for range 50 { // the disk comes a moment after its driver
		if err = unix.Mount("/dev/vda", root, "ext4", 0, ""); !errors.Is(err, unix.ENOENT) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("mount the disk: %w", err)
	}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if err := unix.Mount(dir, root+dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	cmd := exec.Command("/usr/bin/sh", "/root/guest.sh")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	cmd.Dir = "/"
	cmd.Env = []string{"HOME=/root", "PATH=/usr/local/go/bin:/usr/bin:/usr/sbin", "GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=-mod=vendor",
		"NO_PACKAGES=1", "SOURCES=/root/sources.tar", "DRIVER=" + os.Getenv("TIERCEL_DRIVER")}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &said), os.Stdout
	if err := cmd.Run(); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "== OK: ") {
		return fmt.Errorf("its last line is %q", last)
	}
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}
