// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/kmod"
)

// build makes a driver for a kernel, unless the right one is there.
func (s *System) build(d *cmdline.DriverWork) error {
	running, err := s.release()
	if err != nil {
		return err
	}
	release := d.Release
	if release == "" {
		release = running
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if d.Kind == drivers.BPF {
		return s.buildProbe(ctx, d, release)
	}
	return s.buildModule(ctx, d, release, release == running)
}

func (s *System) buildModule(ctx context.Context, d *cmdline.DriverWork, release string, here bool) error {
	to := d.File
	if to == "" {
		to = kmod.BuiltPath(release)
	}
	if f, err := s.module.file(to); err == nil && !d.Force && f.Version == s.Version && f.Check(to, release) == nil {
		_, err := fmt.Fprintf(s.Stdout, "%s is there already, for %s and of this release (--force builds it again)\n", to, release)
		return err
	}
	if here && !d.Force {
		refused, unbuildable := s.obstacles()
		if len(refused) > 0 {
			return explained(errors.New("build the module: this kernel would not take it (--force builds it all the same, to be signed)"), refused)
		}
		if d.Headers == "" && len(unbuildable) > 0 {
			return explained(errors.New("build the module: it cannot be built here"), unbuildable)
		}
	}
	return s.make(ctx, "the module", release, to, d.Verbose, func(ctx context.Context, dir string, out io.Writer) (string, error) {
		return kmod.Build(ctx, kmod.BuildOptions{Release: release, Headers: d.Headers, Dir: dir, Version: s.Version, Output: out})
	})
}

// make runs a build in a folder of its own and puts its product in place.
func (s *System) make(ctx context.Context, what, release, to string, verbose bool, build func(ctx context.Context, dir string, out io.Writer) (string, error)) (failed error) {
	// What cannot be written should be known before the compilers have run.
	undo, err := makeFolders(filepath.Dir(to))
	defer func() {
		if failed != nil {
			undo()
		}
	}()
	if err != nil {
		return fmt.Errorf("build %s: no place for it: %w; choose another with --output", what, err)
	}
	if err := writable(filepath.Dir(to)); err != nil {
		return fmt.Errorf("build %s: %s cannot be written: %w; choose another file with --output, or run as root", what, filepath.Dir(to), err)
	}
	dir, err := os.MkdirTemp("", "tiercel-build-")
	if err != nil {
		return fmt.Errorf("build %s: %w; choose another folder for the work with TMPDIR", what, err)
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	fmt.Fprintf(s.Stdout, "building %s for %s\n", what, release)
	var out io.Writer
	if verbose {
		out = s.Stdout
	}
	done := make(chan struct{})
	finished := s.progress(done, began, verbose)
	product, err := build(ctx, dir, out)
	close(done)
	<-finished
	if err != nil {
		return full(err, "make room in "+os.TempDir()+", or choose another folder for the work with TMPDIR")
	}
	if err := install(product, to); err != nil {
		return full(fmt.Errorf("build %s: %w", what, err), "make room, or choose another place with --output")
	}
	_, err = fmt.Fprintf(s.Stdout, "built %s in %v\n", to, time.Since(began).Round(100*time.Millisecond))
	return err
}

// full says what to do where there is no space. Compilers tell it in words only.
func full(err error, advice string) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || strings.Contains(err.Error(), "o space left on device") {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// makeFolders is os.MkdirAll that can be undone: undo removes the folders that
// were made, as long as nobody has put anything into them.
func makeFolders(dir string) (undo func(), err error) {
	var made []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d) // the deepest one first
	}
	undo = func() {
		for _, d := range made {
			_ = os.Remove(d)
		}
	}
	return undo, os.MkdirAll(dir, 0o755)
}

// writable tries to make a file: permissions alone do not tell.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// progressEvery is how often a long build says that it goes on.
const progressEvery = 5 * time.Second

// progress speaks until done is closed; the channel that it returns is closed
// when it has said its last word.
func (s *System) progress(done <-chan struct{}, began time.Time, quiet bool) <-chan struct{} {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				if !quiet { // else the compilers' own words are progress enough
					fmt.Fprintf(s.Stdout, "  still building after %v\n", time.Since(began).Round(time.Second))
				}
			}
		}
	}()
	return finished
}

// install puts a file in its place whole or not at all.
func install(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
