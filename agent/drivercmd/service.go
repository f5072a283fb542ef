// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/drivers"
)

// alias is the name that stands for the unit of the chosen driver.
const alias = "tiercel.service"

// serviceDrivers are the drivers that have a unit.
var serviceDrivers = []string{drivers.Auto, drivers.ModernBPF, drivers.Kmod, drivers.BPF}

// UnitOf is the unit of a driver.
func UnitOf(driver string) string {
	return "tiercel-" + strings.ReplaceAll(driver, "_", "-") + ".service"
}

// Service is how the service is set up.
type Service struct {
	Driver  string `json:"driver"` // that it is set to; "": none
	Unit    string `json:"unit"`
	Enabled bool   `json:"enabled"` // it starts with the system
	Running string `json:"running"` // the unit that runs, or that failed; "": none, or not known
	Failed  bool   `json:"failed"`
}

// String describes it in a line.
func (v *Service) String() string {
	text := "no driver is chosen (tiercel driver set auto, or systemctl enable one of the units)"
	if v.Driver != "" {
		text = v.Driver + " (" + v.Unit + ")"
	}
	if v.Enabled {
		text += ", starts with the system"
	} else {
		text += ", does not start with the system"
	}
	switch {
	case v.Running == "":
		text += ", is not running"
	case v.Failed:
		text += ", " + v.Running + " has failed (journalctl -u " + v.Running + ")"
	case v.Running == v.Unit:
		text += ", is running"
	default:
		text += ", " + v.Running + " is running"
	}
	return text
}

// units are the folders of unit files, those that are looked at first in front.
var units = []string{"etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// installed reports whether a system has a unit.
func (s *System) installed(root, unit string) bool {
	for _, dir := range units {
		if st, err := os.Stat(filepath.Join("/", s.host, root, dir, unit)); err == nil && st.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// service looks at the units of a system; nil: it has none. What systemctl
// enable makes are links, which tell the same whether systemd runs or not.
func (s *System) service(root string) *Service {
	var v *Service
	dir := filepath.Join("/", s.host, root, units[0])
	target, _ := os.Readlink(filepath.Join(dir, alias))
	failed := map[string]bool{}
	for _, driver := range serviceDrivers {
		unit := UnitOf(driver)
		if !s.installed(root, unit) {
			continue
		}
		if v == nil {
			v = &Service{}
		}
		wanted, _ := filepath.Glob(filepath.Join(dir, "*.wants", unit))
		// Without the alias, which somebody may have removed, the wish tells.
		if filepath.Base(target) == unit || v.Unit == "" && len(wanted) > 0 {
			v.Driver, v.Unit = driver, unit
		}
		v.Enabled = v.Enabled || len(wanted) > 0
		if root != "" || !s.booted() {
			continue
		}
		// The exit status tells the same as the word.
		switch state, _ := s.systemctl("is-active", unit); strings.TrimSpace(state) {
		case "active", "activating", "reloading":
			v.Running, v.Failed = unit, false
		case "failed":
			failed[unit] = true
		}
	}
	// Of units that nobody has chosen it does not matter that they failed once.
	if v != nil && v.Running == "" && failed[v.Unit] {
		v.Running, v.Failed = v.Unit, true
	}
	return v
}

// booted reports whether systemd runs this system.
func booted() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// systemctl runs systemctl(1). Its error is what it said.
func systemctl(args ...string) (string, error) {
	cmd := exec.Command("systemctl", args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		err = errors.New("there is no systemctl here; without systemd the driver is chosen by engine.kind in the configuration, or by -o engine.kind=NAME")
	case err != nil && said.Len() > 0:
		err = fmt.Errorf("systemctl %s: %s", strings.Join(args, " "), strings.TrimSpace(said.String()))
	case err != nil:
		err = fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
	}
	return out.String(), err
}
