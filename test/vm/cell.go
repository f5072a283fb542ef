// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// cell is one kernel with one kind of test: a machine of its own.
type cell struct {
	kernel *guestKernel
	kind   *kind
	cache  string
	dir    string
	bin    string

	took  time.Duration
	said  machine.Said
	again string // why the machine was run a second time
	err   error
}

// run runs the machine, and once more if it ended without a verdict of its own
// or of its kernel, or by an oops that QEMU made: that is its crash, not ours.
func (c *cell) run(ctx context.Context, kvm bool) {
	began := time.Now()
	defer func() { c.took = time.Since(began) }()
	if c.err = os.MkdirAll(c.dir, 0o755); c.err != nil {
		return
	}
	unlock, err := lockFolder(c.dir)
	if err != nil {
		c.err = err
		return
	}
	defer unlock()
	if c.err = c.root(); c.err != nil {
		return
	}
	c.boot(ctx, kvm)
	emulated := !kvm && !c.said.Done && c.said.Emulated()
	if c.said.Done || c.said.Oops && !emulated || ctx.Err() != nil || errors.Is(c.err, machine.ErrTime) {
		return
	}
	c.again = "run a second time: " + strings.Join(strings.Fields(c.err.Error()), " ")
	_ = os.Rename(c.console(), c.console()+".first")
	c.boot(ctx, kvm)
}

func (c *cell) console() string { return filepath.Join(c.dir, "console") }

func (c *cell) boot(ctx context.Context, kvm bool) {
	line := "rdinit=/init TIERCEL_CELL=" + c.kind.name
	if c.kind.boot != "" {
		line += " " + c.kind.boot
	}
	m := machine.Machine{
		Arch: c.kernel.Arch, Image: c.kernel.Image, Initramfs: []string{filepath.Join(c.dir, "initramfs")},
		Append: line, Console: c.console(), Time: c.kind.cellTime(c.kernel.Arch), MiB: c.kind.mib,
		Count: c.kind.count, KVM: kvm && c.kernel.Arch.Name == runtime.GOARCH,
	}
	if c.kind.disk { // one image for all: what a machine writes is forgotten
		m.Extra = []string{"-drive", "file=" + c.kernel.disk + ",if=virtio,format=raw,snapshot=on"}
	}
	c.err = m.Run(ctx)
	said, err := machine.ReadConsole(c.console())
	c.said = said
	c.err = errors.Join(c.err, err)
	if c.err == nil && !said.Done {
		c.err = errors.New("the machine did not come to its end")
	}
}

// root makes the machine's root.
func (c *cell) root() error {
	f, err := os.Create(filepath.Join(c.dir, "initramfs"))
	if err != nil {
		return err
	}
	a := machine.NewInitramfs(f)
	a.File("init", c.bin+"/guest")
	if c.kind.disk {
		return errors.Join(provisionRoot(a, c.kernel), a.Close(), f.Close())
	}
	a.File("bin/cat", c.bin+"/guest")
	a.File("tiercel", c.bin+"/tiercel")
	for _, t := range testPrograms {
		if slices.Contains(c.kind.tests, t.name) {
			a.File("tests/"+t.name+".test", c.bin+"/"+t.name+".test")
		}
	}
	if slices.Contains(c.kind.tests, "fillers") && c.kernel.Arch == machine.AMD64 {
		a.File("tests/compat32", c.bin+"/compat32") // there is no Go to build it
	}
	if c.kind.carriesDriver("kmod") {
		a.File("lib/modules/"+c.kernel.Release+"/extra/tiercel.ko", c.kernel.module)
	}
	if probe := c.kernel.probe; c.kind.carriesDriver("bpf") || c.kind.carriesDriver(fromBTF) {
		if c.kind.carriesDriver(fromBTF) {
			probe = c.kernel.typesProbe
		}
		place, err := bpf.BuiltPath(c.kernel.Release)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		a.File(strings.TrimPrefix(place, "/"), probe)
	}
	if c.kind.others {
		for name, path := range c.kernel.others {
			a.File("modules/"+name+".ko", path)
		}
	}
	a.Link("lib64", "lib")
	a.Text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644)
	a.Text("etc/group", "root:x:0:\n", 0o644)
	a.Text("etc/shadow", "root:*:19000:0:99999:7:::\n", 0o755)
	a.Text("etc/hosts", "127.0.0.1 localhost\n", 0o644)
	return errors.Join(a.Close(), f.Close())
}

func (c *cell) verdict() string {
	again := ""
	if c.again != "" {
		again = " (" + c.again + ")"
	}
	took := c.took.Round(time.Second)
	switch {
	case c.err != nil:
		return fmt.Sprintf("CRASHED after %v: %v%s", took, c.err, again)
	case len(c.said.Failed) > 0:
		return fmt.Sprintf("FAILED, %v: %s%s", took, machine.Tail(strings.Join(c.said.Failed, "; "), 1000), again)
	}
	return fmt.Sprintf("ok, %v: %s%s", took, strings.Join(c.said.Passed, ", "), again)
}
