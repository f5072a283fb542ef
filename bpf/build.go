// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// BuildOptions say what to build, and where.
type BuildOptions struct {
	Release string    // of the kernel
	Headers string    // its build folder; "" is /lib/modules/RELEASE/build
	Root    string    // where the absolute paths in the headers begin; "" is /
	Dir     string    // gets the sources and all products; must exist and be empty
	Output  io.Writer // what is run and what it says; nil: only shown when it fails
}

// compilers are the three programs that lead from C to an object, all of one
// version.
type compilers struct{ clang, opt, llc string }

// newestClang and oldestClang bound the versions that are looked for by name.
const (
	newestClang = 22
	oldestClang = 14
)

// ErrNoCompiler says that there is no clang with its opt and llc.
var ErrNoCompiler = errors.New("clang and llvm (clang, opt and llc of one version, 14 or newer) are not installed")

// findCompilers looks for the newest that are complete.
func findCompilers(look func(string) (string, error)) (compilers, error) {
	suffixes := make([]string, 0, newestClang-oldestClang+2)
	for v := newestClang; v >= oldestClang; v-- {
		suffixes = append(suffixes, fmt.Sprintf("-%d", v))
	}
	for _, suffix := range append(suffixes, "") {
		clang, err1 := look("clang" + suffix)
		opt, err2 := look("opt" + suffix)
		llc, err3 := look("llc" + suffix)
		if errors.Join(err1, err2, err3) == nil {
			return compilers{clang, opt, llc}, nil
		}
	}
	return compilers{}, ErrNoCompiler
}

// FindCompiler returns the clang that a probe would be compiled with; look finds
// a program by its name, as exec.LookPath does.
func FindCompiler(look func(string) (string, error)) (string, error) {
	c, err := findCompilers(look)
	return c.clang, err
}

// Build compiles the probe against a kernel's headers and returns where the
// object lies. It says what is missing before it begins.
//
// Kernel headers need the host's architecture in the front end, so the way
// leads over LLVM's intermediate form.
func Build(ctx context.Context, o BuildOptions) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("build the legacy probe for %s: %w", o.Release, err)
	}
	if o.Headers == "" {
		o.Headers = "/lib/modules/" + o.Release + "/build"
	}
	source, err := sourceTree(o.Root, o.Headers)
	if err != nil {
		return fail(fmt.Errorf("%w; install the headers of this very kernel (Debian, Ubuntu: linux-headers-%s; Fedora, RHEL: kernel-devel-%s), or use modern_bpf",
			err, o.Release, o.Release))
	}
	tools, err := findCompilers(exec.LookPath)
	if err != nil {
		return fail(err)
	}
	if err := WriteSources(o.Dir); err != nil {
		return fail(err)
	}
	resources, err := exec.CommandContext(ctx, tools.clang, "-print-resource-dir").Output()
	if err != nil {
		return fail(fmt.Errorf("%s: %w", tools.clang, err))
	}
	bitcode, optimised, object := filepath.Join(o.Dir, "probe.bc"), filepath.Join(o.Dir, "optimised.bc"), filepath.Join(o.Dir, "probe.o")
	front := append(flags(strings.TrimSpace(string(resources)), source, o.Headers, o.Dir), "-c", filepath.Join(o.Dir, mainSource), "-o", bitcode)
	for _, step := range [][]string{
		append([]string{tools.clang}, front...),
		{tools.opt, "-O2", "-mtriple=bpf-pc-linux", bitcode, "-o", optimised},
		{tools.llc, "-march=bpf", "-mcpu=v3", "-filetype=obj", optimised, "-o", object},
	} {
		if err := runStep(ctx, step, o.Output); err != nil {
			return fail(err)
		}
	}
	return object, nil
}

func runStep(ctx context.Context, step []string, output io.Writer) error {
	cmd := exec.CommandContext(ctx, step[0], step[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if output != nil {
		fmt.Fprintln(output, strings.Join(step, " "))
		cmd.Stdout = io.MultiWriter(output, &log)
		cmd.Stderr = cmd.Stdout
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		text := log.String()
		if len(text) > maxLog {
			text = text[:maxLog] + "..."
		}
		return fmt.Errorf("%s: %w\n%s", step[0], err, text)
	}
	return nil
}

// maxLog bounds what is told of a compiler's errors: the first ones tell most.
const maxLog = 4 << 10

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
func flags(resources, source, build, dir string) []string {
	arch, target := "x86", []string{"-D__TARGET_ARCH_x86", "-m64", "-mcmodel=kernel", "-mno-sse", "-mno-mmx"}
	if runtime.GOARCH == "arm64" {
		arch, target = "arm64", []string{"-D__TARGET_ARCH_arm64", "-mlittle-endian", "-mgeneral-regs-only"}
	}
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
