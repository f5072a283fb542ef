// SPDX-License-Identifier: Apache-2.0

// Guest is process 1 of a test machine: it mounts what tests need, loads the
// module if there is one, runs the tests in /tests, tries the agent, tells the
// outcome on the console and switches the machine off.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/kmod"
)

// isCat reports whether this program stands for cat.
func isCat() bool { return filepath.Base(os.Args[0]) == "cat" }

func init() {
	if isCat() {
		runtime.LockOSThread() // its first thread is whose events are looked at
	}
}

// cat reads the files that are named, or what the agent is to notice.
func cat() {
	files := os.Args[1:]
	if len(files) == 0 {
		files = []string{"/etc/shadow"}
	}
	for _, name := range files {
		if _, err := os.ReadFile(name); err != nil {
			fmt.Fprintln(os.Stderr, "cat:", err)
			os.Exit(1)
		}
	}
}

func main() {
	if isCat() {
		cat()
		return
	}
	if os.Args[0] == "become" {
		fmt.Fprintln(os.Stderr, "become:", become(os.Args[1], os.Args[2:]))
		os.Exit(1)
	}
	mount()
	env := map[string]string{}
	for _, word := range strings.Fields(read("/proc/cmdline")) {
		if k, v, ok := strings.Cut(word, "="); ok && strings.HasPrefix(k, "TIERCEL_") {
			env[k] = v
		}
	}
	for k, v := range map[string]string{"PATH": "/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "TIERCEL_LIVE": "require"} {
		os.Setenv(k, v)
	}
	for k, v := range env {
		os.Setenv(k, v)
	}
	fmt.Printf("@@KERNEL %s\n", release())
	switch cell := os.Getenv("TIERCEL_CELL"); {
	case cell == "none": // only asks whether a machine comes up
	case cell == "hostile":
		path, err := kmod.Find("", release())
		if err == nil {
			err = kmod.Load(path)
		}
		outcome("module loads", err)
		hostile()
		outcome("kernel log", kernelLog(faults))
		littleMemory()
		outcome("module unloads", kmod.Unload())
		outcome("kernel log without memory", kernelLog(faults[:3])) // the kernel tells whom it killed with a trace
	case strings.HasPrefix(cell, "provision-"):
		outcome("provisioning script", provision())
		outcome("kernel log", kernelLog(faults))
	default:
		tests(cell)
		outcome("kernel log", kernelLog(faults))
	}
	fmt.Println("@@DONE")
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// tests does what a cell of a kind is for (see test/vm/kinds.go).
func tests(cell string) {
	pattern, comparing := "Live", true // all drivers, and no agent
	switch cell {
	case "parity":
		os.Setenv("TIERCEL_PARITY", "1")
		pattern = "LiveParity"
	case "cost":
		os.Setenv("TIERCEL_COST", "1")
		pattern = "LiveCost"
	case "hotplug":
		pattern = "LiveCPU|LiveACPU"
	case "rate":
		os.Setenv("TIERCEL_RATE", "1")
		pattern = "LiveRate"
	default:
		if os.Getenv("TIERCEL_DRIVER") == "" {
			os.Setenv("TIERCEL_DRIVER", cell)
		}
		comparing = false
	}
	withModule := cell == "kmod" || comparing
	if withModule {
		path, err := kmod.Find("", release())
		os.Setenv("TIERCEL_MODULE", path)
		switch {
		case err != nil:
			outcome("module loads", err)
		case cell == "kmod":
			outcome("commands", moduleCommands())
		default:
			outcome("module loads", kmod.Load(path))
		}
	}
	if cell == "locked" {
		outcome("lockdown", locked())
		os.Setenv("TIERCEL_DRIVER", "modern_bpf")
	}
	if _, err := os.Stat("/tests/compat32"); err == nil {
		os.Setenv("TIERCEL_COMPAT", "/tests/compat32")
	}
	programs, _ := filepath.Glob("/tests/*.test")
	for _, t := range programs {
		outcome(strings.TrimSuffix(filepath.Base(t), ".test"), run(t, pattern))
	}
	if !comparing {
		outcome("agent", agent())
	}
	if !comparing && cell != "locked" {
		outcome("two agents", twoAgents(os.Getenv("TIERCEL_DRIVER")))
	}
	if cell == "kmod" {
		outcome("killed agents", killedAgents())
	}
	if withModule {
		outcome("module unloads", kmod.Unload())
	}
	if cell == "kmod" {
		outcome("refused modules", moduleRefused())
	}
}

func mount() {
	for _, m := range []struct{ what, where, kind string }{
		{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"devtmpfs", "/dev", "devtmpfs"}, {"tmpfs", "/tmp", "tmpfs"},
		{"bpf", "/sys/fs/bpf", "bpf"}, {"debugfs", "/sys/kernel/debug", "debugfs"}, {"securityfs", "/sys/kernel/security", "securityfs"},
		{"cgroup2", "/sys/fs/cgroup", "cgroup2"},
	} {
		_ = os.MkdirAll(m.where, 0o755)
		if err := unix.Mount(m.what, m.where, m.kind, 0, ""); err != nil {
			fmt.Printf("mount %s: %v\n", m.where, err)
		}
	}
	// The console of process 1 is opened before there is a /dev.
	if fd, err := unix.Open("/dev/console", unix.O_RDWR, 0); err == nil {
		for i := range 3 {
			_ = unix.Dup2(fd, i)
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if req, err := unix.NewIfreq("lo"); err == nil {
		req.SetUint16(unix.IFF_UP)
		_ = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
	}
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func release() string {
	r, _ := kmod.Release()
	return r
}

func outcome(name string, err error) {
	if err != nil {
		fmt.Printf("@@FAIL %s: %v\n", name, strings.ReplaceAll(err.Error(), "\n", " | "))
		return
	}
	fmt.Printf("@@OK %s\n", name)
}

// run runs a test program and passes on what it says of itself, when it says it:
// where a machine stops, its console tells in which test.
func run(path, pattern string) error {
	cmd := exec.Command(path, "-test.v", "-test.run="+pattern, "-test.timeout=8m")
	cmd.Dir = filepath.Dir(path)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	return cmd.Run()
}

// agent runs the agent with its default rules and the cell's driver, reads
// /etc/shadow as cat, and waits for the alert.
func agent() error {
	cmd := exec.Command("/tiercel", "--driver", os.Getenv("TIERCEL_DRIVER"), "-M", "180",
		"-o", "log_stderr=true", "-o", "log_syslog=false", "-o", "json_output=true", "-o", "stdout_output.enabled=true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	found := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			if strings.Contains(s.Text(), "/etc/shadow") {
				found <- s.Text()
				return
			}
		}
	}()
	for time.Since(began) < patience {
		_ = exec.Command("/bin/cat").Run()
		select {
		case line := <-found:
			fmt.Printf("alert after %v: %s\n", time.Since(began).Round(time.Millisecond), line)
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return fmt.Errorf("no alert in %v; the log says: %s", time.Since(began).Round(time.Second), log.String())
}

// faults are what must not be in the kernel's log: an oops, a warning, a stall.
var faults = []string{"BUG:", "Oops", "general protection", "Call Trace", "WARNING:", "rcu: INFO", "soft lockup", "UBSAN", "KASAN", "scheduling while atomic"}

func kernelLog(faults []string) error {
	buf := make([]byte, 1<<20)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(buf[:n])) {
		for _, bad := range faults {
			if strings.Contains(line, bad) {
				fmt.Print(string(buf[:n]))
				return fmt.Errorf("%s", strings.TrimSpace(line))
			}
		}
	}
	return nil
}
