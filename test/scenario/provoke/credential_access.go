// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// home is a user's folder that is there in the step's own view only.
const home = "/root"

func init() {
	etc := []string{"/etc"}
	roots := []string{home}
	provide(map[string]step{
		"read-shadow":                    {run: command("cat", "/etc/shadow")},
		"open-shadow":                    {run: read("/etc/shadow")},
		"read-shadow-as-sshd":            {run: as("sshd", "open-shadow")},
		"read-shadow-relatively":         {run: relatively("shadow")},
		"read-shadow-by-openat2":         {run: byOpenat2("/etc/shadow")},
		"read-shadow-by-handle":          {run: byHandle("/etc/shadow")},
		"read-shadow-through-root":       {run: read("/proc/self/root/etc/shadow")},
		"read-shadow-through-descriptor": {run: throughDescriptor("/etc", "shadow")},
		"read-environ-as-gdb":            {run: as("gdb", "read-environ")},
		"link-shadow":                    {run: all(made("/etc/shadow"), hardLink("/etc/shadow", "/etc/provoked")), isolated: true, empty: etc},
		"rename-shadow":                  {run: all(made("/etc/shadow"), move("/etc/shadow", "/etc/provoked")), isolated: true, empty: etc},
		"replace-shadow":                 {run: all(made("/etc/nshadow"), move("/etc/nshadow", "/etc/shadow")), isolated: true, empty: etc},
		"benign-reads":                   {run: benignReads},

		"read-ssh-key":         {run: viewed("cat", home+"/.ssh/id_ed25519"), isolated: true, empty: roots},
		"link-ssh-private-key": {run: all(made(home+"/.ssh/id_rsa"), hardLink(home+"/.ssh/id_rsa", home+"/x")), isolated: true, empty: roots},
		"move-ssh-private-key": {run: all(made(home+"/.ssh/id_rsa"), move(home+"/.ssh/id_rsa", home+"/x")), isolated: true, empty: roots},
		"read-host-key":        {run: viewed("base64", "/etc/ssh/ssh_host_ed25519_key"), isolated: true, empty: []string{"/etc/ssh"}},
		"read-ssh-config": {run: all(viewed("cat", home+"/.ssh/config"), viewed("cat", home+"/.ssh/id_ed25519.pub"),
			viewed("cat", "/etc/ssh/ssh_host_ed25519_key.pub")), isolated: true, empty: []string{home, "/etc/ssh"}},

		"read-aws-credentials": {run: viewed("cat", home+"/.aws/credentials"), isolated: true, empty: roots},
		"read-kube-config":     {run: viewed("cp", home+"/.kube/config", home+"/copy"), isolated: true, empty: roots},
		"read-netrc":           {run: viewed("head", home+"/.netrc"), isolated: true, empty: roots},
		"read-aws-config":      {run: viewed("cat", home+"/.aws/config"), isolated: true, empty: roots},

		"read-browser-passwords": {run: viewed("cat", home+"/.mozilla/firefox/x.default/logins.json"), isolated: true, empty: roots},
		"read-gnupg-key":         {run: viewed("cat", home+"/.gnupg/private-keys-v1.d/00.key"), isolated: true, empty: roots},
		"read-browser-history":   {run: viewed("cat", home+"/.mozilla/firefox/x.default/places.sqlite"), isolated: true, empty: roots},

		"read-environ":        {run: ofChild("environ", os.O_RDONLY)},
		"read-memory":         {run: ofChild("mem", os.O_RDONLY)},
		"read-memory-by-call": {run: moveMemory(unix.ProcessVMReadv)},
		"read-own-environ":    {run: all(command("cat", "/proc/self/environ"), ofChild("status", os.O_RDONLY))},

		"read-service-token":     {run: viewed("cat", "/run/secrets/kubernetes.io/serviceaccount/token"), isolated: true, empty: []string{"/run"}},
		"read-service-namespace": {run: viewed("cat", "/run/secrets/kubernetes.io/serviceaccount/namespace"), isolated: true, empty: []string{"/run"}},

		"read-history": {run: viewed("cat", home+"/.bash_history"), isolated: true, empty: roots},
		"read-profile": {run: viewed("cat", home+"/.bashrc"), isolated: true, empty: roots},

		"search-keys":    {run: command("find", "/dev/null", "-name", "id_rsa*")},
		"search-nothing": {run: command("find", "/dev/null", "-name", "*.txt")},
	})
}

// relatively opens a file of /etc by a way round from there.
func relatively(name string) func() error {
	return func() error {
		if err := os.Chdir("/etc"); err != nil {
			return err
		}
		return read("./../usr/../etc/" + name)()
	}
}

func byOpenat2(path string) func() error {
	return func() error {
		fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC})
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}
}

// byHandle opens a file without naming it in the call.
func byHandle(path string) func() error {
	return func() error {
		handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
		if err != nil {
			return err
		}
		root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(root)
		fd, err := unix.OpenByHandleAt(root, handle, unix.O_RDONLY|unix.O_CLOEXEC)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}
}

// made is a step that makes an empty file without opening it.
func made(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return unix.Mknod(path, unix.S_IFREG|0o644, 0)
	}
}

// viewed is a step that has a program read a file.
func viewed(program, path string, more ...string) func() error {
	return all(made(path), func() error {
		out, err := exec.Command(program, append([]string{path}, more...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", program, err, out)
		}
		return nil
	})
}

func hardLink(old, name string) func() error { return func() error { return os.Link(old, name) } }

func move(old, name string) func() error { return func() error { return os.Rename(old, name) } }

// ofChild opens a file that the kernel shows of a child.
func ofChild(file string, flags int) func() error {
	return func() error {
		child := exec.Command("sleep", "5")
		if err := child.Start(); err != nil {
			return err
		}
		defer func() { child.Process.Kill(); child.Wait() }()
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", child.Process.Pid, file), flags, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
}

// moveMemory copies memory by a call that names a process: this one.
func moveMemory(call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error)) func() error {
	return func() error {
		var here, there [8]byte
		local := []unix.Iovec{{Base: &here[0], Len: 8}}
		remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&there[0])), Len: 8}}
		_, err := call(os.Getpid(), local, remote, 0)
		return err
	}
}

// benignReads opens files that resemble the watched ones and must raise nothing.
func benignReads() error {
	for _, path := range []string{"/etc/passwd", "/etc/hosts"} {
		if _, err := os.ReadFile(path); err != nil {
			return err
		}
	}
	if _, err := os.ReadFile("/etc/shadow-that-is-not-there"); err == nil {
		return fmt.Errorf("found a file that should not exist")
	}
	return exec.Command("true").Run()
}

// throughDescriptor reads a file by the name of an open folder below /proc.
func throughDescriptor(dir, name string) func() error {
	return func() error {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		return read(fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name))()
	}
}
