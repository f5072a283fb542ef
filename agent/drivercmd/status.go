// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/kmod"
)

// State is how one driver is on this host.
type State struct {
	Driver string `json:"driver"`
	File   string `json:"file"` // "": none, or part of the agent
	Fits   bool   `json:"fits"` // the file belongs to this kernel and this release
	Loaded bool   `json:"loaded"`
	Detail string `json:"detail"`
}

// states describes all drivers.
func (s *System) states(release string) []State {
	return []State{
		{Driver: drivers.ModernBPF, Fits: true, Detail: "part of the agent, which loads it when it starts"},
		s.moduleState(release),
		probeState(release),
	}
}

func (s *System) moduleState(release string) State {
	st := State{Driver: drivers.Kmod, Loaded: s.module.loaded()}
	path, err := s.pick(release)
	st.File = path
	switch {
	case path == "":
		st.Detail = "not built for this kernel (tiercel driver build kmod)"
	case err != nil:
		st.Detail = err.Error()
	default:
		st.Fits, st.Detail = true, "built, not loaded (tiercel driver load kmod)"
	}
	if !st.Loaded {
		return st
	}
	info, err := s.module.info()
	if err == nil {
		err = info.Check()
	}
	if err != nil {
		st.Detail = err.Error()
		return st
	}
	st.Detail = "loaded, version " + info.Version
	return st
}

// status tells of all drivers.
func (s *System) status(asJSON bool) error {
	release, err := s.release()
	if err != nil {
		return err
	}
	states, dkms, service := s.states(release), s.module.dkms(release), s.service("")
	if asJSON {
		e := json.NewEncoder(s.Stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Kernel  string      `json:"kernel"`
			Drivers []State     `json:"drivers"`
			DKMS    []kmod.DKMS `json:"dkms"`    // null: the module is not in DKMS's hands
			Service *Service    `json:"service"` // null: no unit is installed
		}{release, states, dkms, service})
	}
	t := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Linux %s\nDRIVER\tFILE\tSTATE\n", release)
	for _, st := range states {
		file := st.File
		if file == "" {
			file = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", st.Driver, file, st.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, d := range dkms {
		if _, err := fmt.Fprintf(s.Stdout, "DKMS: tiercel/%s %s\n", d.Version, d.Advice()); err != nil {
			return err
		}
	}
	if service != nil {
		_, err = fmt.Fprintf(s.Stdout, "Service: %s\n", service)
	}
	return err
}
