// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	provide(map[string]step{
		"hide-process":            {run: mountOver("/proc/1"), isolated: true},
		"mount-elsewhere":         {run: mountOver("/mnt"), isolated: true},
		"memfd-exec":              {run: memfdExec},
		"memfd-execveat":          {run: memfdExecveat},
		"fd-exec-system":          {run: fdExecSystem},
		"self-exec":               {run: idle("/proc/self/exe")},
		"deleted-exec":            {run: inTemporary(deletedExec)},
		"deleted-exec-by-pid":     {run: inTemporary(deletedExecByPID)},
		"ordinary-exec":           {run: named("ordinary")},
		"hidden-exec":             hiding("/dev/shm", all(copySelf("/dev/shm/provoked"), idle("/dev/shm/provoked"))),
		"hidden-script":           hiding("/dev/shm", all(script("/dev/shm/provoked"), command("/dev/shm/provoked"))),
		"hidden-folder-exec":      hiding("/var/tmp", hiddenFolderExec),
		"delete-log":              hiding("/var/log", all(there("/var/log/auth.log"), remove("/var/log/auth.log"))),
		"truncate-log":            hiding("/var/log", all(there("/var/log/auth.log"), open("/var/log/auth.log", os.O_WRONLY|os.O_TRUNC))),
		"truncate-command-log":    hiding("/var/log", all(there("/var/log/wtmp"), command("truncate", "-s", "0", "/var/log/wtmp"))),
		"rename-log":              hiding("/var/log", all(there("/var/log/secure"), func() error { return os.Rename("/var/log/secure", "/var/log/x") })),
		"append-log":              hiding("/var/log", all(there("/var/log/auth.log"), open("/var/log/auth.log", os.O_WRONLY|os.O_APPEND))),
		"delete-other-log":        hiding("/var/log", all(there("/var/log/app/app.log"), remove("/var/log/app/app.log"))),
		"logrotate-log":           {run: installed("logrotate", "delete-log")},
		"delete-log-as-logrotate": {run: as("logrotate", "delete-log")},
		"exchange-passwd":         hiding("/etc", all(write("/etc/passwd"), write("/etc/provoked"), exchangePasswd)),
		"mount-over-passwd":       hiding("/etc", all(write("/etc/passwd"), mountOverFile("/etc/passwd"))),
		"delete-history":          hiding("/root", all(there("/root/.bash_history"), remove("/root/.bash_history"))),
		"truncate-history":        hiding("/root", command("bash", "-c", ": > /root/.bash_history")),
		"null-history":            hiding("/root", func() error { return os.Symlink("/dev/null", "/root/.bash_history") }),
		"forget-history":          {run: command("bash", "-c", "unset HISTFILE")},
		"save-history":            hiding("/root", command("bash", "-c", "HISTFILE=/root/.bash_history; set -o history; true; history -w")),
		"old-save-history":        {run: installed("bash", "rewrite-history")},
		"rewrite-history":         hiding("/root", open("/root/.bash_history", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)),
		"stop-auditd":             {run: named("systemctl", "disable", "--now", "auditd.service")},
		"kill-agent":              {run: inTemporary(killed("auditd", unix.SIGKILL))},
		"abort-agent":             {run: inTemporary(killed("auditd", unix.SIGABRT))},
		"restart-auditd":          {run: named("systemctl", "restart", "auditd.service")},
		"rotate-rsyslog":          {run: named("systemctl", "kill", "-s", "HUP", "rsyslog.service")},
		"kill-other":              {run: inTemporary(killed("ordinary", unix.SIGKILL))},
		"flush-firewall":          {run: named("iptables", "-F")},
		"selinux-permissive":      {run: named("setenforce", "0")},
		"apparmor-unload":         {run: named("apparmor_parser", "-R", "/etc/apparmor.d/provoked")},
		"write-audit-rules":       hiding("/etc", write("/etc/audit/rules.d/provoked.rules")),
		"flush-one-chain":         {run: named("iptables", "-t", "nat", "-F", "DOCKER")},
		"list-firewall":           {run: named("iptables", "-L", "-n")},
		"timestomp":               {run: named("touch", "-r", "/usr/bin/env", "/usr/bin/provoked")},
		"timestomp-relative":      {run: namedIn("/etc", "touch", "-amt", "202001010000", "provoked")},
		"touch-now":               {run: named("touch", "/etc/provoked")},
		"touch-build":             {run: namedIn("/tmp", "touch", "-d", "@1", "build/provoked")},
		"make-immutable":          {run: named("chattr", "-R", "+i", "/etc/provoked")},
		"list-attributes":         {run: named("chattr", "+C", "/var/lib/provoked")},
		"alias-shadow":            {run: inTemporary(alias("/etc/shadow"))},
		"alias-hosts":             {run: inTemporary(alias("/etc/hosts"))},
		"hardlink-preload":        hiding("/etc", all(there("/etc/ld.so.preload"), func() error { return os.Link("/etc/ld.so.preload", "/etc/x") })),
		"write-through-root":      {run: inTemporary(func(dir string) error { return write("/proc/self/root" + dir + "/x")() })},
	})
}

// exchangePasswd puts a file in the place of another, whose name is the first.
func exchangePasswd() error {
	return unix.Renameat2(unix.AT_FDCWD, "/etc/passwd", unix.AT_FDCWD, "/etc/provoked", unix.RENAME_EXCHANGE)
}

func mountOverFile(path string) func() error {
	return func() error { return unix.Mount("/proc/self/status", path, "", unix.MS_BIND, "") }
}

func remove(path string) func() error { return func() error { return os.Remove(path) } }

// script makes a file that a shell runs.
func script(path string) func() error {
	return func() error { return os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755) }
}

// idle runs a copy of this program, or itself, by a path.
func idle(path string) func() error {
	return func() error {
		cmd := exec.Command(path)
		cmd.Env = append(os.Environ(), idleMark+"=1")
		return cmd.Run()
	}
}

func alias(target string) func(string) error {
	return func(dir string) error { return os.Symlink(target, filepath.Join(dir, "alias")) }
}

// memory returns an anonymous file that holds this program.
func memory() (int, error) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return 0, err
	}
	fd, err := unix.MemfdCreate("provoked", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	_, err = unix.Write(fd, self)
	return fd, err
}

func memfdExec() error {
	fd, err := memory()
	if err != nil {
		return err
	}
	return idle(byDescriptor(fd))()
}

func memfdExecveat() error {
	fd, err := memory()
	if err != nil {
		return err
	}
	return execveat(fd)
}

func byDescriptor(fd int) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd) }

// execveat goes on as the program that is open, under a forged name, and does
// nothing there.
func execveat(fd int) error {
	name, _ := unix.BytePtrFromString("[kworker/0:1]")
	empty, _ := unix.BytePtrFromString("")
	var env []*byte
	for _, e := range append(os.Environ(), idleMark+"=1") {
		p, err := unix.BytePtrFromString(e)
		if err != nil {
			return err
		}
		env = append(env, p)
	}
	args, env := []*byte{name, nil}, append(env, nil)
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)),
		uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

// gone returns an open program that was deleted.
func gone(dir string) (int, error) {
	path := filepath.Join(dir, "gone")
	if err := copySelf(path)(); err != nil {
		return 0, err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return fd, os.Remove(path)
}

func deletedExec(dir string) error {
	fd, err := gone(dir)
	if err != nil {
		return err
	}
	return idle(byDescriptor(fd))()
}

// deletedExecByPID runs the deleted program of another process.
func deletedExecByPID(dir string) error {
	other, err := waiting(dir, "gone")
	if err != nil {
		return err
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	if err := os.Remove(other.Path); err != nil {
		return err
	}
	return idle("/proc/" + strconv.Itoa(other.Process.Pid) + "/exe")()
}

// fdExecSystem runs an installed program by its descriptor, as some sandboxes do.
func fdExecSystem() error {
	fd, err := unix.Open("/bin/true", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return exec.Command(byDescriptor(fd)).Run()
}

func hiddenFolderExec() error {
	const path = "/var/tmp/.provoked/tool"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return all(copySelf(path), idle(path))()
}

// waiting starts a process of that name, which waits until it is killed.
func waiting(dir, name string) (*exec.Cmd, error) {
	path := filepath.Join(dir, name)
	if err := copySelf(path)(); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "wait")
	in, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_, err = in.Read(make([]byte, 1)) // it runs
	return cmd, err
}

// killed is a step that ends a process of that name.
func killed(name string, signal unix.Signal) func(string) error {
	return func(dir string) error {
		cmd, err := waiting(dir, name)
		if err != nil {
			return err
		}
		err = unix.Kill(cmd.Process.Pid, signal)
		_ = cmd.Wait()
		return err
	}
}

// mountOver hides what a folder holds behind an empty file system.
func mountOver(dir string) func() error {
	return func() error { return unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755") }
}
