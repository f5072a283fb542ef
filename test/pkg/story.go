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
		m := disk.Machine(w.kernel, w.disk, filepath.Join(dir, "initramfs"), "PKGTEST="+s.name+" "+s.boot)
		m.Console, m.Time = console, storyTime
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
		return fmt.Sprintf("ENDED EARLY after %v: %v", took, s.err)
	case len(s.said.Failed) > 0:
		return fmt.Sprintf("FAILED, %v: %s", took, strings.Join(s.said.Failed, "; "))
	}
	return fmt.Sprintf("ok, %v, %d steps", took, len(s.said.Passed))
}
