// SPDX-License-Identifier: Apache-2.0

// Guest runs in a machine of test/pkg. As process 1 it mounts the disk, puts on
// it what came with the kernel and lets systemd take over; as a service of that
// system it lives a story, tells each step on the console and switches off.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() == 1 {
		if err := boot(); err != nil {
			fmt.Println("@@FAIL boot:", err)
			powerOff()
		}
		return
	}
	if len(os.Args) > 1 {
		help(os.Args[1:])
		return
	}
	console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		powerOff()
	}
	os.Stdout = console
	g := newGuest()
	steps := stories[g.story]
	if steps == nil {
		fmt.Printf("@@FAIL story: there is no %q\n", g.story)
	}
	for _, s := range steps {
		g.step(s)
	}
	fmt.Println("@@DONE")
	powerOff()
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// boot is process 1 of the initramfs.
func boot() error {
	for _, m := range []struct{ what, where string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}} {
		if err := unix.Mount(m.what, m.where, m.what, 0, ""); err != nil {
			return err
		}
	}
	if fd, err := unix.Open("/dev/console", unix.O_RDWR, 0); err == nil {
		for i := range 3 {
			_ = unix.Dup2(fd, i)
		}
	}
	modules, _ := filepath.Glob("/modules/*.ko")
	for _, path := range modules {
		if err := insert(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	disk := "/dev/vda"
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(disk); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("there is no %s", disk)
		}
	}
	if err := os.Mkdir("/new", 0o755); err != nil {
		return err
	}
	if err := unix.Mount(disk, "/new", "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	if err := copyTree("/payload", "/new"); err != nil {
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
	return unix.FinitModule(int(f.Fd()), "", 0)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o755)
	})
}

// takeOver makes the disk the root and systemd process 1.
func takeOver() error {
	for _, dir := range []string{"/dev", "/proc"} {
		if err := unix.Mount(dir, "/new"+dir, "", unix.MS_MOVE, ""); err != nil {
			return err
		}
	}
	if err := unix.Chdir("/new"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=linux"})
}
