// SPDX-License-Identifier: Apache-2.0

// Command provoke does, one at a time and harmlessly, what the default rules
// watch for. Everything that would change the host happens in private mount
// and network namespaces, so nothing is left behind.
//
//	provoke NAME      do it (needs root)
//	provoke -list     name everything that can be done
package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// step is one provocation, or something that resembles one.
type step struct {
	run       func() error
	isolated  bool     // in mount and network namespaces of its own
	empty     []string // folders that an empty tmpfs hides; needs isolated
	contained bool     // in a control group as a container runtime makes it
}

// steps are all that can be done, by name.
var steps = map[string]step{}

// provide adds steps; each file has those of one tactic.
func provide(more map[string]step) {
	for name, s := range more {
		if _, twice := steps[name]; twice {
			panic("two steps are called " + name)
		}
		steps[name] = s
	}
}

func main() {
	// Namespaces belong to a thread; everything happens on this one.
	runtime.LockOSThread()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: provoke NAME | -list")
		os.Exit(2)
	}
	if os.Args[1] == "-list" {
		for _, n := range slices.Sorted(maps.Keys(steps)) {
			fmt.Println(n)
		}
		return
	}
	s, ok := steps[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "provoke: no such thing as %q (see provoke -list)\n", os.Args[1])
		os.Exit(2)
	}
	if err := do(s); err != nil {
		fmt.Fprintf(os.Stderr, "provoke %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func do(s step) error {
	if s.contained && os.Getenv(insideMark) == "" {
		return insideContainer()
	}
	if err := prepare(s); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return s.run()
}

// prepare moves the thread into private namespaces and hides folders.
func prepare(s step) error {
	if !s.isolated {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, dir := range s.empty {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return nil
}
