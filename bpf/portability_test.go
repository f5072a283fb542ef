// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// headers finds the two halves of Debian's kernel headers in /usr/src: the
// common one and the one of a flavour.
func headers(t *testing.T) (common, flavour string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/src/linux-headers-*-common")
	for _, common := range found {
		version := strings.TrimSuffix(filepath.Base(common), "-common")
		flavours, _ := filepath.Glob("/usr/src/" + version + "-*amd64")
		for _, f := range flavours {
			if _, err := os.Stat(filepath.Join(f, "include/generated/autoconf.h")); err == nil {
				return common, f
			}
		}
	}
	t.Skip("no kernel headers for x86_64 here (Debian: apt-get install linux-headers-cloud-amd64)")
	return "", ""
}

// tool finds the first of some programs.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed (Debian: apt-get install clang-14 llvm-14)", names[0])
	return ""
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The sources that modern_bpf runs are the sources of the legacy probe: they
// compile against a kernel's headers, with no BTF, for the bpf machine. Kernel
// headers need the host's architecture in the front end, so the way leads over
// LLVM's intermediate form.
func TestPortabilityLegacyProbeBuilds(t *testing.T) {
	clang, opt, llc := tool(t, "clang-14"), tool(t, "opt-14"), tool(t, "llc-14")
	common, flavour := headers(t)
	dir := t.TempDir()
	if err := WriteSources(dir); err != nil {
		t.Fatal(err)
	}
	bitcode, optimised, object := filepath.Join(dir, "probe.bc"), filepath.Join(dir, "opt.bc"), filepath.Join(dir, "probe.o")

	args := []string{"-nostdinc", "-isystem", run(t, clang, "-print-resource-dir") + "/include"}
	for _, inc := range []string{
		common + "/arch/x86/include", flavour + "/arch/x86/include/generated",
		common + "/include", flavour + "/include",
		common + "/arch/x86/include/uapi", flavour + "/arch/x86/include/generated/uapi",
		common + "/include/uapi", flavour + "/include/generated/uapi",
		dir, filepath.Join(dir, "probe"),
	} {
		args = append(args, "-I"+inc)
	}
	for _, first := range []string{"compiler-version.h", "kconfig.h", "compiler_types.h"} {
		args = append(args, "-include", common+"/include/linux/"+first)
	}
	args = append(args, "-D__KERNEL__", "-D__BPF_TRACING__", "-D__TARGET_ARCH_x86", `-DKBUILD_MODNAME="tiercel"`,
		"-std=gnu11", "-m64", "-mcmodel=kernel", "-mno-sse", "-mno-mmx", "-fshort-wchar", "-fno-PIE",
		"-fno-stack-protector", "-fno-jump-tables", "-fno-asynchronous-unwind-tables", "-O2", "-Wall", "-Werror",
		// What Linux itself switches off for clang.
		"-Wno-pointer-sign", "-Wno-gnu-variable-sized-type-not-at-end", "-Wno-address-of-packed-member",
		"-Wno-tautological-compare", "-Wno-unused-function", "-Wno-unused-value",
		"-emit-llvm", "-c", filepath.Join(dir, "probe.c"), "-o", bitcode)
	run(t, clang, args...)
	run(t, opt, "-O2", "-mtriple=bpf-pc-linux", bitcode, "-o", optimised)
	run(t, llc, "-march=bpf", "-mcpu=v2", "-filetype=obj", optimised, "-o", object)

	f, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_BPF {
		t.Errorf("machine is %v, want EM_BPF", f.Machine)
	}
	programs := 0
	for _, s := range f.Sections {
		if strings.HasPrefix(s.Name, "raw_tracepoint/") {
			programs++
		}
	}
	if programs < 100 {
		t.Errorf("%d programs, want one for every filler", programs)
	}
	t.Logf("built against %s: %d programs", flavour, programs)
}
