// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func init() {
	provide(map[string]step{
		"memfd-exec":   {run: memfdExec},
		"hidden-exec":  {run: hiddenExec, isolated: true, empty: []string{"/dev/shm"}},
		"delete-log":   {run: deleteLog, isolated: true, empty: []string{"/var/log"}},
		"truncate-log": {run: truncateLog, isolated: true, empty: []string{"/var/log"}},
	})
}

func memfdExec() error {
	prog, err := os.ReadFile("/bin/true")
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("provoked", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, prog); err != nil {
		return err
	}
	return exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)).Run()
}

func hiddenExec() error {
	prog, err := os.ReadFile("/bin/true")
	if err != nil {
		return err
	}
	const path = "/dev/shm/provoked"
	if err := os.WriteFile(path, prog, 0o755); err != nil {
		return err
	}
	return exec.Command(path).Run()
}

func deleteLog() error {
	const path = "/var/log/provoked.log"
	if err := syscall.Mknod(path, syscall.S_IFREG|0o600, 0); err != nil {
		return err
	}
	return os.Remove(path)
}

func truncateLog() error {
	const path = "/var/log/provoked.log"
	if err := syscall.Mknod(path, syscall.S_IFREG|0o600, 0); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	return f.Close()
}
