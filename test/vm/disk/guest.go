// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	device = "/dev/vda"
	newTop = "/new"

	// Payload is the folder of the initramfs whose content goes onto the disk.
	Payload = "payload"

	// up is the first that process 1 says.
	up = "@@NOTE the kernel is up"

	// deviceTime is how long a disk may take to appear.
	deviceTime = 2 * time.Minute
)

// Boot is all that process 1 of the initramfs does. It never returns: the process
// becomes systemd, or says why it cannot and switches the machine off.
func Boot() {
	fmt.Println("@@FAIL boot:", boot())
	PowerOff()
}

// PowerOff switches the machine off.
func PowerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func boot() error {
	for _, m := range []struct{ kind, dir string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}} {
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			return fmt.Errorf("%s: %w", m.dir, err)
		}
	}
	if fd, err := unix.Open("/dev/console", unix.O_RDWR, 0); err == nil {
		for i := range 3 {
			_ = unix.Dup2(fd, i)
		}
	}
	fmt.Println(up) // a machine that stays silent is taken for a dead one
	drivers, err := filepath.Glob("/modules/*.ko")
	for _, path := range drivers {
		err = errors.Join(err, insert(path))
	}
	if err != nil {
		return err
	}
	if err := appears(device); err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(newTop, 0o755), unix.Mount(device, newTop, "ext4", unix.MS_NOATIME, "")); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	if err := copyTree("/"+Payload, newTop); err != nil {
		return err
	}
	return takeOver()
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
		return fmt.Errorf("insert %s: %w", path, err)
	}
	return nil
}

func appears(path string) error {
	for end := time.Now().Add(deviceTime); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("there is no %s", path)
		}
	}
}

// copyTree copies files with their permissions into folders that are there or
// are made.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, info.Mode().Perm())
	})
}

// takeOver makes the disk the root and systemd process 1.
func takeOver() error {
	for _, dir := range []string{"/dev", "/proc"} {
		if err := unix.Mount(dir, newTop+dir, "", unix.MS_MOVE, ""); err != nil {
			return err
		}
	}
	if err := errors.Join(unix.Chdir(newTop), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/")); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=linux"})
}
