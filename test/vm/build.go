// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/kmod"
)

// guestKernel is a kernel that is there to be booted.
type guestKernel struct {
	kernel
	release string
	vmlinuz string
	module  string // tiercel.ko for it; "" when it was not asked for
	probe   string // the legacy probe, likewise
}

// prepare fetches a kernel and builds the drivers for it that are asked for.
func prepare(cache string, k kernel, drivers []string) (*guestKernel, error) {
	a, err := newArchive(cache, "kernels", kernelSuites)
	if err != nil {
		return nil, err
	}
	releases, err := a.releases()
	if err != nil {
		return nil, err
	}
	g := &guestKernel{kernel: k, release: k.newest(releases)}
	if g.release == "" {
		return nil, fmt.Errorf("kernel %s: no package fits %s", k.name, k.match)
	}
	root := filepath.Join(cache, "kernel-"+g.release)
	if err := once(root, func(dir string) error {
		packages := map[string]bool{}
		if err := a.kernelPackages("linux-image-"+g.release, packages); err != nil {
			return err
		}
		var names []string
		for p := range packages {
			if !strings.HasPrefix(p, "linux-modules-") { // none is needed
				names = append(names, p)
			}
		}
		return a.fetch(dir, names)
	}); err != nil {
		return nil, err
	}
	for _, place := range []string{"boot/vmlinuz-" + g.release, "usr/lib/modules/" + g.release + "/vmlinuz"} {
		if _, err := os.Stat(filepath.Join(root, place)); err == nil {
			g.vmlinuz = filepath.Join(root, place)
		}
	}
	if g.vmlinuz == "" {
		return nil, fmt.Errorf("kernel %s: the packages of %s hold no vmlinuz", k.name, g.release)
	}
	all := slices.Contains(drivers, parity) || slices.Contains(drivers, cost)
	withModule := all || slices.Contains(drivers, "kmod") || slices.Contains(drivers, locked)
	withProbe := all || slices.Contains(drivers, "bpf")
	if !withModule && !withProbe {
		return g, nil
	}
	tools, err := prepareTools(cache, a, g)
	if err != nil {
		return nil, err
	}
	if withModule {
		if g.module, err = buildModule(tools, g); err != nil {
			return nil, err
		}
	}
	if withProbe {
		g.probe, err = buildProbe(cache, tools, g)
	}
	return g, err
}

// once makes a folder whole or not at all.
func once(dir string, fill func(dir string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

func headersOf(g *guestKernel) string { return "/usr/src/linux-headers-" + g.release }

// prepareTools makes a root of unpacked packages: the compilers of the kernel's
// suite and the kernel's own headers, at the places where their makefiles look
// for them.
func prepareTools(cache string, a *archive, g *guestKernel) (string, error) {
	tools := filepath.Join(cache, "tools-"+g.suite)
	if err := once(tools, func(dir string) error {
		// With /usr merged; packages are unpacked into folders that are links.
		for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
			if err := os.MkdirAll(filepath.Join(dir, "usr", d), 0o755); err != nil {
				return err
			}
			if err := os.Symlink("usr/"+d, filepath.Join(dir, d)); err != nil {
				return err
			}
		}
		t, err := newArchive(cache, g.suite, []string{"debian " + g.suite})
		if err != nil {
			return err
		}
		if err := t.closure(dir, "gcc", "make", "mawk", "libelf1", "dash", "bash", "coreutils", "sed", "grep", "findutils", "diffutils"); err != nil {
			return err
		}
		if err := os.Symlink("mawk", filepath.Join(dir, "usr/bin/awk")); err != nil && !os.IsExist(err) {
			return err
		}
		if err := os.Symlink("dash", filepath.Join(dir, "usr/bin/sh")); err != nil && !os.IsExist(err) {
			return err
		}
		for _, d := range []string{"tmp", "build", "proc"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
				return err
			}
		}
		return os.MkdirAll(filepath.Join(dir, "dev"), 0o755)
	}); err != nil {
		return "", err
	}
	headers := headersOf(g)
	if _, err := os.Stat(tools + headers); err != nil {
		packages := map[string]bool{}
		if err := a.kernelPackages("linux-headers-"+g.release, packages); err != nil {
			return "", err
		}
		var names []string
		for p := range packages {
			if strings.HasPrefix(p, "linux-headers-") || strings.HasPrefix(p, "linux-kbuild-") {
				names = append(names, p)
			}
		}
		if err := a.fetch(tools, names); err != nil {
			return "", err
		}
		// Without it no type information is added to the module; pahole is not there.
		_ = os.Remove(tools + headers + "/vmlinux")
	}
	return tools, nil
}

// buildProbe compiles the legacy probe with this machine's own compilers.
func buildProbe(cache, tools string, g *guestKernel) (string, error) {
	dir := filepath.Join(cache, "probe-"+g.release)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return bpf.Build(context.Background(), bpf.BuildOptions{Release: g.release, Headers: tools + headersOf(g), Root: tools, Dir: dir})
}

// buildModule compiles the module in that root.
func buildModule(tools string, g *guestKernel) (string, error) {
	headers := headersOf(g)
	dir := filepath.Join(tools, "build", g.release)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := kmod.WriteSources(dir, "vmtest"); err != nil {
		return "", err
	}
	script := `mknod -m 666 /dev/null c 1 3 2>/dev/null; export PATH=/usr/bin:/usr/sbin:/bin:/sbin; ` +
		`exec make -s -j4 -C ` + headers + ` M=/build/` + g.release + ` CC=gcc HOSTCC=gcc modules`
	out, err := chroot(tools, script)
	if err != nil {
		return "", fmt.Errorf("build the module for %s: %w\n%s", g.release, err, tail(string(out), 3000))
	}
	if warns.Match(out) {
		return "", fmt.Errorf("build the module for %s: the compiler warns\n%s", g.release, tail(string(out), 3000))
	}
	return filepath.Join(dir, "tiercel.ko"), nil
}

// warns finds what a compiler says of a source; the kernel's makefiles warn of
// other things, too.
var warns = regexp.MustCompile(`\.[ch]:\d+:(\d+:)? warning:`)

// chroot runs a script in a root of unpacked packages, with a /proc, which
// objtool looks at.
func chroot(root, script string) ([]byte, error) {
	return exec.CommandContext(context.Background(), "unshare", "-m", "sh", "-c",
		`mount -t proc proc "$1/proc" && exec chroot "$1" /usr/bin/sh -c "$2"`, "sh", root, script).CombinedOutput()
}
