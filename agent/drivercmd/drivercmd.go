// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/kmod"
)

// System is what the commands work on. The zero values of its functions are
// those of this host.
type System struct {
	Stdout  io.Writer
	Version string // of this release

	release   func() (string, error)
	obstacles func() (refused, unbuildable []drivers.Finding)
	module    module
	doctor    func() *drivers.Diagnosis
	systemctl func(args ...string) (string, error)
	booted    func() bool // with systemd
	host      string      // where / is; "" but in tests
}

// module is what can be done with kernel modules.
type module interface {
	loaded() bool
	info() (kmod.Info, error)
	files(release string) []string // the preferred one first
	file(path string) (kmod.File, error)
	load(path string) error
	unload() error
	dkms(release string) []kmod.DKMS
}

// hostModule is the running kernel's.
type hostModule struct{}

func (hostModule) loaded() bool                     { return kmod.Loaded() }
func (hostModule) info() (kmod.Info, error)         { return kmod.ReadInfo() }
func (hostModule) files(rel string) []string        { return kmod.Files("", rel) }
func (hostModule) file(p string) (kmod.File, error) { return kmod.ReadFile(p) }
func (hostModule) load(path string) error           { return kmod.Load(path) }
func (hostModule) unload() error                    { return kmod.Unload() }
func (hostModule) dkms(rel string) []kmod.DKMS      { return kmod.DKMSStates("", rel) }

func (s *System) defaults() {
	if s.release == nil {
		s.release = kmod.Release
	}
	if s.obstacles == nil {
		s.obstacles = drivers.ModuleObstacles
	}
	if s.module == nil {
		s.module = hostModule{}
	}
	if s.doctor == nil {
		s.doctor = drivers.Doctor
	}
	if s.systemctl == nil {
		s.systemctl = systemctl
	}
	if s.booted == nil {
		s.booted = booted
	}
}

// Run does what the command line asks for.
func Run(s System, o *cmdline.Options) error {
	s.defaults()
	if o.Command == cmdline.DriverStatus {
		return s.status(o.JSON)
	}
	d := &o.Driver
	if o.Command == cmdline.DriverSet {
		return s.set(d)
	}
	if d.Kind == drivers.ModernBPF {
		return s.modern(o.Command)
	}
	switch o.Command {
	case cmdline.DriverBuild:
		return s.build(d)
	case cmdline.DriverLoad:
		return s.load(d)
	case cmdline.DriverUnload:
		return s.unload(d)
	}
	return fmt.Errorf("tiercel %s: there is no such command", o.Command)
}

// modern answers for the driver that is part of the agent.
func (s *System) modern(c cmdline.Command) error {
	_, err := fmt.Fprintf(s.Stdout, "modern_bpf is part of the agent, which loads it when it starts: there is nothing to %s.\n",
		strings.TrimPrefix(string(c), "driver "))
	return err
}

// probe says of the legacy probe that it is not loaded by itself.
func (s *System) probe(what string) error {
	_, err := fmt.Fprintf(s.Stdout, "bpf is loaded by the agent when it starts, and goes with it: there is nothing to %s.\n", what)
	return err
}

// load loads the module; that it is there already is no failure.
func (s *System) load(d *cmdline.DriverWork) error {
	if d.Kind == drivers.BPF {
		return s.probe("load")
	}
	if s.module.loaded() {
		return s.alreadyLoaded()
	}
	release, err := s.release()
	if err != nil {
		return err
	}
	path, err := s.toLoad(d, release)
	if err != nil {
		return err
	}
	if err := s.module.load(path); err != nil {
		return explained(err, s.refusals())
	}
	info, err := s.module.info()
	if errors.Is(err, kmod.ErrNoDevice) {
		return s.leftToAgent("loaded " + path)
	}
	if err == nil {
		err = info.Check()
	}
	if err != nil { // its file did not tell; what we have loaded we take away again
		return errors.Join(fmt.Errorf("the module %s is not for this agent and was unloaded again: %w", path, err), s.module.unload())
	}
	_, err = fmt.Fprintf(s.Stdout, "loaded %s, version %s\n", path, info.Version)
	return err
}

// toLoad returns the module's file, which it builds if it was asked to and
// there is none that fits.
func (s *System) toLoad(d *cmdline.DriverWork, release string) (string, error) {
	path, err := d.File, error(nil)
	if path == "" {
		path, err = s.pick(release)
	} else {
		err = s.fits(path, release)
	}
	switch {
	case err == nil:
		return path, nil
	case d.Build && d.File == "":
		fmt.Fprintf(s.Stdout, "%v\n", err)
		if err := s.build(&cmdline.DriverWork{Kind: drivers.Kmod}); err != nil {
			return "", fmt.Errorf("load the module: there is none that fits, and it cannot be built: %w", err)
		}
		return kmod.BuiltPath(release), nil
	case errors.Is(err, fs.ErrNotExist) && d.File == "":
		err = fmt.Errorf("%w; tiercel driver build kmod makes one", err)
	}
	return "", fmt.Errorf("load the module: %w", err)
}

// pick returns the first of the modules for a kernel that fits. When none does
// it returns the first, with the reason: after an upgrade that of DKMS may be
// the old one still, and a newer one be built here.
func (s *System) pick(release string) (string, error) {
	all := s.module.files(release)
	if len(all) == 0 {
		return "", kmod.ErrNoFile(release)
	}
	var first error
	for _, path := range all {
		err := s.fits(path, release)
		if err == nil {
			return path, nil
		}
		if first == nil {
			first = err
		}
	}
	return all[0], first
}

// alreadyLoaded judges the module that is there.
func (s *System) alreadyLoaded() error {
	info, err := s.module.info()
	if errors.Is(err, kmod.ErrNoDevice) {
		return s.leftToAgent("the module is loaded already")
	}
	if err != nil {
		return fmt.Errorf("a module called %s is loaded already, but cannot be used: %w", kmod.ModuleName, err)
	}
	if err := info.Check(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Stdout, "the module is loaded already, version %s\n", info.Version)
	return err
}

// leftToAgent says what was done in a container that may load modules but not
// open devices, as the init container of a pod: the agent, which may, asks the
// module whether the two fit when it opens it.
func (s *System) leftToAgent(done string) error {
	_, err := fmt.Fprintf(s.Stdout, "%s; its device is not in this container's /dev, so the agent checks it when it starts\n", done)
	return err
}

// fits checks a module's file before the kernel sees it. A compressed one is
// left to the kernel, and to the handshake.
func (s *System) fits(path, release string) error {
	f, err := s.module.file(path)
	switch {
	case err == nil:
		return f.Check(path, release)
	case strings.HasSuffix(path, ".ko"):
		return err
	}
	return nil
}

func (s *System) unload(d *cmdline.DriverWork) error {
	if d.Kind == drivers.BPF {
		return s.probe("unload")
	}
	if !s.module.loaded() {
		_, err := fmt.Fprintln(s.Stdout, "the module is not loaded")
		return err
	}
	if err := s.module.unload(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.Stdout, "unloaded the module")
	return err
}

// refusals is what this kernel refuses modules for.
func (s *System) refusals() []drivers.Finding {
	refused, _ := s.obstacles()
	return refused
}

// explained adds to an error what stands in the way here, and what to do.
func explained(err error, why []drivers.Finding) error {
	for _, f := range why {
		err = fmt.Errorf("%w\n%s: %s; %s", err, f.Name, f.Detail, f.Advice)
	}
	return err
}
