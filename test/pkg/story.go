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

	"github.com/tiercel/tiercel/test/vm/disk"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// story is a row of steps that one machine takes.
type story struct {
	name    string
	boot    string // of the kernel's command line
	drivers bool   // the machine has drivers that were built for it

	took  time.Duration
	said  machine.Said
	err   error
	again string // how often the machine was run, and why more than once
}

// storyTime is generous: beside other work a machine takes thrice its time.
const storyTime = 30 * time.Minute

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
	s.boots(ctx, w, dir)
	for try := 2; try <= tries && ctx.Err() == nil && disk.Lost(&s.said, s.err); try++ {
		s.again = fmt.Sprintf(" (run %d times: %s)", try, strings.Join(strings.Fields(s.err.Error()+": "+machine.Tail(s.said.Text, 300)), " "))
		s.boots(ctx, w, dir)
	}
}

// tries are how often a machine may be run.
const tries = 3

// boots runs the machine once.
func (s *story) boots(ctx context.Context, w *world, dir string) {
	m := disk.Machine(w.kernel, w.disk, filepath.Join(dir, "initramfs"), "PKGTEST="+s.name+" "+s.boot)
	m.Console, m.Time = filepath.Join(dir, "console"), storyTime
	s.err = m.Run(ctx)
	said, err := machine.ReadConsole(m.Console)
	if errors.Is(err, os.ErrNotExist) && s.err != nil {
		err = nil // it had not come so far
	}
	s.said, s.err = said, errors.Join(s.err, err)
	if s.err == nil && !said.Done {
		s.err = errors.New("the machine did not come to its end")
	}
}

// initramfs makes what the machine starts with: the program that lives the
// story, and what it needs.
func (s *story) initramfs(w *world, path string) error {
	return disk.Initramfs(path, w.kernel, w.guest, func(a *machine.Initramfs) {
		const place = disk.Payload + "/srv/pkgtest/"
		a.File(place+"guest", w.guest)
		p := w.packages
		for name, file := range map[string]string{"old.deb": p.plain, "new.deb": p.new, "packed.deb": p.old, "foreign.deb": p.foreign} {
			a.File(place+name, file)
		}
		if s.drivers {
			for file, to := range w.drivers {
				a.File(place+"drivers"+to, file)
			}
		}
	})
}

func (s *story) verdict() string {
	took := s.took.Round(time.Second)
	switch {
	case s.err != nil:
		return fmt.Sprintf("ENDED EARLY after %v: %v%s", took, s.err, s.again)
	case len(s.said.Failed) > 0:
		return fmt.Sprintf("FAILED, %v: %s%s", took, strings.Join(s.said.Failed, "; "), s.again)
	}
	return fmt.Sprintf("ok, %v, %d steps%s", took, len(s.said.Passed), s.again)
}
