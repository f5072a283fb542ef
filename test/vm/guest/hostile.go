// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hostile goes through what a host can keep from an agent. Each is refused with
// a message that names it, or survived; the module must be unloadable behind it.
func hostile() {
	drivers := []string{"modern_bpf", "kmod", "bpf"}
	for _, d := range drivers {
		outcome(d+" without capabilities", refused(nobody, "--driver "+d, "CAP_", "permission", "not permitted"))
	}
	for _, d := range []string{"modern_bpf", "bpf"} {
		outcome(d+" with 24 descriptors", refused(as("few-files"), "--driver "+d, "too many open files"))
	}
	for _, d := range []string{"modern_bpf", "bpf"} {
		outcome(d+" without bpf(2)", refused(as("no-bpf"), "--driver "+d, "not permitted", "CAP_BPF"))
	}
	outcome("bpf without perf events", refused(as("no-perf"), "--driver bpf", "not permitted", "CAP_PERFMON"))
	hardened := errors.Join(
		harden("kernel/perf_event_paranoid", "3"), harden("kernel/unprivileged_bpf_disabled", "1"),
		harden("net/core/bpf_jit_harden", "2"), harden("kernel/kptr_restrict", "2"), harden("kernel/dmesg_restrict", "1"))
	for _, mount := range []string{"/sys/fs/bpf", "/sys/kernel/debug"} {
		hardened = errors.Join(hardened, unix.Unmount(mount, 0))
	}
	outcome("hardened", hardened)
	for _, d := range drivers {
		outcome(d+" on a hardened host", alerts(d))
	}
	err := unix.Mount("tmpfs", "/sys/kernel/btf", "tmpfs", 0, "")
	if err == nil {
		err = errors.Join(
			refused(as("root"), "--driver modern_bpf", "BTF"),
			step{"driver build bpf --force", true, "BTF"}.run(),
			alerts("auto"), alerts("kmod"), alerts("bpf"),
			unix.Unmount("/sys/kernel/btf", 0))
	}
	outcome("no BTF, no headers", err)
}

// littleMemory is what comes last: the kernel's log tells of whom it killed.
func littleMemory() {
	for _, d := range []string{"modern_bpf", "kmod", "bpf"} {
		outcome(d+" with 24 MiB of memory", bounded(d))
	}
}

// harden sets a switch of /proc/sys; kernels need not have it.
func harden(name, value string) error {
	err := os.WriteFile("/proc/sys/"+name, []byte(value), 0)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// alerts runs the agent until it tells of something.
func alerts(driver string) error {
	w, err := watch(driver)
	if err != nil {
		return err
	}
	defer func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait()
	}()
	if err := w.sees(); err != nil {
		return fmt.Errorf("%s: %w", driver, err)
	}
	return nil
}

// runAgent lets the agent run for a moment in a place that prepare makes.
func runAgent(prepare func(*exec.Cmd), args string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/tiercel", strings.Fields(args+" -M 2 -o log_syslog=false -o log_stderr=true")...)
	prepare(cmd)
	// An agent that hangs says where.
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }, time.Minute
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(out), err
}

// excerpt is what is told of a long text.
func excerpt(out string) string {
	if i := strings.Index(out, "SIGQUIT: "); i >= 0 {
		return out[i:]
	}
	if i := strings.Index(out, "panic: "); i >= 0 {
		out = out[i:]
	} else if i := strings.LastIndex(out, "Error: "); i >= 0 {
		out = out[i:]
	}
	return out[:min(len(out), 600)]
}

// refused expects the agent to end with an error that has one of the words.
func refused(prepare func(*exec.Cmd), args string, words ...string) error {
	out, err := runAgent(prepare, args)
	if err == nil {
		return fmt.Errorf("tiercel %s: is not refused; says %q", args, excerpt(out))
	}
	if strings.Contains(out, "goroutine ") || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("tiercel %s: %w, says %q", args, err, excerpt(out))
	}
	for _, w := range words {
		if strings.Contains(excerpt(out), w) {
			return nil
		}
	}
	return fmt.Errorf("tiercel %s: %w, says %q, which has none of %q", args, err, excerpt(out), words)
}

// bounded runs the agent where its group has less memory than it needs: it ends
// with a message or by the kernel's hand, and the next one is not disturbed.
func bounded(driver string) error {
	const group = "/sys/fs/cgroup/small"
	_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0)
	if err := os.MkdirAll(group, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(group+"/memory.max", []byte(strconv.Itoa(24<<20)), 0); err != nil {
		return err
	}
	out, err := runAgent(as("small-memory"), "--driver "+driver)
	if strings.Contains(out, "goroutine ") || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w, says %q", err, excerpt(out))
	}
	fmt.Printf("%s with 24 MiB: %v: %s\n", driver, err, excerpt(out))
	return alerts(driver)
}

func nobody(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// as has the guest's own program prepare the place and become the agent.
func as(place string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"become", place, "/tiercel"}, cmd.Args[1:]...)
		cmd.Path = "/init"
	}
}

// become is what the program does as "become PLACE PROGRAM ARGUMENT...".
func become(place string, args []string) error {
	runtime.LockOSThread() // the filter is the thread's
	var err error
	switch place {
	case "few-files":
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 24, Max: 24})
	case "small-memory":
		err = os.WriteFile("/sys/fs/cgroup/small/cgroup.procs", []byte("0"), 0)
	case "no-bpf":
		err = without(unix.SYS_BPF)
	case "no-perf":
		err = without(unix.SYS_PERF_EVENT_OPEN)
	}
	if err != nil {
		return err
	}
	return unix.Exec(args[0], args, os.Environ())
}

// without has the kernel refuse a call to this thread and what it becomes.
func without(nr uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
