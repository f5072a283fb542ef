// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// fromHeaders compiles the sources in the build's folder against kernel headers.
// Those need the host's architecture in the front end, so the way leads over
// LLVM's intermediate form.
func fromHeaders(ctx context.Context, o *BuildOptions, source, object string) error {
	tools, err := findCompilers(exec.LookPath)
	if err != nil {
		return err
	}
	resources, err := exec.CommandContext(ctx, tools.clang, "-print-resource-dir").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", tools.clang, err)
	}
	bitcode, optimised := filepath.Join(o.Dir, "probe.bc"), filepath.Join(o.Dir, "optimised.bc")
	front := append(flags(strings.TrimSpace(string(resources)), source, o), "-c", filepath.Join(o.Dir, mainSource), "-o", bitcode)
	for _, step := range [][]string{
		append([]string{tools.clang}, front...),
		{tools.opt, "-O2", "-mtriple=bpf-pc-linux", bitcode, "-o", optimised},
		{tools.llc, "-march=bpf", "-mcpu=v3", "-filetype=obj", optimised, "-o", object},
	} {
		if err := runStep(ctx, step, o.Output); err != nil {
			return err
		}
	}
	return nil
}

// included finds where a build folder has its makefile from, when headers are
// split into a common part and one of a flavour (Debian, SUSE).
var included = regexp.MustCompile(`(?m)^include (\S+)/Makefile$`)

// sourceTree returns the folder with the headers' common part.
func sourceTree(root, headers string) (string, error) {
	b, err := os.ReadFile(filepath.Join(headers, "Makefile"))
	if err != nil {
		return "", fmt.Errorf("no kernel headers in %s", headers)
	}
	if _, err := os.Stat(filepath.Join(headers, "include/generated/autoconf.h")); err != nil {
		return "", fmt.Errorf("the kernel headers in %s are not configured: %w", headers, err)
	}
	m := included.FindSubmatch(b)
	if m == nil {
		return headers, nil
	}
	path := string(m[1])
	if filepath.IsAbs(path) {
		return filepath.Join(root, path), nil
	}
	return filepath.Join(headers, path), nil
}

// flags are those of the front end.
func flags(resources, source string, o *BuildOptions) []string {
	build, dir, arch := o.Headers, o.Dir, kernelArch(o.Arch)
	target := []string{"--target=x86_64-linux-gnu", "-m64", "-mcmodel=kernel", "-mno-sse", "-mno-mmx"}
	if arch == "arm64" {
		target = []string{"--target=aarch64-linux-gnu", "-mlittle-endian", "-mgeneral-regs-only"}
	}
	target = append(target, "-D__TARGET_ARCH_"+arch)
	args := []string{"-nostdinc", "-isystem", resources + "/include"}
	for _, inc := range []string{
		source + "/arch/" + arch + "/include", build + "/arch/" + arch + "/include/generated",
		source + "/include", build + "/include",
		source + "/arch/" + arch + "/include/uapi", build + "/arch/" + arch + "/include/generated/uapi",
		source + "/include/uapi", build + "/include/generated/uapi",
		dir, filepath.Join(dir, "shell"), filepath.Join(dir, "probe"),
	} {
		args = append(args, "-I"+inc)
	}
	for _, first := range []string{"compiler-version.h", "kconfig.h", "compiler_types.h"} {
		if path := source + "/include/linux/" + first; exists(path) { // the first came with 5.13
			args = append(args, "-include", path)
		}
	}
	args = append(args, target...)
	return append(args, "-D__KERNEL__", "-D__BPF_TRACING__", "-DCC_USING_FENTRY", `-DKBUILD_MODNAME="tiercel"`,
		"-std=gnu11", "-fms-extensions", "-fshort-wchar", "-fno-PIE", "-fno-stack-protector", "-fno-jump-tables",
		"-fno-asynchronous-unwind-tables", "-fno-strict-aliasing", "-fno-strict-overflow",
		// What Linux itself switches off for clang; the headers are not ours.
		"-w",
		// The optimiser runs for the bpf machine, not for this one.
		"-O2", "-emit-llvm", "-Xclang", "-disable-llvm-passes")
}

// kernelArch is Linux's name for one of Go's architectures.
func kernelArch(arch string) string {
	if arch == "amd64" {
		return "x86"
	}
	return arch
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
