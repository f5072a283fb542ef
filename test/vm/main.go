// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// exitMissing tells test/vm/ci.sh that nothing was found wrong, but something
// that the host or Debian's archive should give is not there.
const exitMissing = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "vmtest:", err)
	var failed *failedError
	var absent *missingError
	var unavailable *machine.UnavailableError
	if !errors.As(err, &failed) && (errors.As(err, &absent) || errors.As(err, &unavailable)) {
		os.Exit(exitMissing)
	}
	os.Exit(1)
}

// missingError says that this machine lacks a program or a right.
type missingError struct{ error }

// failedError says that cells failed.
type failedError struct{ error }

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
}

func run(ctx context.Context) error {
	cacheDir, _ := os.UserCacheDir()
	cache := flag.String("cache", filepath.Join(cacheDir, "tiercel-vm"), "folder for packages, kernels and compilers")
	kernelList := flag.String("kernels", "", "rows of the matrix, by default all")
	driverList := flag.String("drivers", "", "drivers and other kinds of cells, by default all but those that measure or provision")
	parallel := flag.Int("parallel", 2, "machines at once")
	accel := flag.String("accel", "auto", "tcg, kvm, or auto: kvm where a test machine comes up with it")
	limit := flag.Duration("timeout", 4*time.Hour, "of the whole run")
	document := flag.String("record", "", "document to put the table into (docs/kernels.md)")
	second := flag.Bool("second", false, "run a cell whose tests fail once more where it is emulated, and say so; failed is what fails twice")
	resume := flag.Bool("resume", false, "leave out cells that have passed with the same files before")
	flag.Parse()
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("the run took longer than %v", *limit))
	defer cancel()
	rows, err := machine.Named(words(*kernelList))
	if err != nil {
		return err
	}
	asked, err := kindsNamed(words(*driverList))
	if err != nil {
		return err
	}
	if err := needed(rows); err != nil {
		return err
	}
	if err := os.MkdirAll(*cache, 0o755); err != nil {
		return err
	}
	unlock, err := lockFolder(*cache)
	if err != nil {
		return err
	}
	cells, absent, err := prepareCells(*cache, rows, asked)
	unlock()
	if err != nil {
		return err
	}
	kvm, err := useKVM(ctx, *accel, *cache, cells)
	if err != nil {
		return err
	}
	how := manner{kvm: kvm, resume: *resume, second: *second}
	how.commit, how.tree = sources()
	var group errgroup.Group
	group.SetLimit(*parallel)
	for _, c := range cells {
		group.Go(func() error {
			if ctx.Err() != nil {
				c.err = fmt.Errorf("%w: %w", errNotRun, context.Cause(ctx))
				return nil
			}
			c.run(ctx, how)
			fmt.Printf("%-28s %-10s %s\n", c.kernel.Release, c.kind.name, c.verdict())
			return nil
		})
	}
	_ = group.Wait()
	err = errors.Join(report(cells, how.commit, absent), errors.Join(absent...))
	if *document != "" {
		err = errors.Join(err, record(*document, table(cells, how.commit)))
	}
	return err
}

// lockFolder waits until no other run prepares things in the folder.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// prepareCells fetches and builds all that the cells need. Rows whose packages
// cannot be had are told in absent, and the others run.
func prepareCells(cache string, rows []machine.Row, asked []*kind) (cells []*cell, absent []error, err error) {
	bins := map[*machine.Arch]string{}
	for _, row := range rows {
		var here []*kind
		for _, k := range asked {
			if row.Arch == machine.AMD64 || k.arm64 {
				here = append(here, k)
			}
		}
		if len(here) == 0 {
			continue
		}
		if bins[row.Arch] == "" {
			bin, err := compile(cache, row.Arch)
			if err != nil {
				return nil, nil, err
			}
			bins[row.Arch] = bin
		}
		fmt.Printf("preparing kernel %s\n", row.Name)
		g, err := prepare(cache, row, here)
		var unavailable *machine.UnavailableError
		if errors.As(err, &unavailable) {
			absent = append(absent, fmt.Errorf("kernel %s was not tested: %w", row.Name, err))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, k := range here {
			cells = append(cells, &cell{kernel: g, kind: k, cache: cache, bin: bins[row.Arch],
				dir: filepath.Join(cache, "cells", g.Release, k.name)})
		}
	}
	if len(cells) == 0 && len(absent) == 0 {
		return nil, nil, errors.New("none of these kinds of cells is there for these kernels")
	}
	return cells, absent, nil
}

// needed says what this machine lacks.
func needed(rows []machine.Row) error {
	for program, pkg := range map[string]string{
		"apt-get": "apt", "dpkg-deb": "dpkg", "unshare": "util-linux", "chroot": "coreutils",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return &missingError{fmt.Errorf("%s is not installed: apt-get install %s", program, pkg)}
		}
	}
	for _, arch := range []*machine.Arch{machine.AMD64, machine.ARM64} {
		if !slices.ContainsFunc(rows, func(r machine.Row) bool { return r.Arch == arch }) {
			continue
		}
		if err := arch.Usable(); err != nil {
			return &missingError{err}
		}
	}
	if os.Geteuid() != 0 {
		return &missingError{errors.New("needs root: modules are built in a chroot")}
	}
	return nil
}
