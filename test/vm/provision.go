// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// provisionPackages are what guest.sh would install itself, had the machine a
// network, and what a system has anyway.
var provisionPackages = append([]string{"clang", "llvm", "tar", "util-linux"}, buildTools...)

// provisionDisk makes the disk of a Debian machine for the Vagrantfile's script:
// compilers, this kernel's headers, Go, the committed sources with all that they
// import, and what Go has compiled of them before: emulated, that would take
// half an hour.
func provisionDisk(cache string, g *guestKernel) (string, error) {
	root := filepath.Join(cache, "provision-"+g.Suite)
	if err := machine.Once(root, func(dir string) error {
		a, err := machine.NewArchive(cache, filepath.Base(root), machine.AMD64.Name, "debian "+g.Suite)
		if err != nil {
			return err
		}
		if err := a.Root(dir, provisionPackages...); err != nil {
			return err
		}
		for name, text := range map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "shadow": "root:*:19000:0:99999:7:::\n"} {
			if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	if err := provisionKernel(root, cache, g); err != nil {
		return "", err
	}
	if err := provisionGo(root); err != nil {
		return "", err
	}
	sources := filepath.Join(root, "root/sources.tar")
	if err := sourcesTar(cache, sources); err != nil {
		return "", err
	}
	if err := warm(root); err != nil {
		return "", err
	}
	script, err := os.ReadFile("test/vagrant/guest.sh")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(root, "root/guest.sh"), script, 0o755); err != nil {
		return "", err
	}
	image := filepath.Join(cache, "provision-"+g.Suite+".img")
	if err := os.RemoveAll(image); err != nil {
		return "", err
	}
	out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, image, "6G").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	return image, nil
}

// provisionKernel puts the headers where the kernel's packages have them.
func provisionKernel(root, cache string, g *guestKernel) error {
	if _, err := os.Stat(root + headersOf(g)); err != nil {
		if err := fetchHeaders(cache, root, g); err != nil {
			return err
		}
		_ = os.Remove(root + headersOf(g) + "/vmlinux")
	}
	modules := filepath.Join(root, "usr/lib/modules", g.Release)
	if err := os.MkdirAll(modules, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(headersOf(g), filepath.Join(modules, "build")); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// provisionGo copies this machine's Go.
func provisionGo(root string) error {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	from, to := strings.TrimSpace(string(out)), filepath.Join(root, "usr/local/go")
	now, err := os.ReadFile(filepath.Join(from, "VERSION"))
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(filepath.Join(to, "VERSION")); err == nil && string(old) == string(now) {
		return nil
	}
	if err := emptyFolder(to); err != nil {
		return err
	}
	for _, part := range []string{"VERSION", "go.env", "bin", "pkg", "src", "lib"} {
		if out, err := exec.Command("cp", "-aL", filepath.Join(from, part), to).CombinedOutput(); err != nil {
			return fmt.Errorf("copy Go: %w: %s", err, out)
		}
	}
	return nil
}

// sourcesTar packs what is committed, as make vagrant-test does, and beside it
// the packages that it imports, since the machine has no network.
func sourcesTar(cache, tar string) error {
	vendor := filepath.Join(cache, "vendor")
	if err := emptyFolder(vendor); err != nil {
		return err
	}
	script := `set -eu
git archive -o "$1" HEAD
mkdir "$2/src"
tar -x -C "$2/src" -f "$1"
cd "$2/src"
go mod vendor
tar -r -f "$1" vendor`
	out, err := exec.Command("sh", "-c", script, "sh", tar, vendor).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pack the sources: %w\n%s", err, machine.Tail(string(out), 2000))
	}
	return os.RemoveAll(vendor)
}

// provisionEnv is the environment of the script: Go without network.
const provisionEnv = "export HOME=/root PATH=/usr/local/go/bin:/usr/bin:/usr/sbin GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-mod=vendor SOURCES=/root/sources.tar"

// warm compiles in the root what the script compiles, and keeps only Go's cache.
func warm(root string) error {
	out, err := chroot(root, provisionEnv+`
set -eu
[ -e /dev/null ] || mknod -m 666 /dev/null c 1 3
rm -rf /var/tmp/tiercel
mkdir -p /var/tmp/tiercel
tar -xf "$SOURCES" -C /var/tmp/tiercel
cd /var/tmp/tiercel
make build VERSION=vagrant
go test -count=1 -p 1 -vet=off -ldflags='-s -w' -run NoTestHasThisName ./test/fillers ./test/drivers
GOARCH=386 CGO_ENABLED=0 go build -o /dev/null ./test/fillers/testdata/compat
rm -rf /var/tmp/tiercel`)
	if err != nil {
		return fmt.Errorf("compile in the machine's root: %w\n%s", err, machine.Tail(string(out), 3000))
	}
	return nil
}

// diskModules are what the cloud kernel needs to see a disk, in their order.
var diskModules = []string{"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"}

// provisionRoot writes the first root of such a machine: the guest and the
// modules of its disk.
func provisionRoot(a *machine.Initramfs, g *guestKernel) error {
	for i, name := range diskModules {
		found, err := exec.CommandContext(context.Background(), "find", filepath.Join(g.Root, "lib/modules"), "-name", name+".ko").Output()
		path := strings.TrimSpace(string(found))
		if err != nil || path == "" {
			return fmt.Errorf("kernel %s has no module %s", g.Release, name)
		}
		a.File(fmt.Sprintf("modules/%02d-%s.ko", i, name), path)
	}
	return nil
}
