// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tiercel/tiercel/bpf"
)

// drivers that there are; in a cell of parity all of them run at once and are
// compared, one that is locked boots with lockdown, and one of cost counts
// instructions: that is slow, and only done when it is asked for.
var drivers = []string{"modern_bpf", "kmod", "bpf", parity, locked}

const (
	parity = "parity"
	locked = "locked"
	cost   = "cost"
)

// has reports whether a cell of a kind has the driver.
func has(kind, driver string) bool {
	return kind == driver || kind == parity || kind == cost || kind == locked && driver == "kmod"
}

// tests are the packages whose live tests run in every cell, by their binary's
// name; those of the module's own interface only with kmod.
var tests = []struct{ name, pkg, driver string }{
	{"fillers", "./test/fillers", ""},
	{"drivers", "./test/drivers", ""},
	{"kmod", "./kmod", "kmod"},
}

// runsIn reports whether a test runs in the cells of a kind.
func runsIn(kind, test, driver string) bool {
	switch kind {
	case parity:
		return test == "fillers"
	case cost:
		return test == "drivers"
	case locked:
		return false
	}
	return driver == "" || driver == kind
}

// cellTime bounds a machine's life.
const cellTime = 6 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
		os.Exit(1)
	}
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
}

func run() error {
	cacheDir, _ := os.UserCacheDir()
	cache := flag.String("cache", filepath.Join(cacheDir, "tiercel-vm"), "folder for packages, kernels and compilers")
	kernelList := flag.String("kernels", "", "rows of the matrix, by default all")
	driverList := flag.String("drivers", "", "drivers, by default all")
	parallel := flag.Int("parallel", 2, "machines at once")
	flag.Parse()
	rows, err := kernelsNamed(words(*kernelList))
	if err != nil {
		return err
	}
	kinds := words(*driverList)
	if len(kinds) == 0 {
		kinds = drivers
	}
	for _, d := range kinds {
		if d != cost && !slices.Contains(drivers, d) {
			return fmt.Errorf("driver %q: there are %s", d, strings.Join(drivers, ", "))
		}
	}
	if err := needed(); err != nil {
		return err
	}
	if err := os.MkdirAll(*cache, 0o755); err != nil {
		return err
	}
	bin, err := compile(*cache)
	if err != nil {
		return err
	}
	var cells []*cell
	for _, k := range rows {
		fmt.Printf("preparing kernel %s\n", k.name)
		g, err := prepare(*cache, k, kinds)
		if err != nil {
			return err
		}
		for _, d := range kinds {
			cells = append(cells, &cell{kernel: g, driver: d, dir: filepath.Join(*cache, "cells", g.release, d), bin: bin})
		}
	}
	var group errgroup.Group
	group.SetLimit(*parallel)
	for _, c := range cells {
		group.Go(func() error {
			c.run()
			fmt.Printf("%-28s %-10s %s\n", c.kernel.release, c.driver, c.verdict())
			return nil
		})
	}
	_ = group.Wait()
	return report(cells)
}

// needed says what this machine lacks.
func needed() error {
	for program, pkg := range map[string]string{
		"qemu-system-x86_64": "qemu-system-x86 (version 10, in bookworm from backports)", "apt-get": "apt", "dpkg-deb": "dpkg", "unshare": "util-linux", "chroot": "coreutils",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed: apt-get install %s", program, pkg)
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root: modules are built in a chroot")
	}
	return nil
}

// compile builds what runs in the machines and returns its folder.
func compile(cache string) (string, error) {
	dir := filepath.Join(cache, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	builds := [][]string{
		{"build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", dir + "/tiercel", "./agent/cmd/tiercel"},
		{"build", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/guest", "./test/vm/guest"},
	}
	for _, t := range tests {
		builds = append(builds, []string{"test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/" + t.name + ".test", t.pkg})
	}
	for _, args := range builds {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return dir, nil
}

// cell is one kernel with one driver.
type cell struct {
	kernel *guestKernel
	driver string
	dir    string
	bin    string

	took   time.Duration
	costs  []string // what a cell of cost found
	passed []string
	failed []string
	err    error
}

func (c *cell) run() {
	began := time.Now()
	defer func() { c.took = time.Since(began) }()
	if c.err = os.MkdirAll(c.dir, 0o755); c.err != nil {
		return
	}
	if c.err = c.root(); c.err != nil {
		return
	}
	console := filepath.Join(c.dir, "console")
	_ = os.Remove(console)
	ctx, cancel := context.WithTimeout(context.Background(), cellTime)
	defer cancel()
	machine := []string{"-accel", "tcg,thread=multi", "-smp", "2"}
	if c.driver == cost { // an instruction is a nanosecond
		machine = []string{"-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1"}
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append(machine, "-M", "pc", "-cpu", "max", "-m", "1024",
		"-nodefaults", "-display", "none", "-no-reboot", "-serial", "file:"+console,
		"-kernel", c.kernel.vmlinuz, "-initrd", filepath.Join(c.dir, "initramfs"),
		"-append", c.bootOptions())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.err = fmt.Errorf("qemu: %w %s", err, out)
	}
	c.read(console)
}

// bootOptions is the kernel's command line.
func (c *cell) bootOptions() string {
	line := "console=ttyS0 panic=-1 quiet rdinit=/init TIERCEL_CELL=" + c.driver
	if c.driver == locked {
		line += " lockdown=integrity"
	}
	return line
}

// root makes the machine's root.
func (c *cell) root() error {
	files := map[string]string{"init": c.bin + "/guest", "bin/cat": c.bin + "/guest", "tiercel": c.bin + "/tiercel"}
	for _, t := range tests {
		if runsIn(c.driver, t.name, t.driver) {
			files["tests/"+t.name+".test"] = c.bin + "/" + t.name + ".test"
		}
	}
	if has(c.driver, "kmod") {
		files["lib/modules/"+c.kernel.release+"/extra/tiercel.ko"] = c.kernel.module
	}
	if has(c.driver, "bpf") {
		place, err := bpf.BuiltPath(c.kernel.release)
		if err != nil {
			return err
		}
		files[strings.TrimPrefix(place, "/")] = c.kernel.probe
	}
	err := filepath.WalkDir("test/fillers/testdata", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel("test/fillers", path)
			files["tests/fillers/"+rel] = path
		}
		return err
	})
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(c.dir, "initramfs"))
	if err != nil {
		return err
	}
	texts := map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*:19000:0:99999:7:::\n",
		"etc/hosts": "127.0.0.1 localhost\n",
	}
	return errors.Join(writeInitramfs(f, files, map[string]string{"lib64": "lib"}, texts), f.Close())
}

// read takes the outcome from what the console said.
func (c *cell) read(console string) {
	b, err := os.ReadFile(console)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	done := false
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\r", "")) {
		line = strings.TrimSpace(line)
		if i := strings.Index(line, "@@"); i >= 0 {
			line = line[i:]
		}
		if name, ok := strings.CutPrefix(line, "@@OK "); ok {
			c.passed = append(c.passed, name)
		} else if name, ok := strings.CutPrefix(line, "@@FAIL "); ok {
			c.failed = append(c.failed, name)
		} else if what, ok := strings.CutPrefix(line, "@@COST "); ok {
			c.costs = append(c.costs, what)
		} else if line == "@@DONE" {
			done = true
		}
	}
	if !done {
		c.err = errors.Join(c.err, errors.New("the machine did not come to its end"))
	}
}

func (c *cell) verdict() string {
	switch {
	case c.err != nil:
		return fmt.Sprintf("CRASHED after %v: %v", c.took.Round(time.Second), c.err)
	case len(c.failed) > 0:
		return "FAILED: " + strings.Join(c.failed, "; ")
	}
	return fmt.Sprintf("ok, %v: %s", c.took.Round(time.Second), strings.Join(c.passed, ", "))
}

// report prints the matrix, and the console of each cell that failed.
func report(cells []*cell) error {
	var bad []string
	for _, c := range cells {
		if c.err == nil && len(c.failed) == 0 {
			continue
		}
		bad = append(bad, c.kernel.release+" "+c.driver)
		b, _ := os.ReadFile(filepath.Join(c.dir, "console"))
		fmt.Printf("--- %s %s\n%s\n", c.kernel.release, c.driver, tail(string(b), 8000))
	}
	fmt.Println("\n| kernel | driver | outcome |\n|---|---|---|")
	for _, c := range cells {
		outcome := "ok: " + strings.Join(c.passed, ", ")
		if c.err != nil {
			outcome = "crashed"
		} else if len(c.failed) > 0 {
			outcome = "failed: " + strings.Join(c.failed, "; ")
		}
		fmt.Printf("| %s | %s | %s |\n", c.kernel.release, c.driver, outcome)
	}
	for _, c := range cells {
		for _, what := range c.costs {
			fmt.Printf("%s %s\n", c.kernel.release, what)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d cells failed: %s", len(bad), len(cells), strings.Join(bad, ", "))
	}
	return nil
}
