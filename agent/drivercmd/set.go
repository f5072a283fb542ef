// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
)

// set makes the service use a driver. When it fails everything is as before.
func (s *System) set(d *cmdline.DriverWork) error {
	root := strings.TrimRight(d.Root, "/")
	unit := UnitOf(d.Kind)
	before := s.service(root)
	if before == nil || !s.installed(root, unit) {
		return fmt.Errorf("set the driver: there is no %s; install the package, or choose by engine.kind in the configuration", unit)
	}
	here := root == "" && s.booted()
	if here && !d.Force {
		if err := s.fit(d.Kind); err != nil {
			return fmt.Errorf("set the driver: %w\nnothing has been changed (--force does not look whether the driver can run)", err)
		}
	}
	c := change{s: s, root: root, unit: unit, before: before}
	if err := c.enable(); err != nil {
		return fmt.Errorf("set the driver: %w", err)
	}
	if err := c.start(); err != nil {
		return fmt.Errorf("set the driver: %w", err)
	}
	_, err := fmt.Fprintln(s.Stdout, c.report(d.Kind, here))
	return err
}

// fit makes sure that a driver can run here: what has to be built for it is
// built, and then it is tried.
func (s *System) fit(kind string) error {
	var err error
	switch kind {
	case drivers.Kmod:
		err = s.load(&cmdline.DriverWork{Kind: kind, Build: true})
	case drivers.BPF:
		err = s.build(&cmdline.DriverWork{Kind: kind})
	}
	if err != nil {
		return err
	}
	d := s.doctor()
	if kind != drivers.Auto {
		if v := d.Driver(kind); v == nil || v.Status == drivers.Missing {
			return refusal(v, kind)
		}
		return nil
	}
	if d.Chosen != "" {
		_, err := fmt.Fprintf(s.Stdout, "auto takes %s here\n", d.Chosen)
		return err
	}
	err = errors.New("no driver can run here")
	for _, v := range d.Drivers {
		if v.Status != drivers.Missing {
			return nil // that cannot be told
		}
		err = fmt.Errorf("%w\n%w", err, refusal(&v, v.Driver))
	}
	return err
}

func refusal(v *drivers.Verdict, kind string) error {
	if v == nil {
		return fmt.Errorf("%s cannot run here", kind)
	}
	if v.Advice == "" {
		return fmt.Errorf("%s cannot run here: %s", kind, v.Reason)
	}
	return fmt.Errorf("%s cannot run here: %s; %s", kind, v.Reason, v.Advice)
}

// change is the way from one unit to another.
type change struct {
	s      *System
	root   string
	unit   string // the new one
	before *Service

	moved   bool
	started bool
}

func (c *change) systemctl(args ...string) error {
	if c.root != "" {
		args = append([]string{"--root=" + c.root}, args...)
	}
	_, err := c.s.systemctl(args...)
	return err
}

// enable moves what systemctl enable makes: the alias, and the wish to be
// started with the system. A service that is disabled has neither.
func (c *change) enable() error {
	if !c.before.Enabled || c.before.Unit == c.unit {
		return nil
	}
	if err := c.disableOthers(c.unit); err != nil {
		return err
	}
	c.moved = true
	if err := c.systemctl("enable", c.unit); err != nil {
		return errors.Join(err, c.back())
	}
	return nil
}

// disableOthers disables all units but one. Only those that are there can be.
func (c *change) disableOthers(but string) error {
	for _, driver := range serviceDrivers {
		if u := UnitOf(driver); u != but && c.s.installed(c.root, u) {
			if err := c.systemctl("disable", u); err != nil {
				return err
			}
		}
	}
	return nil
}

// back enables the former unit.
func (c *change) back() error {
	if !c.moved || c.before.Unit == "" {
		return nil
	}
	if err := c.disableOthers(c.before.Unit); err != nil {
		return err
	}
	return c.systemctl("enable", c.before.Unit)
}

// start goes on with the new unit where one ran, or should have. When it cannot
// be started the old one is.
func (c *change) start() error {
	if c.before.Running == "" || c.before.Running == c.unit && !c.before.Failed {
		return nil
	}
	err := c.systemctl("restart", c.unit) // which ends the others
	if err == nil {
		c.started = true
		return nil
	}
	why, _ := c.s.systemctl("show", "--property=StatusText", "--value", c.unit)
	if why = strings.TrimSpace(why); why != "" {
		err = fmt.Errorf("%s cannot be started: %s", c.unit, why)
	}
	err = errors.Join(err, c.back())
	_ = c.systemctl("reset-failed", c.unit) // it has been said
	if c.before.Failed {
		return err
	}
	if again := c.systemctl("start", c.before.Running); again != nil {
		return errors.Join(err, fmt.Errorf("nor can %s any more: %w", c.before.Running, again))
	}
	return fmt.Errorf("%w\n%s runs again", err, c.before.Running)
}

// report says what was done.
func (c *change) report(kind string, here bool) string {
	b := c.before
	text := fmt.Sprintf("%s is %s now", alias, c.unit)
	switch {
	case !b.Enabled && c.started:
		text = fmt.Sprintf("%s runs now", c.unit)
	case !b.Enabled:
		return fmt.Sprintf("the service is disabled and stays so; start it with %s by: systemctl enable --now %s", kind, c.unit)
	case b.Unit == c.unit:
		text = fmt.Sprintf("%s is %s already", alias, c.unit)
	case b.Unit != "":
		text += ", was " + b.Unit
	}
	switch {
	case c.started:
		text += "; restarted"
	case !here:
		text += "; systemd is not running there: neither looked at nor started"
	case b.Running == "":
		text += "; it is not running, as before"
	}
	return text
}
