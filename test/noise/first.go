// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const initWord = "first"

// initName is what alerts of a work have among their ancestors: another name in
// each run, so that two of them do not count each other's.
var initName = fmt.Sprintf("noise-%d", os.Getpid())

// first is process 1 of a work: it mounts /proc, enters the root if there is
// one, runs the script and collects what it leaves behind. Its end ends all.
func first(args []string) int {
	script, root := args[0], ""
	if len(args) > 1 {
		root = args[1]
	}
	if err := enter(root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := exec.Command("/bin/bash", "-euc", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "HOME=/root")
	if root != "" {
		cmd.Dir = "/"
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for { // children of others become ours
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			return 1
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}

// enter makes the mounts of the namespace, which nobody else sees.
func enter(root string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	if root == "" {
		return unix.Mount("proc", "/proc", "proc", 0, "")
	}
	for _, dir := range []string{"/dev", "/sys"} {
		if err := unix.Mount(dir, filepath.Join(root, dir), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return os.Chdir("/")
}

// namespaced starts this program as process 1 of namespaces of its own.
func namespaced(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
}
