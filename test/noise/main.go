// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/test/vm/disk"
)

// options are what the command line asks for.
type options struct {
	agent, rules string
	cache        string
	only         string
	idle         time.Duration
	details      bool
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == initWord {
		os.Exit(first(os.Args[2:]))
	}
	if os.Getpid() == 1 {
		disk.Boot()
	}
	if len(os.Args) == 2 && os.Args[1] == "guest" {
		guest()
	}
	var o options
	flag.StringVar(&o.agent, "agent", "bin/tiercel", "the agent's `file`")
	flag.StringVar(&o.rules, "rules", "rules/default", "rules `file` or folder")
	flag.StringVar(&o.cache, "cache", "/var/tmp/tiercel-noise", "`folder` for the Debian that packages are installed in")
	flag.StringVar(&o.only, "only", "", "names of the `works` to do, with commas; by default all")
	flag.DurationVar(&o.idle, "idle", 0, "instead, boot a machine with nothing to do and watch it for that `time`")
	flag.BoolVar(&o.details, "v", false, "print every alert, not one of each rule")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintf(os.Stderr, "noise: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it watches the host, and makes roots of other systems")
	}
	if o.idle > 0 {
		return watchIdle(ctx, o)
	}
	var chosen []work
	for _, w := range works {
		if o.only == "" || slices.Contains(strings.Split(o.only, ","), w.name) {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no work is called %s", o.only)
	}
	var failed []error
	for _, w := range chosen {
		r, err := w.watched(ctx, o)
		if r != nil {
			r.print(os.Stdout, o.details)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
		}
	}
	return errors.Join(failed...)
}
