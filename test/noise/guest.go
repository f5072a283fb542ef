// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootMachine is process 1 of the idle machine: it mounts the disk, puts on it
// what came with the kernel and lets systemd take over.
func bootMachine() {
	fmt.Println("@@FAIL boot:", boot())
	powerOff()
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func boot() error {
	for _, dir := range []string{"/dev", "/proc"} {
		kind := map[string]string{"/dev": "devtmpfs", "/proc": "proc"}[dir]
		if err := unix.Mount(kind, dir, kind, 0, ""); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	if fd, err := unix.Open("/dev/console", unix.O_RDWR, 0); err == nil {
		for i := range 3 {
			_ = unix.Dup2(fd, i)
		}
	}
	drivers, _ := filepath.Glob("/modules/*.ko")
	for _, path := range drivers {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(unix.FinitModule(int(f.Fd()), "", 0), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	const disk = "/dev/vda"
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(disk); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("there is no %s", disk)
		}
	}
	if err := errors.Join(os.Mkdir("/new", 0o755), unix.Mount(disk, "/new", "ext4", 0, "")); err != nil {
		return err
	}
	if err := copyTree("/payload", "/new"); err != nil {
		return err
	}
	for _, dir := range []string{"/dev", "/proc"} {
		if err := unix.Mount(dir, "/new"+dir, "", unix.MS_MOVE, ""); err != nil {
			return err
		}
	}
	if err := errors.Join(unix.Chdir("/new"), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/")); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=linux"})
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
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, info.Mode().Perm())
	})
}

// guest watches the machine that it runs in, tells of every alert on the
// console and switches off.
func guest() {
	if console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		os.Stdout = console
	}
	lost, err := guestWatch()
	if err != nil {
		fmt.Println("@@FAIL", err)
	} else {
		fmt.Println("@@DONE " + lost)
	}
	powerOff()
}

func guestWatch() (lost string, err error) {
	text, err := os.ReadFile(place + "time")
	if err != nil {
		return "", err
	}
	watch, err := time.ParseDuration(string(text))
	if err != nil {
		return "", err
	}
	time.Sleep(settle) // the start of the system is not idle
	a, err := startAgent(place+"tiercel", place+"rules")
	if err != nil {
		return "", err
	}
	time.Sleep(watch)
	if lost, err = stopAgent(a); err != nil {
		return "", err
	}
	for _, al := range a.Alerts() {
		line, err := json.Marshal(al)
		if err != nil {
			return "", err
		}
		fmt.Println(mark + string(line))
	}
	for line := range strings.Lines(whatRan()) {
		fmt.Println(ranMark + strings.TrimSpace(line))
	}
	return lost, nil
}

// whatRan is the work of cron and of timers in the machine's time.
func whatRan() string {
	out, err := exec.Command("/bin/sh", "-c", `journalctl -b -q -t CRON -g CMD -o short-iso --no-hostname --no-pager
		systemctl show --property=Id,LastTriggerUSec --timestamp=pretty '*.timer' | grep . | paste -d ' ' - -`).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\n%v", out, err)
	}
	return string(out)
}
