// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// story is a row of steps that one machine takes.
type story struct {
	name    string
	boot    string // of the kernel's command line
	drivers bool   // the machine has drivers that were built for it

	took time.Duration
	said machine.Said
	err  error
}

const storyTime = 20 * time.Minute

func (s *story) run(ctx context.Context, w *world) {
	began := time.Now()
	defer func() { s.took = time.Since(began) }()
	if s.name == rpmStory {
		s.said, s.err = runRPM(ctx, w)
		return
	}
	dir := filepath.Join(w.dir, s.name)
	if s.err = os.MkdirAll(dir, 0o755); s.err != nil {
		return
	}
	if s.err = s.initramfs(w, filepath.Join(dir, "initramfs")); s.err != nil {
		return
	}
	console := filepath.Join(dir, "console")
	for range 2 { // QEMU's crashes are not ours
		m := machine.Machine{
			Image: w.kernel.Image, Initramfs: []string{filepath.Join(dir, "initramfs")}, MiB: 1024, Console: console, Time: storyTime,
			Append: "rdinit=/init root=/dev/vda loglevel=3 systemd.show_status=0 PKGTEST=" + s.name + " " + s.boot,
			// Nothing that is written outlives the machine.
			Extra: []string{"-drive", "file=" + w.disk + ",if=virtio,format=raw,snapshot=on"},
		}
		s.err = m.Run(ctx)
		said, err := machine.ReadConsole(console)
		s.said, s.err = said, errors.Join(s.err, err)
		if s.err == nil && !said.Done {
			s.err = errors.New("the machine did not come to its end")
		}
		if s.said.Done || s.said.Oops || ctx.Err() != nil || errors.Is(s.err, machine.ErrTime) {
			return
		}
	}
}

// modules are what the kernel needs to see its disk, in the order in which they
// need each other.
var modules = []string{"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"}

// initramfs makes what the machine starts with: the program that mounts the
// disk, and what the story needs, which it puts onto the disk.
func (s *story) initramfs(w *world, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	a := machine.NewInitramfs(f)
	a.File("init", w.guest)
	for i, m := range modules {
		found, _ := filepath.Glob(filepath.Join(w.kernel.Root, "lib/modules", w.kernel.Release, "kernel/drivers/*", m+".ko"))
		if len(found) == 1 { // else it is built in
			a.File(fmt.Sprintf("modules/%02d.ko", i), found[0])
		}
	}
	a.File("payload/srv/pkgtest/guest", w.guest)
	p := w.packages
	for name, file := range map[string]string{"old.deb": p.plain, "new.deb": p.new, "packed.deb": p.old, "foreign.deb": p.foreign} {
		a.File("payload/srv/pkgtest/"+name, file)
	}
	if s.drivers {
		for file, place := range w.drivers {
			a.File("payload/srv/pkgtest/drivers"+place, file)
		}
	}
	return errors.Join(a.Close(), f.Close())
}

func (s *story) verdict() string {
	took := s.took.Round(time.Second)
	switch {
	case s.err != nil:
		return fmt.Sprintf("ENDED EARLY after %v: %v", took, s.err)
	case len(s.said.Failed) > 0:
		return fmt.Sprintf("FAILED, %v: %s", took, strings.Join(s.said.Failed, "; "))
	}
	return fmt.Sprintf("ok, %v, %d steps", took, len(s.said.Passed))
}
