// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// guestKernel is a kernel with the drivers that were built for it.
type guestKernel struct {
	*machine.Kernel
	module     string            // tiercel.ko for it; "" when it was not asked for
	probe      string            // the legacy probe, likewise
	typesProbe string            // the legacy probe, made from the kernel's types
	others     map[string]string // otherModules: their files
	disk       string            // Debian with compilers
}

// testPrograms are the packages whose live tests run in machines.
var testPrograms = []struct{ name, pkg string }{
	{"fillers", "./test/fillers"},
	{"drivers", "./test/drivers"},
	{"kmod", "./kmod"},
}

// compile builds what runs in the machines and returns its folder. Programs do not
// name their commit, so that the same sources make the same machine.
func compile(cache string, arch *machine.Arch) (string, error) {
	dir := filepath.Join(cache, "bin-"+arch.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	builds := [][]string{
		{"build", "-trimpath", "-buildvcs=false", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", dir + "/tiercel", "./agent/cmd/tiercel"},
		{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir + "/guest", "./test/vm/guest"},
	}
	for _, t := range testPrograms {
		builds = append(builds, []string{"test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/" + t.name + ".test", t.pkg})
	}
	for _, args := range builds {
		if err := goRun(arch.Name, args...); err != nil {
			return "", err
		}
	}
	if arch == machine.AMD64 {
		return dir, goRun("386", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir+"/compat32", "./test/fillers/testdata/compat")
	}
	return dir, nil
}

func goRun(goarch string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("GOARCH=%s go %s: %w\n%s", goarch, strings.Join(args, " "), err, out)
	}
	return nil
}

// prepare fetches a kernel and builds the drivers for it that are asked for.
func prepare(cache string, row machine.Row, asked []*kind) (*guestKernel, error) {
	k, err := machine.FetchKernel(cache, row)
	if err != nil {
		return nil, err
	}
	g := &guestKernel{Kernel: k}
	carried := func(driver string) bool {
		return slices.ContainsFunc(asked, func(k *kind) bool { return k.carriesDriver(driver) })
	}
	if slices.ContainsFunc(asked, func(k *kind) bool { return k.disk }) {
		if g.disk, err = provisionDisk(cache, g); err != nil {
			return nil, err
		}
	}
	if !carried("kmod") && !carried("bpf") && !carried(fromBTF) {
		return g, nil
	}
	tools, err := prepareTools(cache, g)
	if err != nil {
		return nil, err
	}
	if carried("kmod") {
		if g.module, err = buildModule(cache, tools, g); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(asked, func(k *kind) bool { return k.others }) {
		if g.others, err = buildOthers(tools, g); err != nil {
			return nil, err
		}
	}
	if carried("bpf") {
		if g.probe, err = buildProbe(cache, g, bpf.BuildOptions{Headers: tools + headersOf(g), Root: tools}); err != nil {
			return nil, err
		}
	}
	if carried(fromBTF) {
		types, err := g.BTF(cache)
		if err != nil {
			return nil, err
		}
		if g.typesProbe, err = buildProbe(cache, g, bpf.BuildOptions{BTF: types}); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func headersOf(g *guestKernel) string { return "/usr/src/linux-headers-" + g.Release }

// buildTools are the packages that a module is built with.
var buildTools = []string{"gcc", "make", "mawk", "libelf1", "dash", "bash", "coreutils", "sed", "grep", "findutils", "diffutils"}

// prepareTools makes a root of unpacked packages: the compilers of the kernel's
// suite and the kernel's own headers, at the places where their makefiles look
// for them. What runs in it is of this machine's architecture.
func prepareTools(cache string, g *guestKernel) (string, error) {
	tools, packages := filepath.Join(cache, "tools-"+g.Suite), buildTools
	if g.Arch != machine.AMD64 {
		tools += "-" + g.Arch.Name
		packages = append(slices.Clip(packages), "gcc-12-aarch64-linux-gnu")
	}
	if err := machine.Once(tools, func(dir string) error {
		t, err := machine.NewArchive(cache, filepath.Base(tools), machine.AMD64.Name, "debian "+g.Suite)
		if err != nil {
			return err
		}
		return t.Root(dir, packages...)
	}); err != nil {
		return "", err
	}
	headers := headersOf(g)
	if _, err := os.Stat(tools + headers); err == nil {
		return tools, nil
	}
	if err := fetchHeaders(cache, tools, g); err != nil {
		return "", err
	}
	// Without it no type information is added to the module; pahole is not there.
	_ = os.Remove(tools + headers + "/vmlinux")
	return tools, nil
}

// fetchHeaders unpacks the kernel's headers, and the programs that its makefiles
// run, which are this machine's.
func fetchHeaders(cache, tools string, g *guestKernel) error {
	packages, err := g.Archive.KernelPackages("linux-headers-" + g.Release)
	if err != nil {
		return err
	}
	native, err := g.KernelArchive(cache, machine.AMD64)
	if err != nil {
		return err
	}
	for _, p := range packages {
		from := g.Archive
		if strings.HasPrefix(p, "linux-kbuild-") {
			from = native
		} else if !strings.HasPrefix(p, "linux-headers-") {
			continue
		}
		if err := from.Fetch(tools, p); err != nil {
			return err
		}
	}
	return nil
}

// buildProbe compiles the legacy probe with this machine's own compilers.
func buildProbe(cache string, g *guestKernel, o bpf.BuildOptions) (string, error) {
	o.Release, o.Arch, o.Dir = g.Release, g.Arch.Name, filepath.Join(cache, "probe-"+g.Release)
	if o.BTF != "" {
		o.Dir += "-btf"
	}
	if err := emptyFolder(o.Dir); err != nil {
		return "", err
	}
	return bpf.Build(context.Background(), o)
}

func emptyFolder(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// chroot runs a script in a root of unpacked packages, with a /proc, which
// objtool looks at.
func chroot(root, script string) ([]byte, error) {
	return exec.CommandContext(context.Background(), "unshare", "-m", "sh", "-c",
		`mount -t proc proc "$1/proc" && exec chroot "$1" /usr/bin/sh -c "$2"`, "sh", root, script).CombinedOutput()
}
