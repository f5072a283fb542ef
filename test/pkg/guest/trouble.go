// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// trouble is what may go wrong while packages come and go. Each gives one
// message, leaves dpkg consistent, and lets run what ran.
var trouble = []step{
	{"a package of another architecture is refused", func(*guest) error {
		out, err := run("dpkg -i " + dir + "foreign.deb")
		if err == nil {
			return errors.New("it was installed")
		}
		return errors.Join(want(out, "does not match system"), consistent(""), absent())
	}},
	{"no space: nothing is installed, and later it can be", func(*guest) error {
		giveBack, err := fill(4 << 20)
		if err != nil {
			return err
		}
		out, err := run("dpkg -i " + oldDeb)
		giveBack()
		if err == nil {
			return errors.New("it was installed")
		}
		return errors.Join(want(out, "No space left on device"), consistent(""), absent())
	}},
	{"broken rules from before: installed, not started, one message", func(g *guest) error {
		at := g.mark()
		if err := errors.Join(os.MkdirAll("/etc/tiercel/rules.d", 0o755), write(rulesFile, broken)); err != nil {
			return err
		}
		out, err := run("dpkg -i " + oldDeb)
		if err != nil {
			return err
		}
		g.flushed()
		return errors.Join(one(out, "not started"), consistent("install ok installed"), is(alias, map[string]string{"ActiveState": "inactive", "UnitFileState": "enabled"}),
			quiet(g.since(at)))
	}},
	{"started all the same: one message, no second try", func(g *guest) error {
		at := g.mark()
		out, err := run("systemctl start " + alias)
		if err == nil {
			return fmt.Errorf("it starts: %s", out)
		}
		time.Sleep(7 * time.Second) // longer than RestartSec
		g.flushed()
		lines := g.since(at)
		if n := count(lines, "tiercel[", "]: Error: "); n != 1 {
			err = fmt.Errorf("%d errors in the journal: %q", n, lines)
		} else {
			err = nil
		}
		return errors.Join(err, is(alias, map[string]string{"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}), want(show(alias, "StatusText"), "Error"))
	}},
	{"corrected, it starts", func(g *guest) error {
		return errors.Join(setRules("one"), all("systemctl start "+alias), g.sings())
	}},
	{"broken rules at an upgrade: the old agent goes on, one message", func(g *guest) error {
		pid := show(alias, "MainPID")
		if err := write(rulesFile, broken); err != nil {
			return err
		}
		out, err := run("dpkg -i --force-confdef --force-confold " + newDeb)
		if err != nil {
			return err
		}
		version, _ := run("tiercel --version")
		return errors.Join(one(out, "the running service stays as it was"), consistent("install ok installed"), want(version, "0.2.0"),
			active(pid), g.sings(),
			setRules("two"), all("systemctl restart "+alias), g.sings())
	}},
	{"no space at an upgrade: the old agent goes on, and the upgrade can be repeated", func(g *guest) error {
		if err := all("dpkg -i --force-downgrade --force-confold " + oldDeb); err != nil {
			return err
		}
		pid := show(alias, "MainPID")
		giveBack, err := fill(4 << 20)
		if err != nil {
			return err
		}
		out, err := run("dpkg -i --force-confold " + newDeb)
		giveBack()
		if err == nil {
			return errors.New("it was installed")
		}
		version, _ := run("tiercel --version")
		return errors.Join(want(out, "No space left on device"), want(version, "0.1.0"), consistent("install ok installed"),
			active(pid), g.sings(),
			all("dpkg -i --force-confold "+newDeb), g.sings())
	}},
	{"half-configured: dpkg --configure -a ends it", func(g *guest) error {
		// A script that fails half-way leaves a package like that.
		const script = "/var/lib/dpkg/info/tiercel.postinst"
		if err := all("dpkg --purge tiercel", "dpkg --unpack "+oldDeb, "mv "+script+" "+script+".kept", "printf '#!/bin/sh\\nexit 1\\n' >"+script,
			"chmod 755 "+script); err != nil {
			return err
		}
		if _, err := run("dpkg --configure tiercel"); err == nil {
			return errors.New("a script that fails is no failure")
		}
		if err := all("mv " + script + ".kept " + script); err != nil {
			return err
		}
		out, _ := run("dpkg --audit")
		if err := want(out, "tiercel", "half configured"); err != nil {
			return err
		}
		if err := all("dpkg --configure -a"); err != nil {
			return err
		}
		return errors.Join(consistent("install ok installed"), is(alias, map[string]string{"Id": auto, "ActiveState": "active", "UnitFileState": "enabled"}),
			setRules("three"), all("systemctl restart "+alias), g.sings())
	}},
	{"a service that was stopped is not started by an upgrade", func(*guest) error {
		return errors.Join(all("systemctl stop "+alias, "dpkg -i --force-confold "+newDeb),
			is(alias, map[string]string{"ActiveState": "inactive", "UnitFileState": "enabled"}), all("systemctl start "+alias))
	}},
	{"no space while it runs: the agent goes on, and alerts still come to the journal", func(g *guest) error {
		pid := show(alias, "MainPID")
		giveBack, err := fill(1 << 20)
		if err != nil {
			return err
		}
		defer giveBack()
		return errors.Join(g.opens("/etc/hostname"), active(pid))
	}},
	{"the choice of the environment at install: the legacy driver, which cannot be built here", func(g *guest) error {
		at := g.mark()
		if err := all("dpkg --purge tiercel"); err != nil {
			return err
		}
		out, err := run("TIERCEL_DRIVER=bpf dpkg -i " + oldDeb)
		if err != nil {
			return err
		}
		time.Sleep(7 * time.Second) // longer than RestartSec
		g.flushed()
		lines := g.since(at)
		// Why it cannot be built, and that there is none; no second try of either.
		if n := count(lines, "tiercel[", "]: Error: "); n != 2 || find(lines, "clang") == "" {
			err = fmt.Errorf("%d errors in the journal: %q", n, lines)
		}
		return errors.Join(err, one(out, "did not start"), consistent("install ok installed"),
			is(alias, map[string]string{"Id": legacy, "UnitFileState": "enabled", "ActiveState": "failed", "ExecMainStatus": "69", "NRestarts": "0"}),
			all("systemctl stop "+alias, "tiercel driver set auto", "systemctl start "+alias), is(alias, map[string]string{"Id": auto, "ActiveState": "active"}))
	}},
}

const broken = "- rule: Broken\n  desc: d\n  condition: evt.type = opne\n  output: x\n  priority: INFO\n"

// consistent checks that dpkg is content and what it says of the package.
func consistent(status string) error {
	out, err := run("dpkg --audit")
	if err == nil && out != "" {
		err = fmt.Errorf("dpkg --audit: %s", out)
	}
	got, _ := run("dpkg-query -W -f '${Status}' tiercel 2>/dev/null || true")
	if strings.HasSuffix(got, " ok not-installed") {
		got = ""
	}
	if got != status {
		err = errors.Join(err, fmt.Errorf("dpkg says of tiercel %q, not %q", got, status))
	}
	return err
}

func absent() error {
	for _, path := range []string{"/usr/bin/tiercel", "/usr/bin/tiercel.dpkg-new", "/usr/lib/systemd/system/" + auto, conffile + ".dpkg-new"} {
		if exists(path) {
			return fmt.Errorf("left behind: %s", path)
		}
	}
	return nil
}

// one wants a message of ours once, and no other.
func one(out, message string) error {
	err := want(out, message)
	if n := strings.Count(out, "tiercel: "); err == nil && n != 1 {
		err = fmt.Errorf("%d messages: %s", n, out)
	}
	return err
}

// quiet wants nothing of the agent in the journal.
func quiet(lines []string) error {
	if line := find(lines, "tiercel["); line != "" {
		return fmt.Errorf("the journal says: %s", line)
	}
	return nil
}

// fill leaves so many bytes of the disk.
func fill(leave uint64) (giveBack func(), err error) {
	const path = "/var/tmp/full"
	room := free("/")
	if room > leave {
		if err := all(fmt.Sprintf("fallocate -l %d %s", room-leave, path)); err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
	}
	return func() { _ = os.Remove(path) }, nil
}

// opens wants an alert for a file of which it need not make one: there is no
// room.
func (g *guest) opens(string) error {
	path, at := canaries+"1", g.mark()
	if _, err := run("cat " + path); err != nil {
		return err
	}
	_, err := g.await(at, alertTime, "canary file="+path)
	return err
}
