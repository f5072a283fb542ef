// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

	took    time.Duration
	said    machine.Said
	again   string // how often the machine was run, and why more than once
	earlier string // commit of the run that the result is from, if not this one
	err     error
}

// manner is how the cells of a run are run.
type manner struct {
	kvm, resume  bool
	second       bool   // a cell whose tests fail is run once more
	commit, tree string // what is tested: the commit, and a hash of its files
}

// errNotRun is the error of a cell whose turn did not come.
var errNotRun = errors.New("not run")

// run runs the machine, and again where the crash is not ours.
func (c *cell) run(ctx context.Context, how manner) {
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
	m := c.machine(how.kvm)
	hash, err := c.hash(m, how.tree)
	if err != nil {
		c.err = err
		return
	}
	if how.resume && c.remembered(hash) {
		return
	}
	_ = os.Remove(c.result())
	c.boot(ctx, m)
	for try := 2; try <= tries && ctx.Err() == nil && c.crashedAlone(m); try++ {
		c.again = fmt.Sprintf("run %d times: %s", try, strings.Join(strings.Fields(c.err.Error()), " "))
		_ = os.Rename(c.console(), c.console()+".first")
		m.OneThread = true // such a machine has not been seen to fail by itself
		c.boot(ctx, m)
	}
	if how.second && ctx.Err() == nil && c.mayDiffer(m) {
		c.again = "run 2 times; the first failed: " + machine.Tail(strings.Join(c.said.Failed, "; "), 300)
		fmt.Printf("%s %s failed and is run once more; the end of its console:\n%s\n", c.kernel.Release, c.kind.name, machine.Tail(c.said.Text, 4000))
		_ = os.Rename(c.console(), c.console()+".first")
		c.boot(ctx, m)
	}
	if err := c.keep(hash, how.commit); err != nil {
		c.err = err
	}
}

// tries are how often a machine may be run.
const tries = 3

// crashedAlone reports whether the machine ended without a verdict of its own or
// of its kernel, or by an oops that QEMU made.
func (c *cell) crashedAlone(m *machine.Machine) bool {
	emulated := !m.KVM && c.said.Emulated()
	return !c.said.Done && (!c.said.Oops || emulated || errors.Is(c.err, machine.ErrStale)) && !errors.Is(c.err, machine.ErrTime)
}

// mayDiffer reports whether another run may tell another thing: tests failed in a
// machine that is emulated, whose clocks jump and whose processors stand still for
// as long as the host likes. What the kernel's log says is never a matter of time.
func (c *cell) mayDiffer(m *machine.Machine) bool {
	return !m.KVM && c.said.Done && !c.said.Oops && len(c.said.Failed) > 0 &&
		!slices.ContainsFunc(c.said.Failed, func(f string) bool { return strings.HasPrefix(f, "kernel log") })
}

func (c *cell) console() string { return filepath.Join(c.dir, "console") }

func (c *cell) machine(kvm bool) *machine.Machine {
	// An emulated CPU can be kept waiting by the host for longer than the kernel takes for a stall.
	line := "rdinit=/init rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 TIERCEL_CELL=" + c.kind.name
	if c.kind.boot != "" {
		line += " " + c.kind.boot
	}
	m := &machine.Machine{
		Arch: c.kernel.Arch, Image: c.kernel.Image, Initramfs: []string{filepath.Join(c.dir, "initramfs")},
		Append: line, Console: c.console(), Time: c.kind.cellTime(c.kernel.Arch), MiB: c.kind.mib,
		Count: c.kind.count, KVM: kvm && c.kernel.Arch.Name == runtime.GOARCH,
	}
	if c.kind.disk { // one image for all: what a machine writes is forgotten
		m.Extra = []string{"-drive", "file=" + c.kernel.disk + ",if=virtio,format=raw,snapshot=on"}
	}
	return m
}

func (c *cell) boot(ctx context.Context, m *machine.Machine) {
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
		for _, name := range slices.Sorted(maps.Keys(c.kernel.others)) {
			a.File("modules/"+name+".ko", c.kernel.others[name])
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
	took := fmt.Sprint(c.took.Round(time.Second))
	if c.earlier != "" {
		took = "passed before"
	}
	switch {
	case errors.Is(c.err, errNotRun):
		return c.err.Error()
	case c.err != nil:
		return fmt.Sprintf("CRASHED after %s: %v%s", took, c.err, again)
	case len(c.said.Failed) > 0:
		return fmt.Sprintf("FAILED, %s: %s%s", took, machine.Tail(strings.Join(c.said.Failed, "; "), 1000), again)
	}
	return fmt.Sprintf("ok, %s: %s%s", took, strings.Join(c.said.Passed, ", "), again)
}
