// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// DriverWork is what the commands about drivers were asked for; doctor has
// only Options.JSON.
type DriverWork struct {
	Kind    string // of build, load and unload: kmod or bpf; of set also auto and modern_bpf
	Release string // of build: the kernel, "": the running one
	Headers string // of build: its build folder, "": the one below /lib/modules
	BTF     string // of build bpf: a file with the kernel's types, instead of headers
	File    string // of build: where the product goes; of load: the module; "": the usual place
	Build   bool   // of load: build the module first when there is none that fits
	// OrFallback: of build and load: failing is no failure where engine.fallback
	// names another driver.
	OrFallback bool
	Force      bool   // of build: also when it is there already, or would be refused; of set: also when it cannot run
	Root       string // of set: where the system is, "": here
	Verbose    bool   // of build: show what the compilers say
}

const orFallback = "for units: do not fail when the configuration's engine.fallback names other drivers"

// driverKinds are the drivers that can be built.
var driverKinds = []string{"kmod", "bpf"}

func driverCommand(o *Options) *cobra.Command {
	doctor := leaf(o, DriverDoctor, "doctor", "say what this kernel offers and which driver runs",
		"Says what this kernel offers to drivers, which one would be chosen, and why.")
	doctor.Flags().BoolVarP(&o.JSON, "json", "j", false, "print JSON")

	d := &o.Driver
	build := leaf(o, DriverBuild, "build kmod|bpf", "build a driver for this kernel",
		"Builds the kernel module or the legacy eBPF probe against the headers of this kernel, and keeps it where load\n"+
			"and the agent find it. Where there are no headers the probe is built from the kernel's BTF. Nothing is asked.\n"+
			"modern_bpf needs no building.\n"+
			"Exit status: 0 it is there, 1 it cannot be built.")
	fs := build.Flags()
	fs.SortFlags = false
	fs.StringVar(&d.Release, "kernel", "", "build for another kernel, by its `release`")
	fs.StringVar(&d.Headers, "headers", "", "build `folder` of the kernel, instead of /lib/modules/RELEASE/build")
	fs.StringVar(&d.BTF, "btf", "", "with bpf: a `file` with the kernel's BTF, raw or in a vmlinux, instead of headers")
	fs.StringVarP(&d.File, "output", "o", "", "put the product into this `file`, instead of /var/lib/tiercel/RELEASE")
	fs.BoolVarP(&d.Force, "force", "f", false, "build although it is there already, or although this kernel would refuse it")
	fs.BoolVarP(&d.Verbose, "verbose", "v", false, "print what the compilers say")
	fs.BoolVar(&d.OrFallback, "or-fallback", false, orFallback)

	load := leaf(o, DriverLoad, "load kmod", "load the kernel module",
		"Loads the module that was built for this kernel, of DKMS, of a package or by tiercel driver build kmod. The\n"+
			"probes are loaded by the agent itself.\n"+
			"Exit status: 0 it is loaded, 1 it cannot be loaded.")
	load.Flags().StringVar(&d.File, "file", "", "load this `file`")
	load.Flags().BoolVar(&d.Build, "build", false, "build it first when there is none for this kernel and this release")
	load.Flags().BoolVar(&d.OrFallback, "or-fallback", false, orFallback)

	unload := leaf(o, DriverUnload, "unload kmod", "unload the kernel module",
		"Takes the module out of the kernel, once nobody uses it.\n"+
			"Exit status: 0 it is not loaded any more, 1 it cannot be unloaded.")

	status := leaf(o, DriverStatus, "status", "say which drivers are built, loaded and in use",
		"Says which drivers are there for this kernel, whether they fit this release, which module is loaded, and which\n"+
			"driver the service is set to.")
	status.Flags().BoolVarP(&o.JSON, "json", "j", false, "print JSON")
	return branch(o, "driver", "about kernel drivers", doctor, build, load, unload, driverSetCommand(o), status)
}

// isDriver reports whether the command is one about drivers.
func (c Command) isDriver() bool { return strings.HasPrefix(string(c), "driver ") }

// driverKind takes what stands beside the flags of a command about drivers.
func (o *Options) driverKind(args []string) error {
	if o.Command == DriverDoctor || o.Command == DriverStatus {
		if len(args) > 0 {
			return fmt.Errorf("%s takes no argument, but there is '%s'", o.Command, args[0])
		}
		return nil
	}
	if o.Command == DriverSet {
		return o.serviceKind(args)
	}
	if len(args) != 1 {
		return fmt.Errorf("%s needs the name of one driver, %s; see tiercel %s --help", o.Command, strings.Join(driverKinds, " or "), o.Command)
	}
	o.Driver.Kind = args[0]
	if o.Driver.BTF != "" && args[0] != "bpf" {
		return fmt.Errorf("%s: --btf is for bpf: a module needs the kernel's headers", o.Command)
	}
	for _, k := range append(driverKinds, "modern_bpf") {
		if k == args[0] {
			return nil
		}
	}
	return fmt.Errorf("%s: there is no driver '%s'; there are %s", o.Command, args[0], strings.Join(driverKinds, " and "))
}
