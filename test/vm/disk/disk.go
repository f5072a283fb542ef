// SPDX-License-Identifier: Apache-2.0

// Package disk is for machines that run a whole Debian with systemd. The host
// makes a file system once and gives it to each machine, which forgets what it
// did to it; the first process of the machine (see Boot) mounts it, puts on it
// what came with the kernel, and lets systemd take over.
package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// Suite is the Debian that the machines run.
const Suite = "bookworm"

// Debian is what a disk holds.
type Debian struct {
	Include string // packages, with commas, beside those of debootstrap's minbase
	MiB     int
	Options []string // of mke2fs
	// Furnish does what is to be done to the root once.
	Furnish func(ctx context.Context, root string) error
}

// Make makes the file system in the folder dir, unless it is there.
func (d *Debian) Make(ctx context.Context, dir string) (string, error) {
	const name = "disk"
	return filepath.Join(dir, name), machine.Once(dir, func(dir string) error {
		root := filepath.Join(dir, "root")
		if err := Debootstrap(ctx, root, d.Include); err != nil {
			return errors.Join(err, os.RemoveAll(dir))
		}
		if err := d.Furnish(ctx, root); err != nil {
			return err
		}
		args := append([]string{"-q", "-t", "ext4", "-m", "0"}, d.Options...)
		if err := Command(ctx, "mke2fs", append(args, "-d", root, filepath.Join(dir, name), fmt.Sprintf("%dM", d.MiB))...); err != nil {
			return err
		}
		return os.RemoveAll(root)
	})
}

// Debootstrap makes a minimal Debian with some packages more, named with commas.
func Debootstrap(ctx context.Context, root, include string) error {
	err := Command(ctx, "debootstrap", "--variant=minbase", "--include="+include, Suite, root, "http://deb.debian.org/debian")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w (apt-get install debootstrap)", err)
	case err != nil && (strings.Contains(err.Error(), "Release") || strings.Contains(err.Error(), "download")):
		return &UnreachableError{err}
	}
	return err
}

// UnreachableError says that debootstrap got nothing from Debian's archive.
type UnreachableError struct{ error }

func (e *UnreachableError) Unwrap() error { return e.error }

// Command runs a program whose mounts end with it: what debootstrap has mounted
// when it is killed must not be there when its folder is removed. The error holds
// what it said last.
func Command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, machine.Tail(string(out), 2000))
	}
	return nil
}

// WriteFiles writes texts below a folder.
func WriteFiles(root string, texts map[string]string) error {
	for name, text := range texts {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Machine is one that boots from the disk; boot is added to the kernel's command
// line.
func Machine(k *machine.Kernel, disk, initramfs, boot string) machine.Machine {
	return machine.Machine{
		Image: k.Image, Initramfs: []string{initramfs}, MiB: 1024,
		Append: "rdinit=/init root=" + device + " loglevel=3 systemd.show_status=0 rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 " + boot,
		// Nothing that is written outlives the machine.
		Extra: []string{"-drive", "file=" + disk + ",if=virtio,format=raw,snapshot=on"},
	}
}

// Lost reports whether a machine ended before it came to anything that the test
// is about: it was silent, its kernel had no process yet, or it tripped over
// what the emulator made. Such a machine may be run again.
func Lost(said *machine.Said, err error) bool {
	return !said.Done && !errors.Is(err, machine.ErrTime) &&
		(errors.Is(err, machine.ErrSilent) || !strings.Contains(said.Text, up) || !said.Oops || said.Emulated())
}

// modules are what the kernel needs to see its disk, in the order in which they
// need each other.
var modules = []string{"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"}

// Initramfs writes what such a machine starts with: a program whose process 1
// calls Boot, and what fill adds below Payload, which goes onto the disk.
func Initramfs(path string, k *machine.Kernel, init string, fill func(a *machine.Initramfs)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	a := machine.NewInitramfs(f)
	a.File("init", init)
	for i, m := range modules {
		found, _ := filepath.Glob(filepath.Join(k.Root, "lib/modules", k.Release, "kernel/drivers/*", m+".ko"))
		if len(found) == 1 { // else it is built in
			a.File(fmt.Sprintf("modules/%02d.ko", i), found[0])
		}
	}
	fill(a)
	return errors.Join(a.Close(), f.Close())
}
