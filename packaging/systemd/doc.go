// SPDX-License-Identifier: Apache-2.0

// Package systemd makes the units of the service: one for each driver, all out
// of one template, so that they differ in nothing but what the driver needs.
package systemd

import (
	"bytes"
	_ "embed"
	"text/template"
)

//go:generate go run ./gen

//go:embed unit.tmpl
var text string

var unit = template.Must(template.New("unit").Parse(text))

// Unit is what the unit of a driver has of its own.
type Unit struct {
	Name   string // of the unit, without .service
	Driver string // as `tiercel driver set` calls it
	What   string // for the description
	Kind   string // of engine.kind; "": the configuration's
	// Module: the kernel module is the driver, or may be.
	Module bool
	// Prepare are commands that run before the agent, outside of the sandbox. That
	// one fails is said by the agent, with a status after which systemd does not try
	// again; the status of these commands it would not look at.
	Prepare []string
	// CleanUp are those that run after it.
	CleanUp []string
	// StartTime bounds the start, Prepare included.
	StartTime string
}

// Units are all of them. The first is the one that a package installs unless it
// is told otherwise.
var Units = []Unit{
	{
		Name: "tiercel-auto", Driver: "auto", What: "best driver of this kernel", Module: true, StartTime: "3min",
		// Without the types of the kernel only the module is left.
		Prepare: []string{`-+/bin/sh -c 'test -e /sys/kernel/btf/vmlinux || exec /usr/bin/tiercel driver load kmod'`},
	},
	{Name: "tiercel-modern-bpf", Driver: "modern_bpf", What: "modern eBPF probe", Kind: "modern_ebpf", StartTime: "3min"},
	{
		Name: "tiercel-kmod", Driver: "kmod", What: "kernel module", Kind: "kmod", Module: true, StartTime: "15min",
		Prepare: []string{"-+/usr/bin/tiercel driver load kmod --build --or-fallback"},
		// So that a new release finds the place free for its own module.
		CleanUp: []string{"-+/usr/bin/tiercel driver unload kmod"},
	},
	{
		Name: "tiercel-bpf", Driver: "bpf", What: "legacy eBPF probe", Kind: "bpf", StartTime: "15min",
		Prepare: []string{"-+/usr/bin/tiercel driver build bpf --or-fallback"},
	},
}

// Others are the units before and after u, in the order of Units.
func (u Unit) Others() (names []string) {
	for _, o := range Units {
		if o.Name != u.Name {
			names = append(names, o.Name+".service")
		}
	}
	return names
}

// Earlier are the units before u. Between two units that conflict one order has
// to be said, or the one may start while the other still stops.
func (u Unit) Earlier() (names []string) {
	for _, o := range Units {
		if o.Name == u.Name {
			return names
		}
		names = append(names, o.Name+".service")
	}
	return names
}

// Text returns the unit's file.
func (u Unit) Text() ([]byte, error) {
	var b bytes.Buffer
	err := unit.Execute(&b, u)
	return b.Bytes(), err
}
