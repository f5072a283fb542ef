// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const sudoers = "/etc/sudoers.d/provoked"

func init() {
	etc := []string{"/etc"}
	provide(map[string]step{
		"setuid-bit":               {run: changed(func(path string) error { return exec.Command("chmod", "u+s", path).Run() })},
		"setuid-bit-by-open":       {run: setuidByOpen},
		"setuid-bit-by-openat2":    {run: setuidByOpenat2},
		"setgid-bit-by-descriptor": {run: changed(setgidByDescriptor)},
		"setuid-bit-by-fchmodat2":  {run: changed(setuidByFchmodat2)},
		"failing-chmod":            {run: refused(func() error { return unix.Chmod("/nonexistent/file", 0o4755) })},
		"sticky-bit":               {run: changed(func(path string) error { return unix.Chmod(path, 0o1755) })},

		"set-capability":  {run: changed(setCapability)},
		"run-setcap":      {run: as("setcap", "nothing")},
		"read-capability": {run: changed(readCapability)},
		"nothing":         {run: func() error { return nil }},

		"ptrace":               {run: attach},
		"ptrace-own-child":     {run: traceChild},
		"write-memory":         {run: ofChild("mem", os.O_RDWR)},
		"write-memory-by-call": {run: moveMemory(unix.ProcessVMWritev)},
		"write-own-memory":     {run: command("bash", "-c", "exec 3<>/proc/self/mem")},

		"load-module":             {run: refused(func() error { return unix.InitModule([]byte("not a module"), "tiercel=provoked") })},
		"load-module-as-modprobe": {run: as("modprobe", "load-module")},
		"run-insmod":              {run: as("insmod", "nothing")},
		"load-bpf":                {run: bpf(unix.BPF_PROG_LOAD)},
		"make-bpf-map":            {run: bpf(unix.BPF_MAP_CREATE)},

		"userfaultfd-of-root":      {run: userfaultfd},
		"userfaultfd-of-nobody":    {run: all(becomeNobody, userfaultfd)},
		"user-namespace-of-root":   {run: userNamespace},
		"user-namespace-of-nobody": {run: all(becomeNobody, userNamespace)},
		"user-namespace-by-clone":  {run: all(becomeNobody, userNamespaceByClone)},
		"write-sudoers":            {run: write(sudoers), isolated: true, empty: etc},
		"rename-sudoers":           {run: all(made("/etc/provoked"), made("/etc/sudoers.d/x"), move("/etc/provoked", sudoers)), isolated: true, empty: etc},
		"link-sudoers":             {run: all(made("/etc/provoked"), made("/etc/sudoers.d/x"), hardLink("/etc/provoked", sudoers)), isolated: true, empty: etc},
		"write-polkit-rule":        {run: write("/etc/polkit-1/rules.d/49-provoked.rules"), isolated: true, empty: etc},
		"read-sudoers":             {run: all(made(sudoers), read(sudoers)), isolated: true, empty: etc},
	})
}

// changed is a step on a file of its own.
func changed(what func(path string) error) func() error {
	return func() error {
		f, err := os.CreateTemp("", "tiercel-provoke-")
		if err != nil {
			return err
		}
		f.Close()
		defer os.Remove(f.Name())
		return what(f.Name())
	}
}

func setuidByOpen() error {
	dir, err := os.MkdirTemp("", "tiercel-provoke-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fd, err := unix.Open(dir+"/provoked", unix.O_CREAT|unix.O_WRONLY, 0o4755)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func setuidByOpenat2() error {
	dir, err := os.MkdirTemp("", "tiercel-provoke-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fd, err := unix.Openat2(unix.AT_FDCWD, dir+"/provoked", &unix.OpenHow{Flags: unix.O_CREAT | unix.O_WRONLY, Mode: 0o4755})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// setuidByFchmodat2 makes the call that old kernels lack: the attempt is seen.
func setuidByFchmodat2(path string) error {
	cwd := unix.AT_FDCWD // negative: a constant cannot be converted
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_FCHMODAT2, uintptr(cwd), uintptr(unsafe.Pointer(name)), 0o4755, 0, 0, 0)
	if errno != 0 && errno != unix.ENOSYS {
		return errno
	}
	return nil
}

func setgidByDescriptor(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fchmod(int(f.Fd()), 0o2755)
}

// setCapability gives a file cap_net_bind_service: capability sets of revision
// 2, little-endian.
func setCapability(path string) error {
	return unix.Setxattr(path, "security.capability", []byte{0, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0)
}

func readCapability(path string) error {
	if _, err := unix.Getxattr(path, "security.capability", make([]byte, 32)); err != nil && !errors.Is(err, unix.ENODATA) {
		return err
	}
	return nil
}

func attach() error {
	victim := exec.Command("sleep", "5")
	if err := victim.Start(); err != nil {
		return err
	}
	defer func() { victim.Process.Kill(); victim.Wait() }()
	if err := unix.PtraceAttach(victim.Process.Pid); err != nil {
		return err
	}
	var st unix.WaitStatus
	if _, err := unix.Wait4(victim.Process.Pid, &st, 0, nil); err != nil {
		return err
	}
	return unix.PtraceDetach(victim.Process.Pid)
}

// traceChild lets a child ask for being traced, as debuggers start programs.
func traceChild() error {
	child := exec.Command("true")
	child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	var st unix.WaitStatus
	if _, err := unix.Wait4(child.Process.Pid, &st, 0, nil); err != nil {
		return err
	}
	return unix.PtraceDetach(child.Process.Pid)
}

// bpf makes the call with attributes that are no good: the attempt is seen.
func bpf(command uintptr) func() error {
	return refused(func() error {
		var attributes [128]byte
		_, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&attributes[0])), unsafe.Sizeof(attributes))
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// becomeNobody gives up root, for good.
func becomeNobody() error {
	const nobody = 65534
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setresgid(nobody, nobody, nobody); err != nil {
		return err
	}
	return syscall.Setresuid(nobody, nobody, nobody)
}

// userfaultfd asks for the descriptor; a refusal is fine.
func userfaultfd() error {
	if fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0); errno == 0 {
		return unix.Close(int(fd))
	}
	return nil
}

// userNamespace asks for one. A program with several threads gets none.
func userNamespace() error {
	_ = unix.Unshare(unix.CLONE_NEWUSER)
	return nil
}

func userNamespaceByClone() error {
	child := exec.Command("true")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	_ = child.Run()
	return nil
}
