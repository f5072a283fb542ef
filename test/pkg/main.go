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
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tiercel/tiercel/test/vm/disk"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// stories are what there is to try, and how the machine is booted for it.
var stories = []story{
	{name: "life", drivers: true},
	{name: "trouble"},
	{name: "locked", boot: "lockdown=confidentiality"},
	{name: rpmStory},
}

// unavailable is the exit status when the network gave nothing.
const unavailable = 3

func main() {
	err := run()
	var archive *machine.UnavailableError
	var bootstrap *disk.UnreachableError
	switch {
	case errors.As(err, &archive), errors.As(err, &bootstrap):
		fmt.Fprintln(os.Stderr, "pkgtest: skipped:", err)
		os.Exit(unavailable)
	case err != nil:
		fmt.Fprintln(os.Stderr, "pkgtest:", err)
		os.Exit(1)
	}
}

// options are what the command line asks for.
type options struct {
	cache, kernel, packages string
	stories                 []*story
	parallel                int
}

func parse() (*options, error) {
	cacheDir, _ := os.UserCacheDir()
	o := &options{}
	flag.StringVar(&o.cache, "cache", filepath.Join(cacheDir, "tiercel-vm"), "`folder` for packages, kernels and roots")
	flag.StringVar(&o.kernel, "kernel", "6.1", "row of the kernels' matrix")
	flag.StringVar(&o.packages, "packages", "", "keep the packages in this `folder`, and take those that are there")
	flag.IntVar(&o.parallel, "parallel", 2, "machines at once")
	only := flag.String("only", "", "`stories`, with commas; by default all")
	flag.Parse()
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' || r == ' ' })
	for i := range stories {
		if len(wanted) == 0 || slices.Contains(wanted, stories[i].name) {
			o.stories = append(o.stories, &stories[i])
		}
	}
	if len(o.stories) < len(wanted) {
		return nil, fmt.Errorf("not all of these are stories: %s", *only)
	}
	return o, nil
}

func run() error {
	o, err := parse()
	if err == nil {
		err = needed()
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(w.dir)
	var group errgroup.Group
	group.SetLimit(o.parallel)
	for _, s := range o.stories {
		group.Go(func() error {
			s.run(ctx, w)
			fmt.Printf("%-8s %s\n", s.name, s.verdict())
			return nil
		})
	}
	_ = group.Wait()
	return report(o.stories)
}

// needed says what this machine lacks.
func needed() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: roots of other systems are made")
	}
	for program, pkg := range map[string]string{"debootstrap": "debootstrap", "mke2fs": "e2fsprogs", "dpkg-deb": "dpkg", "rpm": "rpm", "make": "make"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed: apt-get install %s", program, pkg)
		}
	}
	return machine.AMD64.Usable()
}

// world is what all stories share.
type world struct {
	cache    string
	dir      string // of this run; gone at its end
	kernel   *machine.Kernel
	packages *packages
	disk     string // of the machines; each has changes of its own
	guest    string // the program that lives the stories
	drivers  builtDrivers
}

// prepare makes what the stories need, at once as far as it can be.
func prepare(ctx context.Context, o *options) (*world, error) {
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return nil, err
	}
	rows, err := machine.Named([]string{o.kernel})
	if err != nil {
		return nil, err
	}
	w := &world{cache: o.cache}
	if w.dir, err = os.MkdirTemp("", "tiercel-pkgtest-"); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	ready := func(name string, do func() error) {
		group.Go(func() error {
			if err := do(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Printf("%s ready after %v\n", name, time.Since(began).Round(time.Second))
			return nil
		})
	}
	ready("packages", func() (err error) {
		w.packages, err = makePackages(ctx, w.dir, o.packages)
		return err
	})
	if slices.ContainsFunc(o.stories, func(s *story) bool { return s.name != rpmStory }) {
		ready("disk", func() (err error) {
			w.disk, err = debian.Make(ctx, filepath.Join(o.cache, "pkgtest-"+disk.Suite))
			return err
		})
		ready("kernel", func() (err error) {
			if w.kernel, err = machine.FetchKernel(o.cache, rows[0]); err != nil {
				return err
			}
			if slices.ContainsFunc(o.stories, func(s *story) bool { return s.drivers }) {
				w.drivers, err = buildDrivers(ctx, w.dir, w.kernel)
			}
			return err
		})
		ready("guest", func() error {
			w.guest = filepath.Join(w.dir, "guest")
			return disk.Command(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", w.guest, "./test/pkg/guest")
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	return w, nil
}

// report prints what each story found out, and the console of those that failed.
func report(all []*story) error {
	var bad []string
	passed, failed := 0, 0
	for _, s := range all {
		fmt.Printf("\n--- %s\n", s.name)
		for _, name := range s.said.Passed {
			fmt.Println("ok    " + name)
		}
		for _, name := range s.said.Failed {
			fmt.Println("FAIL  " + name)
		}
		for _, note := range s.said.Notes {
			fmt.Println("      " + note)
		}
		passed, failed = passed+len(s.said.Passed), failed+len(s.said.Failed)
		if s.err != nil || len(s.said.Failed) > 0 {
			bad = append(bad, s.name)
			fmt.Println(machine.Tail(s.said.Text, 6000))
		}
	}
	fmt.Printf("\n%d steps passed, %d failed\n", passed, failed)
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d stories failed: %s", len(bad), len(all), strings.Join(bad, ", "))
	}
	return nil
}
