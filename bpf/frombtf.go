// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/bpf/btfheaders"
)

// runningBTF is where the running kernel tells its types.
const runningBTF = "/sys/kernel/btf/vmlinux"

// Plan decides what a probe is compiled against, and returns the options with
// either Headers or BTF set: what is asked for; else the headers in
// /lib/modules, if the compilers for them are there; else the kernel's BTF, which
// the running kernel has itself, and others in a vmlinux that was installed
// beside them.
func Plan(o BuildOptions) (BuildOptions, error) {
	switch {
	case o.BTF != "" && o.Headers != "":
		return o, errors.New("headers and BTF are two ways to the same end: give one of them")
	case o.BTF != "":
		return o, nil
	case o.Headers != "":
		if _, err := sourceTree(o.Root, o.Headers); err != nil {
			return o, advice(err, o.Release)
		}
		return o, nil
	}
	headers := "/lib/modules/" + o.Release + "/build"
	_, noHeaders := sourceTree(o.Root, headers)
	_, noCompilers := findCompilers(exec.LookPath)
	file := ""
	if i := slices.IndexFunc(btfFiles(o.Release, running()), exists); i >= 0 {
		file = btfFiles(o.Release, running())[i]
	}
	return pick(o, headers, file, noHeaders, noCompilers)
}

// pick takes headers if they can be used, else BTF, for which clang is enough.
func pick(o BuildOptions, headers, file string, noHeaders, noCompilers error) (BuildOptions, error) {
	switch {
	case noHeaders == nil && (noCompilers == nil || file == ""):
		o.Headers = headers
	case file != "":
		o.BTF = file
	default:
		return o, advice(fmt.Errorf("%w, nor BTF of it", noHeaders), o.Release)
	}
	return o, nil
}

func advice(err error, release string) error {
	return fmt.Errorf("%w; install the headers of this very kernel (Debian, Ubuntu: linux-headers-%s; Fedora, RHEL: kernel-devel-%s), give a file with its BTF (--btf), or use modern_bpf",
		err, release, release)
}

// running is the running kernel's release, "" if it cannot be had.
func running() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// btfFiles are the places where a kernel's BTF may be.
func btfFiles(release, running string) []string {
	files := []string{
		"/boot/vmlinux-" + release, "/lib/modules/" + release + "/vmlinux", "/lib/modules/" + release + "/build/vmlinux",
		"/usr/lib/debug/boot/vmlinux-" + release, "/usr/lib/debug/lib/modules/" + release + "/vmlinux",
	}
	if release == running {
		return append([]string{runningBTF}, files...)
	}
	return files
}

// kernelTypes are the types that the probe looks into; what they hold comes
// with them.
var kernelTypes = []string{
	"cgroup", "cgroup_subsys_id", "cgroup_subsys_state", "cred", "css_set", "dentry", "fdtable", "file", "files_struct", "fs_struct",
	"in6_addr", "inet_sock", "inode", "ipv6_pinfo", "kernfs_node", "linux_binprm", "list_head", "mm_struct", "mount", "nsproxy",
	"path", "pid", "pid_namespace", "pid_type", "pt_regs", "rlimit", "signal_struct", "sock", "sock_common", "socket",
	"super_block", "task_struct", "thread_info", "tty_driver", "tty_struct", "unix_address", "unix_sock", "upid", "vfsmount",
}

// kernelParts are members and enumerators that not all kernels have, or have elsewhere.
var kernelParts = []string{
	"cgroup_subsys_id.cpuset_cgrp_id", "cgroup_subsys_id.cpu_cgrp_id", "cgroup_subsys_id.cpuacct_cgrp_id",
	"cgroup_subsys_id.io_cgrp_id", "cgroup_subsys_id.memory_cgrp_id",
	"inode.__i_ctime", "inode.__i_mtime", "inode.i_mtime_sec", "kernel_cap_struct.cap", "kernfs_node.__parent", "mm_rss_stat.count",
	"signal_struct.has_child_subreaper", "signal_struct.is_child_subreaper", "task_struct.loginuid",
}

// ourTypes are names that the probe gives to types itself (probe/abi.h).
var ourTypes = []string{"bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64"}

// fromBTF compiles the sources in the build's folder against a header that is
// made from the kernel's BTF.
func fromBTF(ctx context.Context, o *BuildOptions, object string) error {
	clang, err := FindClang(exec.LookPath)
	if err != nil {
		return err
	}
	if err := isOfKernel(o.BTF, o.Release); err != nil {
		return err
	}
	if err := writeKernelHeader(o.BTF, filepath.Join(o.Dir, "kernel.h")); err != nil {
		return err
	}
	return runStep(ctx, slices.Concat([]string{clang}, flagsFromBTF(o), []string{"-c", filepath.Join(o.Dir, mainSource), "-o", object}), o.Output)
}

// isOfKernel refuses another kernel's types for the running one: the probe would
// load all the same, and tell nonsense.
func isOfKernel(file, release string) error {
	if file == runningBTF || release != running() {
		return nil
	}
	its, err := os.ReadFile(runningBTF)
	if err != nil {
		return nil // nothing to compare with
	}
	given, err := rawBTF(file)
	if err != nil {
		return fmt.Errorf("read the BTF in %s: %w", file, err)
	}
	if !bytes.Equal(given, its) {
		return fmt.Errorf("%s has the BTF of another kernel than the running one; say of which with --kernel", file)
	}
	return nil
}

// rawBTF returns the BTF in a file: all of it, or a section of an ELF object.
func rawBTF(file string) ([]byte, error) {
	e, err := elf.Open(file)
	if err != nil {
		return os.ReadFile(file)
	}
	defer e.Close()
	section := e.Section(".BTF")
	if section == nil {
		return nil, errors.New("it has no section .BTF")
	}
	return section.Data()
}

// flagsFromBTF are those of the compiler, which needs no way round here.
func flagsFromBTF(o *BuildOptions) []string {
	return []string{
		"-target", "bpf", "-mcpu=v3", "-O2", "-std=gnu11", "-nostdinc", "-DTCL_FROM_BTF", "-D__TARGET_ARCH_" + kernelArch(o.Arch),
		"-fno-jump-tables", "-fno-strict-aliasing", "-w", "-Werror=implicit-function-declaration",
		"-I" + o.Dir, "-I" + filepath.Join(o.Dir, "shell"), "-I" + filepath.Join(o.Dir, "probe"),
	}
}

func writeKernelHeader(from, to string) error {
	spec, err := btf.LoadSpec(from)
	if err != nil {
		return fmt.Errorf("read the BTF in %s: %w", from, err)
	}
	var text bytes.Buffer
	if err := btfheaders.Write(&text, spec, btfheaders.Options{Types: kernelTypes, Declared: ourTypes, Ask: kernelParts}); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, text.Bytes(), 0o644)
}
